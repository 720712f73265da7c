package cliplugin

import (
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/runimage"
	"github.com/extpack/extpack/internal/screen"
)

// runImagePrinter prints the report of run-image.
type runImagePrinter struct {
	*screen.Screen
	// whole reports whether digests are printed whole.
	whole bool
}

// digest returns the value of a field, which is whole if it fits.
func (p runImagePrinter) digest(d digest.Digest) string {
	return screen.Digests(d.String(), p.whole || p.Fits(digestLine))
}

func (p runImagePrinter) report(r *runimage.Report) error {
	gap := ""
	if len(r.Images) > 0 {
		if err := p.Fields("", []screen.Field{
			{Name: "Name", Value: r.Images[0].Name}, {Name: "Index", Value: p.digest(r.Images[0].Index)},
		}); err != nil {
			return err
		}
		if err := p.images(r.Images); err != nil {
			return err
		}
		gap = "\n"
	}
	for _, d := range r.Dockerfiles {
		fmt.Fprint(p, gap)
		gap = "\n"
		if err := p.dockerfile(d); err != nil {
			return err
		}
	}
	return nil
}

func (p runImagePrinter) dockerfile(d runimage.Dockerfile) error {
	file := d.File
	if file == "" {
		file = "none: " + d.Note
	}
	fields := []screen.Field{
		{Name: "Dockerfile", Value: file}, {Name: "Extension", Value: d.Extension}, {Name: "Targets", Value: strings.Join(d.Targets, ", ")},
	}
	for _, from := range d.From {
		name := from.Image
		switch from.Kind {
		case runimage.FromBase:
			name += ": the build's own run image"
		case runimage.FromStage:
			name += ": an earlier stage"
		case runimage.FromScratch:
			name += ": no image"
		case runimage.FromUndecidable:
			name += ": not decidable: " + from.Reason
		}
		fields = append(fields, screen.Field{Name: "FROM", Value: name})
		if len(from.Images) > 0 {
			fields = append(fields, screen.Field{Name: "Index", Value: p.digest(from.Images[0].Index)})
		}
	}
	if err := p.Fields("", fields); err != nil {
		return err
	}
	for _, from := range d.From {
		if len(from.Images) > 0 {
			if err := p.images(from.Images); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p runImagePrinter) images(images []runimage.Image) error {
	table := screen.Table{Headers: []string{"PLATFORM", "DIGEST", "TOP LAYER", "CONFIG", "USER"}}
	targets := images[0].Target != ""
	if targets {
		table.Headers = append([]string{"TARGET"}, table.Headers...)
	}
	for _, i := range images {
		user := i.Config.User
		if user == "" {
			user = "root"
		}
		row := screen.Cells(i.Platform, screen.Digest(i.Digest.String(), p.whole), screen.Digest(i.TopLayer.String(), p.whole), i.Config.Platform(), user)
		if targets {
			row = append(screen.Cells(i.Target), row...)
		}
		table.Add(row...)
	}
	fmt.Fprintln(p)
	return table.Print(p.Screen)
}
