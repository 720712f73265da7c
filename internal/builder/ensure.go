package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
)

// DefaultName is the builder that is made when none is named.
const DefaultName = "extpack"

// Options say what a builder has to be fit for.
type Options struct {
	Name string
	// Driver is [DriverContainer], [DriverRemote] for a BuildKit of this
	// machine, or "" for the first of them that there are the means for.
	Driver string
	// Context is the docker context in use, whose engine a container runs in.
	Context    string
	Native     []Native
	Registries []Registry
	// Bootstrap starts every node and waits for it, Use selects the builder.
	Bootstrap, Use bool
	StateDir       string
	// Log is told what is done.
	Log func(format string, args ...any)
}

// buildx takes these names (and makes them lower case).
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9]*([._-][a-z0-9]+)*$`)

// Check refuses options that contradict each other or that buildx would refuse.
func (o *Options) Check() error {
	if o.Name == "default" {
		return diag.WithHint(diag.Invalidf("buildx reserves the name %q for the builder of the docker context", o.Name), "choose another name, or leave it out for "+DefaultName)
	}
	if !namePattern.MatchString(o.Name) {
		return diag.WithHint(diag.Invalidf("%q cannot be the name of a builder", o.Name), "use lower-case letters, digits, and single dots, dashes or underscores between them")
	}
	if o.Driver != "" && o.Driver != buildx.DriverContainer && o.Driver != buildx.DriverRemote {
		return diag.Invalidf("--driver %q is neither %q nor %q", o.Driver, buildx.DriverContainer, buildx.DriverRemote)
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

// ensurer makes one builder. What it did is undone in reverse when a later
// step fails.
type ensurer struct {
	Options
	client  buildx.Runner
	daemon  daemon
	changed bool
	// placed are the nodes that were appended or moved.
	placed []string
	// undo is noted before the step, which an interrupt may leave half done.
	undo []func(ctx context.Context) error
}

// Ensure makes the builder, or repairs it, or does nothing when it is as it
// should be. On failure everything is as it was before. changed tells whether
// there was anything to do.
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
	// Not before: another command may just make the builder, or remove it.
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
		// Somebody else's builder: the folder stands for those made here.
		defer os.Remove(e.daemon.dir)
	}
	if err := e.run(ctx, have, driver); err != nil {
		return false, e.rollBack(ctx, err)
	}
	return e.changed, nil
}

func (e *ensurer) run(ctx context.Context, have *buildx.Builder, driver string) error {
	main := e.container
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
		e.Log("it failed: taking back what was done")
	}
	for _, undo := range e.undo {
		if undoErr := undo(ctx); undoErr != nil {
			e.Log("taking it back: %v", undoErr)
		}
	}
	return err
}

// driver decides how the builder is made; an existing one keeps its driver.
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
			return diag.WithHint(fmt.Errorf("creating the builder %s: no Docker Engine answers at %s", e.Name, address),
				"start it, or leave --driver out: where no engine answers, the builder is a BuildKit daemon of this user")
		}
		return buildx.WithSSHHint(fmt.Errorf("creating the builder %s: %w", e.Name, err))
	}
	e.changed = true
	return nil
}

// keepDaemon has buildx forget a builder without asking its nodes, for which it
// waits 20 seconds each time; there is nothing to stop through a remote one.
const keepDaemon = "--keep-daemon"

func (e *ensurer) remove(ctx context.Context, args ...string) error {
	_, err := e.client.Output(ctx, append([]string{"rm", "--force"}, append(args, e.Name)...)...)
	return err
}

// takeBack undoes what created the builder, or one node of it: buildx that was
// interrupted may have got there or not.
func (e *ensurer) takeBack(node string, undo func(ctx context.Context) error) {
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
			return nil // it had not
		}
		return err
	})
}

// firstNode is how buildx names the first node.
func (e *ensurer) firstNode() string { return e.Name + "0" }
