package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/extpack/extpack/internal/builder"
	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/text"
)

// MinBuildKit is the first version whose Dockerfile frontend supports COPY
// --exclude.
const MinBuildKit = "v0.25.0"

// dialTimeout limits a connection to an address that does not respond.
const dialTimeout = 2 * time.Second

func (e *examination) checkBuilder(ctx context.Context) []Check {
	c := Check{Name: "builder", State: Error}
	list, err := buildx.List(ctx, e.Buildx)
	if err != nil {
		e.broken = true
		c.Message, c.Fix = withFix(err)
		if c.Fix == "" {
			c.Fix = `run "docker buildx ls" and "docker context ls"`
		}
		return []Check{c}
	}
	b := buildx.Find(list, e.Builder)
	from := ""
	if e.BuilderFrom != "" {
		from = " (from " + e.BuilderFrom + ")"
	}
	if b == nil {
		e.broken = true
		c.Subject = e.Builder
		c.Message = fmt.Sprintf("builder %q not found%s", e.Builder, from)
		c.Fix = fmt.Sprintf(`run "docker buildx ls" to list the builders, or "docker extpack builder ensure %s"`, e.Builder)
		return []Check{c}
	}
	e.builder = b
	c.Subject = b.Name
	if !slices.ContainsFunc(b.Nodes, func(n buildx.Node) bool { return b.State(n) != buildx.Unreachable }) {
		c.State = e.noBuilder()
		c.Message, c.Fix = e.unusable(ctx, b, from)
		return []Check{c}
	}
	c.State = OK
	c.Message = fmt.Sprintf("the driver %s%s with %s", b.Driver, from, text.Count(len(b.Nodes), "node"))
	checks := []Check{c}
	var unresponsive []int
	for _, n := range b.Nodes {
		if b.Blocks(n) {
			unresponsive, e.unresponsive = append(unresponsive, len(checks)), true
		}
		checks = append(checks, e.checkNode(ctx, b, n))
		if b.State(n) == buildx.Running {
			checks = append(checks, e.checkVersion(n))
		}
	}
	if b.Driver == buildx.DriverDocker {
		checks = append(checks, e.checkStore(b.Nodes[0]))
	}
	platforms, waited := e.checkPlatforms(ctx)
	for _, i := range unresponsive {
		if waited {
			checks[i].State = Error
			checks[i].Message += "; the build waits for it and fails"
		} else {
			checks[i].Message += "; a build that needs it waits for it and fails"
		}
	}
	return append(checks, platforms...)
}

// noBuilder returns the severity of not having a builder: static extensions can
// be built without one, unless one was named.
func (e *examination) noBuilder() State {
	e.broken = true // a trial build is not possible
	named := e.Builder != "" && e.BuilderFrom == ""
	if named || len(e.Extensions) == 0 || e.ExtensionErr != nil {
		return Error
	}
	for _, x := range e.Extensions {
		if x.Compiles || x.Smoke {
			return Error
		}
	}
	return Warning
}

// unusable returns the reason why no node of a builder can be used.
func (e *examination) unusable(ctx context.Context, b *buildx.Builder, from string) (message, fix string) {
	for _, n := range b.Nodes {
		if why := b.Err + n.Err; why != "" {
			message = fmt.Sprintf("no build is possible on %s%s: %s", b.Name, from, text.Line(why.String()))
			if failure, _, ok := buildx.FindSSHFailure(string(why)); ok {
				return message, failure.Hint() + ", or " + ensureHint
			}
			if b.Driver == buildx.DriverContainer || b.Driver == buildx.DriverDocker || b.Driver == "" {
				return message, `start Docker Engine, or ` + ensureHint + ` for a BuildKit without one; "--engine embedded" needs none`
			}
			return message, `run "docker buildx inspect --bootstrap ` + b.Name + `"`
		}
		if b.Driver == buildx.DriverRemote {
			_, local := builder.LocalRoot(e.StateDir, n.Endpoint)
			fix = fmt.Sprintf(`start the BuildKit at %s, or choose another builder: "docker buildx ls"`, n.Endpoint)
			if local {
				fix = fmt.Sprintf(`run "docker extpack builder ensure %s"`, b.Name)
			}
			return fmt.Sprintf("no build is possible on %s%s: %s", b.Name, from, reason(ctx, n.Endpoint)), fix
		}
	}
	return fmt.Sprintf("no build is possible on %s%s: none of its nodes responds", b.Name, from), ensureHint
}

