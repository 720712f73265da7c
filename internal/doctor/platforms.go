package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/platforms"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/builder"
	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/emulation"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/scratch"
	"github.com/extpack/extpack/internal/text"
)

// trialTimeout limits a trial build, and unresponsiveTimeout one on a builder
// with a node that does not respond: buildx gives up after 20 seconds.
const (
	trialTimeout        = time.Minute
	unresponsiveTimeout = 10 * time.Second
)

// waiting matches the error of buildx for a node that does not respond.
var waiting = lazyregexp.New(`waiting for connection|listing workers|not done within`)

// checkPlatforms checks by a build whether the nodes support the platforms of
// the extensions. waited reports whether the build needs an unresponsive node,
// which depends on the platforms of each node.
func (e *examination) checkPlatforms(ctx context.Context) (checks []Check, waited bool) {
	for _, x := range e.Extensions {
		c := Check{Name: "platforms", Subject: x.Name, State: OK}
		c.Message = names(x.Platforms)
		switch {
		case x.Smoke:
			c.Message += ": --smoke runs programs on each of them"
		case !x.Compiles:
			c.Message += ": its files are only copied, which any node can do for any platform without emulation"
		case len(x.Runs) == 0:
			c.Message += ": its build stages run no programs on them, so that any node suffices"
		default:
			c.Message += ": a build stage runs programs on " + names(x.Runs)
		}
		checks = append(checks, c)
	}
	nodes := e.running()
	if e.broken || len(nodes) == 0 {
		return checks, false // the reason has been reported
	}
	temp, err := scratch.New()
	if err != nil {
		return append(checks, Check{Name: "build", State: Error, Message: text.Line(err.Error()), Fix: temporaryFix}), false
	}
	defer temp.Remove()
	dir := temp.Path
	timeout := trialTimeout
	if e.unresponsive {
		timeout = unresponsiveTimeout
	}
	within := func(timeout time.Duration) (context.Context, context.CancelFunc) {
		return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it did not finish within %s", timeout))
	}
	short, cancel := within(timeout)
	defer cancel()
	trial, err := e.trial(short, dir)
	if e.unresponsive && err != nil && waiting.Get().MatchString(stderr(err)+err.Error()) {
		return checks, true
	}
	checks = append(checks, trial)
	if trial.State != OK {
		return checks, false
	}
	ctx, cancel = within(trialTimeout)
	defer cancel()
	for _, p := range e.union(func(x Extension) []v1.Platform { return x.Runs }) {
		checks = append(checks, e.checkRun(ctx, p, nodes))
	}
	if p := own(nodes); slices.ContainsFunc(e.Extensions, func(x Extension) bool { return slices.ContainsFunc(x.Runs, platform.IsZero) }) && p != nil {
		checks = append(checks, e.checkRun(ctx, *p, nodes))
	}
	return checks, false
}

// own returns the platform of the node that builds an image without a platform,
// or nil if it is unknown.
func own(nodes []buildx.Node) *v1.Platform {
	if len(nodes[0].Platforms) == 0 {
		return nil
	}
	p, err := platforms.Parse(nodes[0].Platforms[0])
	if err != nil {
		return nil
	}
	return &p
}

