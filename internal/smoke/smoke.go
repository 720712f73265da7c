// Package smoke has each entry point of a finished package run once, with an empty
// application, and judges how that went and what was written. It does not run
// anything itself: that needs a builder.
//
// It fails where a lifecycle would: when a program does not start, when it ends
// with an exit code that stops a build, and when what it wrote breaks a rule. A
// bin/generate that fails after bin/detect has said that the extension does not
// apply is a warning: a lifecycle would not run it.
package smoke

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/executable"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/task"
)

// Options say how programs are run.
type Options struct {
	// Image is the image that programs are run in.
	Image string
	// Start runs a program.
	Start func(ctx context.Context, p task.Program) (task.Outcome, error)
	// Unreliable returns why programs of a platform cannot be judged, "" when they
	// can. It is only called after one has failed.
	Unreliable func(ctx context.Context, p v1.Platform) (string, error)
	// Show is called with each line of what happened.
	Show func(line string)
}

// entryPoints are what the lifecycle runs, in its order.
var entryPoints = extension.EntryPoints()

// exitNotMeant is bin/detect's way to say that the extension does not apply
// (Buildpack Interface Specification, "Detection").
const exitNotMeant = 100

// Run runs the entry points of a package, image by image. Those that do not
// start are a [*diag.InvalidError]; another error is that one could not be tried.
func Run(ctx context.Context, e *plan.Extension, pkg *annotate.Package, opts Options) error {
	var list diag.List
	ran := false
	for i, image := range pkg.Images {
		p := task.Program{
			API: minor(e.Descriptor.API), Layout: pkg.Layout.Dir(), Manifest: image.Descriptor.Digest.String(), Dest: e.Dest(), Platform: image.Platform, Image: opts.Image,
		}
		name := platform.Format(image.Platform)
		if distros := e.Images[i].Distros; len(distros) == 1 {
			p.Distro = distros[0]
			name += ":" + distros[0].String()
		}
		found, buildPlan, err := programs(ctx, pkg, image, e.Dest())
		if err != nil {
			return oci.Wrap(err, "reading "+name)
		}
		applies := true
		for _, file := range entryPoints {
			foreign, there := found[file]
			if !there {
				continue
			}
			ran = true
			if foreign != "" {
				// A builder may happen to run it all the same.
				list.Errorf(diag.Position{}, "%s: %s does not start in %s: it is built for %s", name, file, opts.Image, foreign)
				continue
			}
			p.File = file
			if file != entryPoints[0] {
				if p.Plan, err = buildpackPlan(buildPlan); err != nil {
					return err
				}
			}
			o, err := opts.try(ctx, e, p)
			if err != nil {
				return errors.Join(list.Err(), err)
			}
			found := o.found
			if file == entryPoints[0] {
				buildPlan = o.plan
			}
			refused := refusal(o.Outcome, file, applies)
			if o.Fault != "" || refused != "" || len(found) > 0 {
				why, err := opts.Unreliable(ctx, image.Platform)
				if err != nil {
					return errors.Join(list.Err(), err)
				}
				if why != "" {
					opts.Show(fmt.Sprintf("smoke test %s: %s not run: %s", name, file, why))
					continue
				}
			}
			if o.Fault != "" {
				list.Errorf(diag.Position{}, "%s: %s does not start in %s: %s", name, file, opts.Image, o.Fault)
			} else if refused != "" {
				found = append(found, rules.ExitCode.At(diag.Position{}, "%s %s", file, refused))
			}
			applies = applies && (file != entryPoints[0] || o.Fault == "" && o.ExitCode == 0)
			opts.show(name, file, o.Outcome)
			for _, d := range e.Descriptor.Metadata.Extpack.Lint.Filter("", found, nil) {
				if line := fmt.Sprintf("%s: %s [%s]", name, d, d.Rule); d.Severity == diag.Error {
					list = append(list, diag.Diagnostic{Message: line, Hint: rules.ByID(d.Rule).Fix})
				} else {
					opts.Show("smoke test " + line)
				}
			}
		}
	}
	if !ran {
		opts.Show(fmt.Sprintf("%s: no platform has bin/detect or bin/generate to run", e.Descriptor.Info))
	}
	return list.Err()
}

