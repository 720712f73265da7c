package cliplugin

import (
	"fmt"
	"strings"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/progress"
	"github.com/extpack/extpack/internal/screen"
	"github.com/extpack/extpack/internal/text"
)

// summary prints, on a terminal, what a build has made and the next command.
func (o *buildOptions) summary(s *screen.Screen, results []pipeline.Result) {
	if o.quiet || s.Width == 0 || progress.Mode(o.Progress) == progress.JSON || len(results) == 0 {
		return
	}
	fmt.Fprintln(s)
	var err error
	if len(results) == 1 {
		err = printBuilt(s, results[0])
	} else {
		err = printAllBuilt(s, results)
	}
	if next := o.next(results[len(results)-1]); err == nil && next != "" {
		fmt.Fprintf(s, "\nNext:\n  %s\n", s.Paint(screen.Cyan, text.Line(next)))
	}
}

// printBuilt prints the platforms of one package.
func printBuilt(s *screen.Screen, r pipeline.Result) error {
	table := screen.Table{Headers: []string{"PLATFORM", "SIZE", "DIGEST"}}
	for i, image := range r.Images {
		table.Add(screen.Cells(builtName(r.Extension, i, image), text.Size(image.Size), screen.Digest(image.Descriptor.Digest.String(), false))...)
	}
	fmt.Fprintf(s, "%s %s %s\n\n", s.Paint(screen.Bold, text.Line(r.Extension.Descriptor.Info.String())), screen.Digests(r.Root.Digest.String(), false), paintState(s, r))
	return table.Print(s)
}

// printAllBuilt prints a line for each of several packages.
func printAllBuilt(s *screen.Screen, results []pipeline.Result) error {
	table := screen.Table{Headers: []string{"EXTENSION", "PLATFORMS", "SIZE", "DIGEST", "STATE"}}
	for _, r := range results {
		var size int64
		for _, image := range r.Images {
			size += image.Size
		}
		state, style := stateOf(r)
		table.Add(append(
			screen.Cells(r.Extension.Descriptor.Info.String(), fmt.Sprint(len(r.Images)), text.Size(size), screen.Digest(r.Root.Digest.String(), false)),
			screen.Cell{Text: state, Style: style})...)
	}
	return table.Print(s)
}

func builtName(e *plan.Extension, i int, image annotate.Image) string {
	switch {
	case image.Any:
		return extension.AnyPlatformName
	case i >= len(e.Images) || platform.IsZero(e.Images[i].Platform): // chosen by the builder
		return platform.Format(image.Platform)
	case image.Descriptor.Annotations[extension.AnnotationDistroName] == "":
		return platform.Format(e.Images[i].Platform)
	}
	return e.Images[i].String()
}

func stateOf(r pipeline.Result) (string, screen.Style) {
	if r.Unchanged {
		return "unchanged", screen.Faint
	}
	return "new", screen.Green
}

func paintState(s *screen.Screen, r pipeline.Result) string {
	state, style := stateOf(r)
	return s.Paint(style, state)
}

// next returns the command to try next with a package.
func (o *buildOptions) next(r pipeline.Result) string {
	if len(r.References) == 0 {
		return ""
	}
	last := r.References[len(r.References)-1] // registries come last
	name, _, _ := strings.Cut(last, "@sha256:")
	switch {
	case o.push:
		if o.insecure {
			name = "--insecure " + name
		}
		return "docker extpack inspect " + name
	case o.load:
		return "docker image ls " + name
	}
	return "docker extpack inspect " + text.Quote(r.References[0])
}
