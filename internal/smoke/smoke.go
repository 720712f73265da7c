// Package smoke checks that each entry point of a finished package runs, with an
// empty application. A caller runs the programs in a builder; this package judges
// the exit code and the files that were written.
//
// A check fails where a lifecycle would fail: a program does not start, its exit
// code stops a build, or its output breaks a rule. If bin/generate fails after
// bin/detect has said that the extension does not apply, that is a warning: a
// lifecycle would not run it.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
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
	// Platforms returns the platforms of the image, none if they are not known, for
	// the error of one that it lacks. It may be nil.
	Platforms func(ctx context.Context, image string) []v1.Platform
	// Show is called with each line of what happened. With Quiet, that is after a
	// failure only.
	Show  func(line string)
	Quiet bool
}

// entryPoints are what the lifecycle runs, in its order.
var entryPoints = extension.EntryPoints()

// exitNotMeant is bin/detect's way to say that the extension does not apply
// (Buildpack Interface Specification, "Detection").
const exitNotMeant = 100

// Run runs the entry points of a package, image by image. Those that do not
// start are a [*diag.InvalidError]; another error is that one could not be tried.
func Run(ctx context.Context, e *plan.Extension, pkg *annotate.Package, opts Options) (err error) {
	if opts.Quiet {
		var lines []string
		show := opts.Show
		opts.Show = func(line string) { lines = append(lines, line) }
		defer func() {
			for _, line := range lines {
				if err != nil {
					show(line)
				}
			}
		}()
	}
	r := &runner{Options: opts, extension: e}
	for i, image := range pkg.Images {
		if err := r.image(ctx, pkg, image, e.Images[i].Distros); err != nil {
			return err
		}
	}
	if !r.ran {
		opts.Show(fmt.Sprintf("%s: no platform has bin/detect or bin/generate to run", e.Descriptor.Info))
	}
	return r.list.Err()
}

// runner runs the programs of one extension.
type runner struct {
	Options
	extension *plan.Extension
	// list is what is wrong with the programs.
	list diag.List
	// ran reports whether there was a program.
	ran bool
}

// subject is an image whose programs are run.
type subject struct {
	name    string
	program task.Program
	// plan is the build plan: the static one, or that of bin/detect.
	plan []byte
	// applies reports whether bin/detect said so, or is not there.
	applies bool
}

func (r *runner) image(ctx context.Context, pkg *annotate.Package, image annotate.Image, distros []extension.Distro) error {
	s := &subject{name: platform.Format(image.Platform), applies: true, program: task.Program{
		API: minor(r.extension.Descriptor.API), Layout: pkg.Layout.Dir(), Manifest: image.Descriptor.Digest.String(),
		Dest: r.extension.Dest(), Platform: image.Platform, Image: r.Image,
	}}
	if len(distros) == 1 {
		s.program.Distro = distros[0]
		s.name = platform.NewIdentity(image.Platform, distros[0]).String()
	}
	found, buildPlan, err := programs(ctx, pkg, image, r.extension.Dest())
	if err != nil {
		return oci.Wrap(err, "reading "+s.name)
	}
	s.plan = buildPlan
	for _, file := range entryPoints {
		foreign, there := found[file]
		if !there {
			continue
		}
		r.ran = true
		if foreign != "" {
			// A builder with an emulator may run it anyway.
			r.list.Errorf(diag.Position{}, "%s: %s does not start in %s: it is built for %s", s.name, file, r.Image, foreign)
			continue
		}
		if err := r.run(ctx, s, file); err != nil {
			return err
		}
	}
	return nil
}

// run runs one program. It is judged only if the builder can be relied on.
func (r *runner) run(ctx context.Context, s *subject, file string) error {
	var err error
	p := s.program
	p.File = file
	if file != entryPoints[0] {
		if p.Plan, err = buildpackPlan(s.plan); err != nil {
			return err
		}
	}
	o, err := r.try(ctx, r.extension, p)
	if err != nil {
		return errors.Join(r.list.Err(), err)
	}
	found := o.found
	if file == entryPoints[0] {
		s.plan = o.plan
	}
	refused := refusal(o.Outcome, file, s.applies)
	if o.Fault != "" || refused != "" || len(found) > 0 {
		why := ""
		if !platform.IsZero(p.Platform) { // else it is the builder's own
			if why, err = r.Unreliable(ctx, p.Platform); err != nil {
				return errors.Join(r.list.Err(), err)
			}
		}
		if why != "" {
			r.Show(fmt.Sprintf("smoke test %s: %s not run: %s", s.name, file, why))
			return nil
		}
	}
	if o.Fault != "" {
		r.list.Errorf(diag.Position{}, "%s: %s does not start in %s: %s", s.name, file, r.Image, o.Fault)
	} else if refused != "" {
		found = append(found, rules.ExitCode.At(diag.Position{}, "%s %s", file, refused))
	}
	s.applies = s.applies && (file != entryPoints[0] || o.Fault == "" && o.ExitCode == 0)
	r.show(s.name, file, o.Outcome)
	r.report(s.name, found)
	return nil
}

// report adds findings that are errors to the list, and shows the others.
func (r *runner) report(name string, found diag.List) {
	for _, d := range r.extension.Descriptor.Metadata.Extpack.Lint.Filter("", found, nil) {
		if line := fmt.Sprintf("%s: %s [%s]", name, d, d.Rule); d.Severity == diag.Error {
			r.list = append(r.list, diag.Diagnostic{Message: line, Hint: rules.ByID(d.Rule).Fix})
		} else {
			r.Show("smoke test " + line)
		}
	}
}

// refusal returns why a lifecycle stops the build after a program that ended with
// the exit code; "" if it continues, or does not run the program at all.
func refusal(o task.Outcome, file string, applies bool) string {
	switch {
	case o.Fault != "", o.ExitCode == 0, !applies, file == entryPoints[0] && o.ExitCode == exitNotMeant:
		return ""
	case file == entryPoints[0]:
		return fmt.Sprintf("ends with exit code %d, and lifecycles accept only 0 and 100", o.ExitCode)
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