// refusal returns why a lifecycle stops the build after a program that ended with
// the exit code; "" when it goes on, or does not come to run it.
func refusal(o task.Outcome, file string, applies bool) string {
	switch {
	case o.Fault != "", o.ExitCode == 0, !applies, file == entryPoints[0] && o.ExitCode == exitNotMeant:
		return ""
	case file == entryPoints[0]:
		return fmt.Sprintf("ends with exit code %d, and lifecycles take 0 and 100 only", o.ExitCode)
	}
	return fmt.Sprintf("ends with exit code %d, and lifecycles stop the build", o.ExitCode)
}

func (o Options) show(name, file string, out task.Outcome) {
	how := "ran"
	switch {
	case out.Fault != "":
		how = "did not start"
	case file == entryPoints[0] && out.ExitCode == exitNotMeant:
		how = "ran, exit code 100: it does not apply to an empty application"
	case out.ExitCode != 0:
		how = fmt.Sprintf("ran, warning: exit code %d", out.ExitCode)
	}
	o.Show(fmt.Sprintf("smoke test %s: %s %s", name, file, how))
	if text := strings.TrimRight(out.Output, "\n"); text != "" {
		for line := range strings.SplitSeq(text, "\n") {
			o.Show("  | " + line)
		}
	}
}

// programs returns the entry points of an image, each with what other platform it
// is built for, empty when that is not so, and the build plan if it is static.
func programs(ctx context.Context, pkg *annotate.Package, image annotate.Image, dest string) (found map[string]string, buildPlan []byte, err error) {
	manifest, _, err := oci.ReadManifest(ctx, pkg.Layout, image.Descriptor)
	if err != nil {
		return nil, nil, err
	}
	files := scanned{foreign: map[string]string{}, plans: map[string][]byte{}, links: map[string]string{}}
	for _, desc := range manifest.Layers {
		if err := files.scan(ctx, pkg.Layout, desc, image.Platform); err != nil {
			return nil, nil, err
		}
	}
	found = map[string]string{}
	for _, file := range entryPoints {
		if words, ok := files.foreign[files.follow(path.Join(dest, file))]; ok {
			found[file] = words
		}
	}
	if _, runs := found[entryPoints[0]]; !runs {
		buildPlan = files.plans[files.follow(path.Join(dest, "detect/plan.toml"))]
	}
	return found, buildPlan, nil
}

// scanned is what is known of the files of an image, by path.
type scanned struct {
	// foreign are the platforms that files are built for, if another one.
	foreign map[string]string
	plans   map[string][]byte
	links   map[string]string
}

func (s *scanned) follow(name string) string {
	for range len(s.links) + 1 {
		target, isLink := s.links[name]
		if !isLink {
			break
		}
		name = target
	}
	return name
}

func (s *scanned) scan(ctx context.Context, l *ocilayout.Layout, desc v1.Descriptor, p v1.Platform) error {
	rc, err := l.Fetch(ctx, desc)
	if err != nil {
		return err
	}
	defer rc.Close()
	plain, err := layer.From(rc).Expand()
	if err != nil {
		return err
	}
	defer plain.Close()
	for tr := tar.NewReader(plain); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean("/" + header.Name)
		switch header.Typeflag {
		case tar.TypeReg:
			head, err := io.ReadAll(io.LimitReader(tr, executable.HeadBytes))
			if err != nil {
				return err
			}
			s.foreign[name] = executable.Foreign(head, p)
			if path.Base(name) == "plan.toml" {
				rest, err := io.ReadAll(io.LimitReader(tr, extension.MaxSize))
				if err != nil {
					return err
				}
				s.plans[name] = slices.Concat(head, rest)
			}
		case tar.TypeLink:
			s.links[name] = path.Clean("/" + header.Linkname)
		case tar.TypeSymlink:
			s.links[name] = resolve(name, header.Linkname)
		}
	}
}

// resolve returns where a symbolic link leads to.
func resolve(name, target string) string {
	if path.IsAbs(target) {
		return path.Clean(target)
	}
	return path.Join(path.Dir(name), target)
}
