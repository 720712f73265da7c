package cliplugin

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/daemon"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/text"
)

// destinationOptions are the flags for the destinations of packages.
type destinationOptions struct {
	push, append bool
	load         bool
	outputs      []string
	insecure     bool
}

func (o *destinationOptions) bind(f *pflag.FlagSet) {
	f.BoolVar(&o.push, "push", false, "Publish to the registry under every tag")
	f.BoolVar(&o.append, "append", false, "Join the platforms to the published index instead of replacing it")
	f.BoolVar(&o.load, "load", false, "Load into the Docker Engine under every tag, or as ID:VERSION")
	f.StringArrayVarP(&o.outputs, "output", "o", nil, `Write to a package file ("FILE.cnb"), one for each platform ("FILE-{{.OS}}-{{.Arch}}{{.Variant}}.cnb"), or an OCI layout directory ("DIR/")`)
	f.BoolVar(&o.insecure, "insecure", false, "Allow plain HTTP and unverified certificates for the registry")
}

// request returns the places that the flags name.
func (o *destinationOptions) request(a *app, log func(string, ...any), bars *progress) pipeline.Request {
	return pipeline.Request{
		Push: o.push, Append: o.append, Load: o.load, Outputs: o.outputs,
		Client: a.registry(o.insecure, log, bars.Pushed),
		Daemon: &pipeline.Daemon{
			API: func() daemon.API { return a.cli.Client() }, Host: func() string { return a.cli.DockerEndpoint().Host },
			Note: func(e *plan.Extension, note string) {
				fmt.Fprintf(a.cli.Err(), "%s: %s\n", e.Descriptor.Info, text.Line(note))
			},
		},
		Warn: func(message string) { log("warning: %s", message) },
	}
}

// printPlan prints the result of a dry run.
func printPlan(w io.Writer, p *plan.Plan, places pipeline.Places, smoke string) {
	for _, e := range p.Extensions {
		fmt.Fprintf(w, "%s (%s)\n", e.Descriptor.Info, text.Line(e.Dir))
		for _, image := range e.Images {
			root := image.Root
			switch {
			case image.NeedsBuild() && e.Build.Stage != "":
				root = "stage " + e.Build.Stage + " of " + image.Dockerfile
			case image.NeedsBuild():
				root = "the last stage of " + image.Dockerfile
			case root == platform.RootDir:
				root = "the extension root"
			}
			fmt.Fprintf(w, "  build %s from %s\n", image, text.Line(root))
		}
		if smoke != "" {
			fmt.Fprintf(w, "  run bin/detect and bin/generate of each in %s\n", smoke)
		}
		printRequests(w, e)
		for _, d := range places[e] {
			fmt.Fprintf(w, "  %s %s\n", d.Verb, text.Line(d.Name))
		}
	}
}
