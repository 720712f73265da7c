package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

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

func (o *Options) check() error {
	if !namePattern.MatchString(o.Name) || o.Name == "default" {
		return diag.Invalidf("use lower-case letters, digits, and single dots, dashes or underscores between them", "%q cannot be the name of a builder", o.Name)
	}
	if o.Driver != "" && o.Driver != DriverContainer && o.Driver != DriverRemote {
		return diag.Invalidf("", "--driver %q is neither %q nor %q", o.Driver, DriverContainer, DriverRemote)
	}
	seen := map[string]bool{}
	for _, n := range o.Native {
		if seen[n.Platform] {
			return diag.Invalidf("", "--native names %s twice", n.Platform)
		}
		seen[n.Platform] = true
	}
	return nil
}

// ensurer makes one builder. What it did is undone in reverse when a later
// step fails.
type ensurer struct {
	Options
	buildx  Buildx
	daemon  daemon
	changed bool
	undo    []func(ctx context.Context) error
}

// Ensure makes the builder, or repairs it, or does nothing when it is as it
// should be. On failure everything is as it was before. changed tells whether
// there was anything to do.
func Ensure(ctx context.Context, buildx Buildx, o Options) (changed bool, err error) {
	if err := o.check(); err != nil {
		return false, err
	}
	list, err := List(ctx, buildx)
	if err != nil {
		return false, err
	}
	e := &ensurer{Options: o, buildx: buildx, daemon: daemon{dir: filepath.Join(o.StateDir, o.Name)}}
	have := Find(list, o.Name)
	driver, err := e.driver(have, list)
	if err != nil {
		return false, err
	}
	_, statErr := os.Stat(e.daemon.dir)
	unlock, err := e.daemon.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	if errors.Is(statErr, fs.ErrNotExist) && have == nil {
		e.undo = append(e.undo, func(context.Context) error { return os.RemoveAll(e.daemon.dir) })
	} else if errors.Is(statErr, fs.ErrNotExist) {
		// Somebody else's builder: the folder stands for those made here.
		defer os.Remove(e.daemon.dir)
	}
	if err := e.run(ctx, have, driver); err != nil {
		return false, e.rollBack(ctx, err)
	}
	return e.changed, nil
}

