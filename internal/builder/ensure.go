package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// DefaultName is the name of the builder if none is specified.
const DefaultName = "extpack"

// Options are the requirements of a builder.
type Options struct {
	Name string
	// Driver is [DriverContainer], [DriverRemote] for a BuildKit daemon on this
	// machine, or "" for the first one that is available.
	Driver string
	// Context is the current docker context, whose engine runs the container.
	Context    string
	Native     []Native
	Registries []Registry
	// Bootstrap starts all nodes and waits for them. Use selects the builder.
	Bootstrap, Use bool
	// Binfmt registers emulators with the kernel of this machine.
	Binfmt   bool
	StateDir string
	// Log is called with messages about the steps.
	Log func(format string, args ...any)
}

// buildx accepts these names, and converts them to lower case.
var namePattern = lazyregexp.New(`^[a-z][a-z0-9]*([._-][a-z0-9]+)*$`)

// Check returns an error for options that contradict each other or that buildx
// would reject.
func (o *Options) Check() error {
	if o.Name == "default" {
		return diag.WithHint(diag.Invalidf("buildx reserves the name %q for the builder of the docker context", o.Name), "choose another name, or leave it out for "+DefaultName)
	}
	if !namePattern.Get().MatchString(o.Name) {
		return diag.WithHint(diag.Invalidf("%q is not a valid builder name", o.Name), "use lower-case letters, digits, and single dots, dashes or underscores between them")
	}
	if o.Driver != "" {
		if err := choice.Check("--driver", o.Driver, buildx.DriverContainer, buildx.DriverRemote); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for _, n := range o.Native {
		if seen[n.Platform] {
			return diag.Invalidf("--native names %s twice", n.Platform)
		}
		seen[n.Platform] = true
	}
	modes := map[string]string{}
	for _, r := range o.Registries {
		if mode, ok := modes[r.Host]; ok && mode != r.Mode {
			return diag.Invalidf("--registry names %s twice, and differently", r.Host)
		}
		modes[r.Host] = r.Mode
	}
	return nil
}

// ensurer creates one builder. If a step fails, it undoes the previous ones in
// reverse order.
type ensurer struct {
	Options
	client  buildx.Runner
	daemon  daemon
	changed bool
	// placed are the nodes that were added or moved.
	placed []string
	// undo is added before the step, because an interrupt may leave it
	// incomplete.
	undo []func(ctx context.Context) error
}

// Ensure creates or repairs the builder, or does nothing if it is already
// correct. On failure, it rolls back. changed reports whether it changed
// anything.
func Ensure(ctx context.Context, client buildx.Runner, o Options) (changed bool, err error) {
	if err := o.Check(); err != nil {
		return false, err
	}
	e := &ensurer{Options: o, client: client, daemon: daemon{dir: filepath.Join(o.StateDir, o.Name)}}
	unlock, err := e.daemon.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	// List under the lock: a concurrent ensure or remove would change the
	// result.
	list, err := buildx.List(ctx, client)
	if err != nil {
		return false, err
	}
	have := buildx.Find(list, o.Name)
	driver, err := e.driver(have, list)
	if err != nil {
		return false, err
	}
	_, statErr := os.Stat(e.daemon.dir)
	if err := e.daemon.makeFolder(); err != nil {
		return false, err
	}
	if errors.Is(statErr, fs.ErrNotExist) && have == nil {
		e.undo = append(e.undo, e.daemon.remove)
	} else if errors.Is(statErr, fs.ErrNotExist) {
		// Without the folder, the builder was not created by this package.
		defer os.Remove(e.daemon.dir)
	}
	if err := e.run(ctx, have, driver); err != nil {
		return false, e.rollBack(ctx, err)
	}
	return e.changed, nil
}

func (e *ensurer) run(ctx context.Context, have *buildx.Builder, driver string) error {
	main := e.container
	if driver != buildx.DriverRemote && e.Binfmt {
		return errBinfmt("a BuildKit daemon of this machine is required, and this builder is a container")
	}
	if driver == buildx.DriverRemote {
		main = e.local
	}
	if err := main(ctx, have); err != nil {
		return err
	}
	if err := e.natives(ctx, have, driver); err != nil {
		return err
	}
	if err := e.verify(ctx); err != nil {
		return err
	}
	if !e.Use {
		return nil
	}
	return e.use(ctx)
}

func (e *ensurer) rollBack(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	slices.Reverse(e.undo)
	if e.changed {
		e.Log("failed; rolling back")
	}
	for _, undo := range e.undo {
		if undoErr := undo(ctx); undoErr != nil {
			e.Log("rolling back: %v", undoErr)
		}
	}
	return err
}

// driver selects the driver of the builder. An existing one keeps its driver.
func (e *ensurer) driver(have *buildx.Builder, list []buildx.Builder) (string, error) {
	if have != nil {
		switch {
		case have.Driver != buildx.DriverContainer && have.Driver != buildx.DriverRemote:
			what := have.Driver
			if what == "" {
				what = "broken"
			}
			return "", diag.WithHint(diag.Invalidf("%s is a %s builder, which cannot be repaired here", have.Name, what), "choose another name")
		case e.Driver != "" && e.Driver != have.Driver:
			remove := "docker buildx rm " + have.Name
			if _, err := os.Stat(e.daemon.dir); err == nil {
				remove = "docker extpack builder ensure --remove " + have.Name // which stops its daemon too
			}
			return "", diag.WithHint(diag.Invalidf("%s has the driver %s, not %s", have.Name, have.Driver, e.Driver), "choose another name, or remove it: "+remove)
		}
		return have.Driver, nil
	}
	if e.Driver != "" {
		return e.Driver, nil
	}
	if engine := buildx.Find(list, e.Context); engine != nil && engine.Usable() {
		return buildx.DriverContainer, nil
	}
	if _, err := e.daemon.command(); err != nil {
		return "", err
	}
	return buildx.DriverRemote, nil
}

func (e *ensurer) create(ctx context.Context, args ...string) error {
	_, err := e.client.Output(ctx, append([]string{"create", "--name", e.Name}, args...)...)
	if err != nil {
		if address, ok := buildx.EngineDown(err.Error()); ok {
			return diag.WithHint(fmt.Errorf("creating the builder %s: no Docker Engine responds at %s", e.Name, address),
				"start it, or leave out --driver to use a BuildKit daemon of this user")
		}
		return buildx.WithSSHHint(fmt.Errorf("creating the builder %s: %w", e.Name, err))
	}
	e.changed = true
	return nil
}

// keepDaemon returns the flags with which buildx removes a builder without
// contacting its nodes, which would take 20 seconds each. Remote nodes need no
// stopping.
const keepDaemon = "--keep-daemon"

func (e *ensurer) remove(ctx context.Context, args ...string) error {
	_, err := e.client.Output(ctx, append([]string{"rm", "--force"}, append(args, e.Name)...)...)
	return err
}

// undoCreation adds undo for the creation of the builder, or of one node of it.
// An interrupted buildx may or may not have created it.
func (e *ensurer) undoCreation(node string, undo func(ctx context.Context) error) {
	e.undo = append(e.undo, func(ctx context.Context) error {
		err := undo(ctx)
		if err == nil {
			return nil
		}
		list, listErr := buildx.List(ctx, e.client)
		if listErr != nil {
			return err
		}
		if b := buildx.Find(list, e.Name); b == nil || node != "" && b.Node(node) == nil {
			return nil // it had not been created
		}
		return err
	})
}

// firstNode returns buildx's name of the first node.
func (e *ensurer) firstNode() string { return e.Name + "0" }
