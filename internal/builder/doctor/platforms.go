package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/builder"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/text"
)

// trialTimeout bounds a build of nothing.
const trialTimeout = time.Minute

// checkPlatforms compares the platforms of the extensions with what the nodes
// do, by building.
func (e *examination) checkPlatforms(ctx context.Context) []Check {
	var checks []Check
	for _, x := range e.Extensions {
		c := Check{Name: "platforms", Subject: x.Name, State: OK}
		c.Message = names(x.Platforms)
		switch {
		case !x.Compiles:
			c.Message += ": its files are only copied, which any node does for any platform without emulation"
		case len(x.Runs) == 0:
			c.Message += ": its build stages run nothing on them, so that any node does"
		default:
			c.Message += ": a build stage runs programs on " + names(x.Runs)
		}
		checks = append(checks, c)
	}
	nodes := e.running()
	if e.broken || len(nodes) == 0 {
		return checks // the reason why not stands above
	}
	dir, err := os.MkdirTemp(e.Temp, "extpack-")
	if err != nil {
		return append(checks, Check{Name: "build", State: Error, Message: text.Line(err.Error()), Fix: "make room in the folder for temporary files, or set TMPDIR to another"})
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeoutCause(ctx, trialTimeout, fmt.Errorf("it was not done within %s", trialTimeout))
	defer cancel()
	trial := e.trial(ctx, dir)
	checks = append(checks, trial)
	if trial.State != OK {
		return checks
	}
	for _, p := range e.union(func(x Extension) []v1.Platform { return x.Runs }) {
		checks = append(checks, e.checkRun(ctx, dir, p, nodes))
	}
	return checks
}

func names(list []v1.Platform) string {
	var out []string
	for _, p := range list {
		if platform.IsZero(p) {
			out = append(out, "the builder's own platform")
			continue
		}
		out = append(out, platform.Format(p))
	}
	return strings.Join(out, ", ")
}

// union gives the platforms of all extensions, each once.
func (e *examination) union(of func(Extension) []v1.Platform) []v1.Platform {
	var all []v1.Platform
	for _, x := range e.Extensions {
		for _, p := range of(x) {
			if !platform.IsZero(p) && !slices.ContainsFunc(all, func(q v1.Platform) bool { return platform.Equal(p, q) }) {
				all = append(all, p)
			}
		}
	}
	return all
}

// trial builds as a package is built: the same instruction, output and
// platforms, of a single empty file.
func (e *examination) trial(ctx context.Context, dir string) Check {
	c := Check{Name: "build", Subject: e.builder.Name, State: Error}
	args := []string{"--output", "type=cacheonly"}
	if len(e.builder.Nodes) == 1 {
		// Several nodes export no layout together.
		args = []string{"--output", "type=oci,tar=false,rewrite-timestamp=true,dest=" + filepath.Join(dir, "out")}
	}
	if all := e.union(func(x Extension) []v1.Platform { return x.Platforms }); len(all) > 0 {
		args = append(args, "--platform", strings.ReplaceAll(names(all), " ", ""))
	}
	err := e.build(ctx, dir, "FROM scratch\nCOPY --chown=0:0 --exclude=nothing trial /\n", map[string][]byte{"trial": nil}, args...)
	if err == nil {
		c.State, c.Message = OK, "a trial build of an empty file works"
		return c
	}
	c.Message, c.Fix = explain(err)
	return c
}

// checkRun starts a program of a few bytes on a platform.
func (e *examination) checkRun(ctx context.Context, dir string, p v1.Platform, nodes []builder.Node) Check {
	name := platform.Format(p)
	c := Check{Name: "emulation", Subject: name, State: OK}
	native := isNative(p, nodes)
	program := program(p)
	if program == nil {
		if !slices.ContainsFunc(nodes, func(n builder.Node) bool { return slices.Contains(n.Platforms, name) }) {
			c.State = Warning
			c.Message = "no node lists it, and whether it can be emulated is unknown"
			c.Fix = nativeFix(p)
		}
		return c
	}
	err := e.build(ctx, dir, "FROM scratch\nCOPY --chmod=0755 program /program\nRUN [\"/program\"]\n",
		map[string][]byte{"program": program}, "--platform", name, "--output", "type=cacheonly")
	switch {
	case err == nil && native:
		c.Message = "programs run natively"
	case err == nil:
		c.Message = "programs run under emulation, many times slower than on a machine of that kind"
	case native:
		c.State = Error
		c.Message, c.Fix = explain(err)
	case strings.Contains(stderr(err), "exec format error"):
		c.State = Error
		c.Message = "programs do not run there: no node is a machine of that kind, and QEMU is missing"
		c.Fix = e.emulationFix(p)
	default:
		c.State = Error
		c.Message, c.Fix = explain(err)
		if c.Fix == "" {
			c.Fix = e.emulationFix(p)
		}
	}
	return c
}

// isNative reports whether a node is a machine of that kind: its own platform
// is the first that it lists, and 32-bit programs of the same family need no
// emulation where it says so.
func isNative(p v1.Platform, nodes []builder.Node) bool {
	family := map[string]string{"386": "amd64", "arm": "arm64"}
	for _, n := range nodes {
		if len(n.Platforms) == 0 {
			continue
		}
		own := strings.Split(n.Platforms[0], "/")
		if len(own) > 1 && own[0] == p.OS && (own[1] == p.Architecture || own[1] == family[p.Architecture]) {
			return true
		}
	}
	return false
}

func nativeFix(p v1.Platform) string {
	return fmt.Sprintf(`add a machine of that kind: "docker extpack builder ensure --native %s=ssh://user@host"`, strings.TrimPrefix(platform.Format(p), "linux/"))
}

func (e *examination) emulationFix(p v1.Platform) string {
	install := `install qemu-user-static on the machine of BuildKit`
	for _, n := range e.builder.Nodes {
		if _, local := builder.LocalRoot(e.StateDir, n.Endpoint); local {
			install += `, then run "docker extpack builder ensure ` + e.builder.Name + `"`
		}
	}
	if e.builder.Driver == builder.DriverDocker || e.builder.Driver == builder.DriverContainer {
		install = `run "docker run --privileged --rm tonistiigi/binfmt --install ` + p.Architecture + `"`
	}
	return install + `, or cross-compile in a stage with FROM --platform=$BUILDPLATFORM, or ` + nativeFix(p)
}

// build runs a Dockerfile on the builder.
func (e *examination) build(ctx context.Context, dir, dockerfile string, files map[string][]byte, args ...string) error {
	folder, err := os.MkdirTemp(dir, "context-")
	if err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			return err
		}
	}
	file := filepath.Join(folder, "Dockerfile")
	if err := os.WriteFile(file, []byte(dockerfile), 0o644); err != nil {
		return err
	}
	all := append([]string{"build", "--builder", e.builder.Name, "--progress", "plain", "--provenance=false", "--file", file}, args...)
	_, err = e.Buildx.Output(ctx, append(all, folder)...)
	return err
}