// reason returns the reason why a BuildKit at an address does not respond.
func reason(ctx context.Context, endpoint string) string {
	network, address, _ := strings.Cut(endpoint, "://")
	if network != "tcp" && network != "unix" {
		return fmt.Sprintf("%s did not respond within %s", endpoint, buildx.StatusTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		_ = conn.Close()
		return fmt.Sprintf("%s accepts connections, but no BuildKit responded within %s", endpoint, buildx.StatusTimeout)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Sprintf("%s does not respond: %v", endpoint, err)
}

func (e *examination) checkNode(ctx context.Context, b *buildx.Builder, n buildx.Node) Check {
	c := Check{Name: "node", Subject: n.Name, State: OK}
	switch b.State(n) {
	case buildx.Running:
		c.Message = fmt.Sprintf("running at %s, for %s", n.Endpoint, strings.Join(n.Platforms, ", "))
	case buildx.Inactive:
		c.State = Warning
		c.Message = fmt.Sprintf("%s; the next build starts it, and until then its BuildKit and platforms are unknown", n.Status)
		c.Fix = `run "docker buildx inspect --bootstrap ` + b.Name + `" and run doctor again`
	default:
		c.State = Warning // buildx may not need it
		why := text.Line(n.Err.String())
		if why == "" {
			why = reason(ctx, n.Endpoint)
		}
		c.Message = why
		c.Fix = fmt.Sprintf(`start it, or remove it: "docker buildx create --leave --name %s --node %s"`, b.Name, n.Name)
		if _, local := builder.LocalRoot(e.StateDir, n.Endpoint); local {
			c.Fix = fmt.Sprintf(`run "docker extpack builder ensure %s"`, b.Name)
		}
	}
	return c
}

func (e *examination) checkVersion(n buildx.Node) Check {
	c := Check{Name: "buildkit", Subject: n.Name, State: OK}
	version, _, _ := strings.Cut(n.Version, "+")
	if version != "" && !strings.HasPrefix(version, "v") {
		version = "v" + version
	}
	switch {
	case !semver.IsValid(version) || version == "v0.0.0":
		c.State = Warning
		c.Message = fmt.Sprintf("it does not report its version (%q); %s or newer is required", n.Version, MinBuildKit)
		c.Fix = "use a release of BuildKit if a build fails"
	case semver.Compare(version, MinBuildKit) < 0:
		e.broken = true
		c.State = Error
		c.Message = fmt.Sprintf("BuildKit %s is too old: extensions are copied with COPY --exclude, which %s has", n.Version, MinBuildKit)
		c.Fix = `update Docker Engine to 29 or BuildKit to 0.25, or ` + ensureHint
		if e.builder.Driver == buildx.DriverContainer {
			c.Fix = fmt.Sprintf(`run "docker pull moby/buildkit:buildx-stable-1", "docker buildx stop %s" and "docker buildx rm --keep-state %s", then "docker extpack builder ensure %s"`, e.builder.Name, e.builder.Name, e.builder.Name)
		}
	default:
		c.Message = "BuildKit " + n.Version
	}
	return c
}

// running returns the nodes that are running.
func (e *examination) running() []buildx.Node {
	return slices.DeleteFunc(slices.Clone(e.builder.Nodes), func(n buildx.Node) bool {
		return e.builder.State(n) != buildx.Running
	})
}
