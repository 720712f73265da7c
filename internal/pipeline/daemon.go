package pipeline

import (
	"context"
	"strings"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/daemon"
	"github.com/extpack/extpack/internal/plan"
)

// Daemon is the Docker Engine that packages are loaded into. API and Host are
// called by Connect, so that nothing looks for an engine that is not needed.
type Daemon struct {
	API  func() daemon.API
	Host func() string
	// Note receives what differs in the engine from the package.
	Note   func(e *plan.Extension, note string)
	engine *daemon.Engine
}

// Connect finds, before a build, that there is no engine to load into.
func (d *Daemon) Connect(ctx context.Context) (err error) {
	// The client of an ssh host names another.
	d.engine, err = daemon.Connect(ctx, d.API(), d.Host())
	return err
}

// loaded loads a package into the engine under names.
type loaded struct {
	*Daemon
	extension *plan.Extension
	names     []daemon.Name
}

// Put loads the package; see [daemon.Engine.Load].
func (d loaded) Put(ctx context.Context, pkg *annotate.Package) ([]string, error) {
	return d.engine.Load(ctx, pkg, d.names, func(note string) { d.Note(d.extension, note) })
}

// daemonPlace returns the place of a package in the engine: under its tags or,
// as images without a name are of little use there, under id and version.
func daemonPlace(e *plan.Extension, engine *Daemon) (Place, error) {
	tags := e.Tags
	if len(tags) == 0 {
		tags = []string{strings.ToLower(e.Descriptor.Info.ID) + ":" + e.Descriptor.Info.Version}
	}
	d := loaded{Daemon: engine, extension: e}
	var names []string
	for _, tag := range tags {
		name, err := daemon.ParseName(tag)
		if err != nil {
			return Place{}, err
		}
		d.names = append(d.names, name)
		names = append(names, name.String())
	}
	return Place{d, "load", strings.Join(names, ", ")}, nil
}
