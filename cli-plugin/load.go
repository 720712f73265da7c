package cliplugin

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/cli/cli/command"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/daemon"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/text"
)

// loader is the engine that the docker CLI talks to, asked only when something
// is loaded into it.
type loader struct {
	cli    command.Cli
	engine *daemon.Engine
}

// connect finds, before a build, that there is no engine to load into.
func (l *loader) connect(ctx context.Context) (err error) {
	// The client of an ssh host names another.
	l.engine, err = daemon.Connect(ctx, l.cli.Client(), l.cli.DockerEndpoint().Host)
	return err
}

// loadDestination is a package's place in the engine.
type loadDestination struct {
	*loader
	extension *plan.Extension
	names     []daemon.Name
}

var _ pipeline.Destination = loadDestination{}

// Put loads the package.
func (d loadDestination) Put(ctx context.Context, pkg *annotate.Package) ([]string, error) {
	return d.engine.Load(ctx, pkg, d.names, func(note string) {
		fmt.Fprintf(d.cli.Err(), "%s: %s\n", d.extension.Descriptor.Info, text.Line(note))
	})
}

// engineDestination names a package in the engine: by its tags or, as images
// without a name are of little use there, by id and version.
func engineDestination(e *plan.Extension, engine *loader) (namedDestination, error) {
	tags := e.Tags
	if len(tags) == 0 {
		tags = []string{strings.ToLower(e.Descriptor.Info.ID) + ":" + e.Descriptor.Info.Version}
	}
	d := loadDestination{loader: engine, extension: e}
	var names []string
	for _, tag := range tags {
		name, err := daemon.ParseName(tag)
		if err != nil {
			return namedDestination{}, err
		}
		d.names = append(d.names, name)
		names = append(names, name.String())
	}
	return namedDestination{d, "load", strings.Join(names, ", ")}, nil
}
