package cliplugin

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/daemon"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/progress"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/release"
	"github.com/extpack/extpack/internal/text"
)

// destinationOptions are the flags for the destinations of packages.
type destinationOptions struct {
	push, append bool
	load         bool
	outputs      []string
	insecure     bool
	release      releaseOptions
}

// releaseOptions are the flags that allow moving tags that are protected.
type releaseOptions struct{ overwrite, downgrade bool }

func (o *releaseOptions) bind(f *pflag.FlagSet) {
	f.BoolVar(&o.overwrite, release.AllowOverwrite, false, "Allow replacing the content of a tag that is the version of the extension")
	f.BoolVar(&o.downgrade, release.AllowDowngrade, false, `Allow moving the tags "latest", "MAJOR" and "MAJOR.MINOR" to a lower version`)
}

func (o *releaseOptions) guard(client *registry.Client, log func(string, ...any)) *release.Guard {
	return &release.Guard{
		Client: client, AllowOverwrite: o.overwrite, AllowDowngrade: o.downgrade,
		Note: func(message string) { log("%s", message) },
	}
}

func (o *destinationOptions) bind(f *pflag.FlagSet) {
	f.BoolVar(&o.push, "push", false, "Publish to the registry under every tag")
	f.BoolVar(&o.append, "append", false, "Add the platforms to the published index instead of replacing it")
	f.BoolVar(&o.load, "load", false, "Load into the Docker Engine under every tag, or as ID:VERSION without tags")
	f.StringArrayVarP(&o.outputs, "output", "o", nil, `Write to a package file ("FILE.cnb"), one for each platform ("FILE-{{.OS}}-{{.Arch}}{{.Variant}}.cnb"), or an OCI layout directory ("DIR/"); under any name with "type=oci,dest=FILE"`)
	f.BoolVar(&o.insecure, "insecure", false, insecureUsage)
	o.release.bind(f)
}

// request returns the places that the flags name.
func (o *destinationOptions) request(a *app, log func(string, ...any), bars *progress.Progress) pipeline.Request {
	client := a.registry(o.insecure, log, bars.Pushed)
	return pipeline.Request{
		Push: o.push, Append: o.append, Load: o.load, Outputs: o.outputs,
		Client: client, Release: o.release.guard(client, log),
		Daemon: &pipeline.Daemon{
			API: func() daemon.API { return a.cli.Client() }, Host: func() string { return a.cli.DockerEndpoint().Host },
			Note: func(e *plan.Extension, note string) {
				fmt.Fprintf(a.cli.Err(), "%s: %s\n", e.Descriptor.Info, text.Line(note))
			},
		},
		Warn: func(message string) { log("warning: %s", message) },
	}
}

// printPlan prints the result of a dry run. It returns the errors of tags that
// the run would not move.
func (o *buildOptions) printPlan(ctx context.Context, a *app, run *buildRun) error {
	w := a.cli.Out()
	var refused []error
	// A run without the grants ends before a registry is contacted.
	granted := run.plan.Missing() == nil
	for _, e := range run.plan.Extensions {
		fmt.Fprintf(w, "%s (%s)\n", e.Descriptor.Info, o.remotes.Shown(e.Dir))
		for _, image := range e.Images {
			root := image.Root
			switch {
			case image.NeedsBuild() && image.Stage != "":
				root = "stage " + image.Stage + " of " + image.Dockerfile
			case image.NeedsBuild():
				root = "the last stage of " + image.Dockerfile
			case root == platform.RootDir:
				root = "the extension root"
			}
			fmt.Fprintf(w, "  build %s from %s\n", image, text.Line(root))
		}
		for _, try := range o.tries() {
			fmt.Fprintf(w, "  %s\n", text.Line(try))
		}
		printRequests(w, e)
		for _, d := range run.places[e] {
			fmt.Fprintf(w, "  %s %s\n", d.Verb, text.Line(d.Name))
		}
		if !granted {
			continue
		}
		changes, err := pipeline.TagChanges(ctx, e, run.places, run.options)
		if err != nil {
			return err
		}
		for _, c := range changes {
			fmt.Fprintf(w, "  %s\n", c)
			if c.Unseen() {
				fmt.Fprintf(a.cli.Err(), "warning: %s\n", text.Line(c.Err.Error()))
			}
			if c.Refused() {
				refused = append(refused, c.Err)
			}
		}
	}
	return errors.Join(refused...)
}