func (e *ensurer) run(ctx context.Context, have *Builder, driver string) error {
	main := e.container
	if driver == DriverRemote {
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
func (e *ensurer) driver(have *Builder, list []Builder) (string, error) {
	if have != nil {
		switch {
		case have.Driver != DriverContainer && have.Driver != DriverRemote:
			what := have.Driver
			if what == "" {
				what = "broken"
			}
			return "", diag.Invalidf("choose another name", "%s is a %s builder, which cannot be repaired here", have.Name, what)
		case e.Driver != "" && e.Driver != have.Driver:
			return "", diag.Invalidf(fmt.Sprintf("choose another name, or remove it: docker buildx rm %s", have.Name),
				"%s has the driver %s, not %s", have.Name, have.Driver, e.Driver)
		}
		return have.Driver, nil
	}
	if e.Driver != "" {
		return e.Driver, nil
	}
	if engine := Find(list, e.Context); engine != nil && engine.Usable() {
		return DriverContainer, nil
	}
	if _, err := e.daemon.command(); err != nil {
		return "", err
	}
	return DriverRemote, nil
}

func (e *ensurer) create(ctx context.Context, args ...string) error {
	_, err := e.buildx.Output(ctx, append([]string{"create", "--name", e.Name}, args...)...)
	if err != nil {
		return fmt.Errorf("creating the builder %s: %w", e.Name, err)
	}
	e.changed = true
	return nil
}

// keepDaemon has buildx forget a builder without asking its nodes, for which it
// waits 20 seconds each time; there is nothing to stop through a remote one.
const keepDaemon = "--keep-daemon"

func (e *ensurer) remove(ctx context.Context, args ...string) error {
	_, err := e.buildx.Output(ctx, append([]string{"rm", "--force"}, append(args, e.Name)...)...)
	return err
}

// firstNode is how buildx names the first node.
func (e *ensurer) firstNode() string { return e.Name + "0" }

// local makes a builder of a BuildKit daemon on this machine.
func (e *ensurer) local(ctx context.Context, have *Builder) error {
	if have != nil && !e.isLocal(have) {
		return e.foreign(have)
	}
	old, err := os.ReadFile(e.daemon.config())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the configuration of BuildKit: %w", err)
	}
	if old == nil {
		old = []byte{} // a file without anything in it
	}
	config, _, err := configure(old, e.Registries)
	if err != nil {
		return diag.WithHint(err, "repair or remove "+e.daemon.config())
	}
	started, err := e.daemon.ensure(ctx, config)
	if err != nil {
		return err
	}
	if started {
		e.changed = true
		e.Log("started BuildKit for the builder %s at %s", e.Name, e.daemon.endpoint())
	}
	if have != nil {
		return nil
	}
	if started {
		e.undo = append(e.undo, e.daemon.stop)
	}
	if err := e.create(ctx, "--node", e.firstNode(), "--driver", DriverRemote, e.daemon.endpoint()); err != nil {
		return err
	}
	e.undo = append(e.undo, func(ctx context.Context) error { return e.remove(ctx, keepDaemon) })
	e.Log("created the builder %s", e.Name)
	return nil
}

func (e *ensurer) isLocal(b *Builder) bool {
	return slices.ContainsFunc(b.Nodes, func(n Node) bool { return n.Endpoint == e.daemon.endpoint() })
}

// foreign looks at a builder of a BuildKit that somebody else runs: there is
// nothing that could be repaired from here.
func (e *ensurer) foreign(have *Builder) error {
	for _, n := range have.Nodes {
		if have.State(n) == Dead {
			return diag.WithHint(fmt.Errorf("the builder %s points to %s, which does not answer and was not started by docker extpack", e.Name, n.Endpoint),
				fmt.Sprintf("start it, or remove the builder: docker buildx rm %s", e.Name))
		}
	}
	if snippet := Snippet(e.Registries); snippet != "" {
		return diag.WithHint(fmt.Errorf("the builder %s points to a BuildKit that was not started by docker extpack and cannot be configured from here", e.Name),
			"add to its buildkitd.toml and restart it: "+snippet)
	}
	return nil
}

// container makes a builder of a BuildKit container in a Docker Engine.
func (e *ensurer) container(ctx context.Context, have *Builder) error {
	if have == nil {
		n := recipe{name: e.firstNode()}
		config, changed, err := configure(nil, e.Registries)
		if err != nil {
			return err
		}
		if changed {
			n.config = config
		}
		n.share(e.Registries)
		if err := e.createNode(ctx, DriverContainer, n, false); err != nil {
			return err
		}
		e.undo = append(e.undo, func(ctx context.Context) error { return e.remove(ctx) })
		e.Log("created the builder %s, a BuildKit container", e.Name)
		return nil
	}
	return e.recreate(ctx, have)
}

// recreate gives the nodes of a container builder another configuration. A
// container takes its configuration when it is made, and buildx 0.37 crashes
// when a node that has none is given one, so the builder is made anew; its
// cache stays.
func (e *ensurer) recreate(ctx context.Context, have *Builder) error {
	complete := func(n Node) bool {
		return !slices.ContainsFunc(e.Registries, func(r Registry) bool { return !Knows(n.Files[configFile], r) })
	}
	if !slices.ContainsFunc(have.Nodes, func(n Node) bool { return !complete(n) }) {
		return nil
	}
	before, err := e.recipes(ctx, have)
	if err != nil {
		return err
	}
	after := slices.Clone(before)
	for i := range after {
		config, changed, err := configure(after[i].config, e.Registries)
		if err != nil {
			return err
		}
		if changed {
			after[i].config = config
			after[i].share(e.Registries)
		}
	}
	if err := e.remove(ctx, "--keep-state"); err != nil {
		return fmt.Errorf("making the builder %s anew: %w", e.Name, err)
	}
	e.undo = append(e.undo, func(ctx context.Context) error {
		_ = e.remove(ctx, "--keep-state") // as far as it got
		return e.createNodes(ctx, before)
	})
	if err := e.createNodes(ctx, after); err != nil {
		return err
	}
	e.Log("made the builder %s anew with the configuration of the registries; its cache stays", e.Name)
	return nil
}

// natives appends the native nodes that the builder does not have.
func (e *ensurer) natives(ctx context.Context, have *Builder, driver string) error {
	for _, native := range e.Native {
		name := native.node(e.Name)
		node := recipe{name: name, endpoint: native.Endpoint, platforms: []string{native.Platform}}
		if driver == DriverContainer {
			var err error
			if node.config, _, err = configure(nil, e.Registries); err != nil {
				return err
			}
		}
		var old *Node
		if have != nil {
			old = have.Node(name)
		}
		switch {
		case old != nil && old.Endpoint == native.Endpoint && slices.Contains(old.Platforms, native.Platform):
			continue
		case old != nil:
			if err := e.create(ctx, "--node", name, "--driver", driver, "--platform", native.Platform, native.Endpoint); err != nil {
				return err
			}
			e.undo = append(e.undo, func(ctx context.Context) error {
				return e.create(ctx, "--node", name, "--driver", driver, old.Endpoint)
			})
			e.Log("moved the node %s for %s from %s to %s", name, native.Platform, old.Endpoint, native.Endpoint)
		default:
			if err := e.createNode(ctx, driver, node, true); err != nil {
				return err
			}
			e.undo = append(e.undo, func(ctx context.Context) error { return e.create(ctx, "--leave", "--node", name) })
			e.Log("appended the node %s for %s at %s", name, native.Platform, native.Endpoint)
		}
	}
	return nil
}

// verify asks the finished builder whether it works.
func (e *ensurer) verify(ctx context.Context) error {
	if e.Bootstrap {
		// buildx gives up on a dead node after 20 seconds; pulling the image of
		// BuildKit takes what it takes.
		if _, err := e.buildx.Output(ctx, "inspect", "--bootstrap", e.Name); err != nil {
			return fmt.Errorf("starting the builder %s: %w", e.Name, err)
		}
	}
	list, err := List(ctx, e.buildx)
	if err != nil {
		return err
	}
	b := Find(list, e.Name)
	if b == nil {
		return fmt.Errorf("the builder %s is gone: somebody removed it meanwhile", e.Name)
	}
	for _, n := range b.Nodes {
		if b.State(n) == Dead {
			return diag.WithHint(fmt.Errorf("the node %s of the builder %s at %s does not answer%s", n.Name, e.Name, n.Endpoint, suffix(string(n.Err+b.Err))),
				fmt.Sprintf("start what listens there, or take the node out: docker buildx create --leave --name %s --node %s", e.Name, n.Name))
		}
	}
	return nil
}

func suffix(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func (e *ensurer) use(ctx context.Context) error {
	list, err := List(ctx, e.buildx)
	if err != nil {
		return err
	}
	if b := Find(list, ""); b != nil && b.Name == e.Name {
		return nil
	}
	if _, err := e.buildx.Output(ctx, "use", e.Name); err != nil {
		return fmt.Errorf("selecting the builder %s: %w", e.Name, err)
	}
	e.changed = true
	e.Log("selected the builder %s", e.Name)
	return nil
}

// Remove takes away a builder that Ensure made, with its BuildKit and cache.
// found is false when there is nothing to take away.
func Remove(ctx context.Context, buildx Buildx, o Options) (found bool, err error) {
	if err := o.check(); err != nil {
		return false, err
	}
	list, err := List(ctx, buildx)
	if err != nil {
		return false, err
	}
	d := daemon{dir: filepath.Join(o.StateDir, o.Name)}
	have := Find(list, o.Name)
	if _, err := os.Stat(d.dir); errors.Is(err, fs.ErrNotExist) {
		if have == nil {
			return false, nil
		}
		return false, diag.Invalidf(fmt.Sprintf("docker buildx rm %s removes it", o.Name), "the builder %s was not made by docker extpack", o.Name)
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	e := &ensurer{Options: o, buildx: buildx, daemon: d}
	// One of the same name may have been made by somebody else after ours went.
	if have != nil && (have.Driver == DriverContainer || e.isLocal(have)) {
		var args []string
		if have.Driver == DriverRemote {
			args = append(args, keepDaemon)
		}
		if err := e.remove(ctx, args...); err != nil {
			return true, fmt.Errorf("removing the builder %s: %w", o.Name, err)
		}
	}
	return true, d.remove(ctx)
}

// recipe is what a node is made with.
type recipe struct {
	name, endpoint string
	platforms      []string
	flags          []string
	opts           map[string]string
	config         []byte
}

// share lets the container reach registries of the machine it is on: its own
// loopback is another.
func (r *recipe) share(registries []Registry) {
	if r.opts["network"] == "" && slices.ContainsFunc(registries, Registry.isLoopback) {
		opts := map[string]string{"network": "host"}
		maps.Copy(opts, r.opts)
		opts["network"] = "host"
		r.opts = opts
	}
}

const configFile = "buildkitd.toml"

// recipes gives what the nodes of a builder were made with. Which platforms
// were fixed then shows in the list that is made for people only, as a star.
func (e *ensurer) recipes(ctx context.Context, b *Builder) ([]recipe, error) {
	out, err := e.buildx.Output(ctx, "ls", "--no-trunc", "--format", "{{.Name}}\t{{.Platforms}}")
	if err != nil {
		return nil, fmt.Errorf("listing builders: %w", err)
	}
	fixed := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		name, list, _ := strings.Cut(strings.TrimSpace(line), "\t")
		for p := range strings.SplitSeq(list, ", ") {
			if p, ok := strings.CutSuffix(p, "*"); ok {
				fixed[name] = append(fixed[name], p)
			}
		}
	}
	var recipes []recipe
	for _, n := range b.Nodes {
		for file := range n.Files {
			if file != configFile {
				// Its name is that inside the container; buildx wants the original.
				return nil, diag.WithHint(fmt.Errorf("the node %s has files besides its configuration (%s), which cannot be carried over", n.Name, file),
					fmt.Sprintf("add to its configuration and make it anew yourself: docker buildx rm --keep-state %s, then docker buildx create --buildkitd-config", b.Name))
			}
		}
		recipes = append(recipes, recipe{
			name: n.Name, endpoint: n.Endpoint, platforms: fixed[n.Name],
			flags: n.Flags, opts: n.DriverOpts, config: n.Files[configFile],
		})
	}
	return recipes, nil
}

func (e *ensurer) createNodes(ctx context.Context, nodes []recipe) error {
	for i, n := range nodes {
		if err := e.createNode(ctx, DriverContainer, n, i > 0); err != nil {
			return err
		}
	}
	return nil
}

func (e *ensurer) createNode(ctx context.Context, driver string, n recipe, add bool) error {
	args := []string{"--node", n.name, "--driver", driver}
	if add {
		args = append([]string{"--append"}, args...)
	}
	if len(n.platforms) > 0 {
		args = append(args, "--platform", strings.Join(n.platforms, ","))
	}
	if len(n.flags) > 0 {
		args = append(args, "--buildkitd-flags", strings.Join(n.flags, " "))
	}
	for _, key := range slices.Sorted(maps.Keys(n.opts)) {
		// buildx reads a line of CSV, in which quotes protect commas.
		args = append(args, "--driver-opt", `"`+strings.ReplaceAll(key+"="+n.opts[key], `"`, `""`)+`"`)
	}
	if len(n.config) > 0 {
		dir, err := os.MkdirTemp("", "extpack-")
		if err != nil {
			return fmt.Errorf("writing buildkitd.toml: %w", err)
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, configFile)
		if err := os.WriteFile(file, n.config, 0o600); err != nil {
			return fmt.Errorf("writing buildkitd.toml: %w", err)
		}
		args = append(args, "--buildkitd-config", file)
	}
	if n.endpoint != "" {
		args = append(args, n.endpoint)
	}
	return e.create(ctx, args...)
}