func names(list []v1.Platform) string {
	var out []string
	for _, p := range list {
		name := "the builder's own platform"
		if !platform.IsZero(p) {
			name = platform.Format(p)
		}
		if !slices.Contains(out, name) { // one for several distros
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// union returns the platforms of all extensions, each once.
func (e *examination) union(of func(Extension) []v1.Platform) (all []v1.Platform) {
	for _, x := range e.Extensions {
		for _, p := range of(x) {
			if !platform.IsZero(p) && !slices.ContainsFunc(all, func(q v1.Platform) bool { return platform.Equal(p, q) }) {
				all = append(all, p)
			}
		}
	}
	return all
}

// trialArgs returns the flags of a build with the outputs and platforms of the
// packages.
func (e *examination) trialArgs(dir string) []string {
	args := []string{"--output", "type=cacheonly"}
	out := filepath.Join(dir, "out")
	switch {
	case len(e.builder.Nodes) > 1: // a layout cannot be exported from several nodes
	case e.copiesAll():
		return []string{"--output", "type=tar,dest=" + out}
	default:
		args = []string{"--output", "type=oci,tar=false,rewrite-timestamp=true,dest=" + out}
	}
	if all := e.union(func(x Extension) []v1.Platform { return x.Asked }); len(all) > 0 {
		args = append(args, "--platform", strings.ReplaceAll(names(all), " ", ""))
	}
	return args
}

// trial builds a single empty file like a package, with the same instruction.
func (e *examination) trial(ctx context.Context, dir string) (Check, error) {
	c := Check{Name: "build", Subject: e.builder.Name, State: Error}
	args := e.trialArgs(dir)
	err := e.build(ctx, dir, "FROM scratch\nCOPY --chown=0:0 --exclude=nothing trial /\n", map[string][]byte{"trial": nil}, args...)
	if err == nil {
		c.State, c.Message = OK, "a trial build of an empty file works"
		return c, nil
	}
	c.Message, c.Fix = e.explain(err)
	if c.Fix == "" {
		c.Fix = logFix
	}
	return c, err
}

// checkRun runs a tiny program on a platform, which starts another.
func (e *examination) checkRun(ctx context.Context, p v1.Platform, nodes []buildx.Node) Check {
	name := platform.Format(p)
	c := Check{Name: "emulation", Subject: name, State: OK}
	native := buildx.IsNative(p, nodes)
	// Try it even if a node has that platform, because "create --platform" may
	// have set it.
	support, err := emulation.Probe(ctx, e.Buildx, e.builder.Name, p)
	switch {
	case err != nil:
		c.State = Error
		if c.Message, c.Fix = e.explain(err); c.Fix != "" {
			break
		}
		c.Fix = logFix
		if !native {
			c.Fix = e.emulationFix(p)
		}
	case support == emulation.Unknown:
		if !slices.ContainsFunc(nodes, func(n buildx.Node) bool { return slices.Contains(n.Platforms, name) }) {
			c.State = Warning
			c.Message = "no node lists it, and whether it can be emulated is unknown"
			c.Fix = e.nativeFix(p)
		}
	case support == emulation.Full && native:
		c.Message = "programs run natively"
	case support == emulation.Full:
		c.Message = "programs run under emulation, many times slower than on a native machine"
	case support == emulation.Single:
		c.State = Warning
		c.Message = support.Reason(p) + ", so that shells and scripts fail"
		c.Fix = e.binfmtFix(p)
	case support == emulation.None:
		c.State = Error
		c.Message = "programs do not run: no node has this platform, and QEMU is missing"
		c.Fix = e.emulationFix(p)
	}
	return c
}

// nativeFix returns the command that adds a node to the builder, or to a new
// one if nodes cannot be added to it.
func (e *examination) nativeFix(p v1.Platform) string {
	name := "--use"
	if d := e.builder.Driver; d == buildx.DriverContainer || d == buildx.DriverRemote {
		name = e.builder.Name
	}
	return fmt.Sprintf(`add a native machine: "docker extpack builder ensure %s --native %s=ssh://user@host"`, name, strings.TrimPrefix(platform.Format(p), "linux/"))
}

func (e *examination) emulationFix(p v1.Platform) string {
	install := `install qemu-user-static on the machine of BuildKit`
	if e.isLocal() {
		install += `, then run "docker extpack builder ensure ` + e.builder.Name + `"`
	}
	if e.builder.Driver == buildx.DriverDocker || e.builder.Driver == buildx.DriverContainer {
		install = `run "` + emulation.Install(p) + `"`
	}
	return install + `, or cross-compile in a stage with FROM --platform=$BUILDPLATFORM, or ` + e.nativeFix(p)
}

// binfmtFix returns how to make the kernel of the builder start QEMU.
func (e *examination) binfmtFix(p v1.Platform) string {
	fix := `run "` + emulation.Install(p) + `" on the machine of BuildKit`
	if e.isLocal() {
		fix = `run "docker extpack builder ensure ` + e.builder.Name + ` --binfmt" as root, or update Linux to 6.7`
	}
	return fix + ", or " + e.nativeFix(p)
}

// isLocal reports whether a node is a daemon that docker extpack started.
func (e *examination) isLocal() bool {
	return slices.ContainsFunc(e.builder.Nodes, func(n buildx.Node) bool {
		_, local := builder.LocalRoot(e.StateDir, n.Endpoint)
		return local
	})
}