func stderr(err error) string {
	var failed *builder.RunError
	if errors.As(err, &failed) {
		return failed.Stderr
	}
	return err.Error()
}

// causes are failures whose text, from deep inside BuildKit, does not say what
// to do.
var causes = []struct {
	text *regexp.Regexp
	fix  string
}{
	{regexp.MustCompile(`no space left on device`), `make room: "docker buildx prune" empties the build cache`},
	{regexp.MustCompile(`unknown flag: exclude`), `update Docker Engine to 29 or BuildKit to 0.25, or ` + ensureHint},
	{regexp.MustCompile(`is not supported for the docker driver`), `turn on the containerd image store of Docker Engine, or ` + ensureHint},
	{regexp.MustCompile(`runc.*not found|"(buildkit-)?runc": executable file`), "install runc on the machine of BuildKit"},
	{regexp.MustCompile(`waiting for connection|connection refused|no such file or directory.*\.sock|listing workers`), "start every node of the builder, or take dead ones out"},
}

// runcFailure is a program that was not even started, of which BuildKit's error
// gives nothing but runc's exit code.
var runcFailure = regexp.MustCompile(`runc run failed: [^\n]+`)

// explain gives the message and the fix of a build that failed.
func explain(err error) (message, fix string) {
	said := stderr(err)
	message = err.Error()
	if why := runcFailure.FindString(said); why != "" {
		message = why
	}
	message = "a trial build fails: " + text.Line(message)
	if failure, _, ok := builder.FindSSHFailure(said); ok {
		return message, failure.Hint()
	}
	for _, c := range causes {
		if c.text.MatchString(said) {
			return message, c.fix
		}
	}
	return message, ""
}
