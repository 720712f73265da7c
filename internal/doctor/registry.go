package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/distribution/reference"

	"github.com/extpack/extpack/internal/builder"
	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/loopback"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
)

// registryTimeout limits the checks of a registry, including retries.
const registryTimeout = 15 * time.Second

// registries begins and cancels a push to each repository.
func (e *examination) registries(ctx context.Context) (checks []Check, clocks []clock) {
	seen := map[string]bool{}
	for _, x := range e.Extensions {
		for _, ref := range x.Tags {
			if seen[ref.RepositoryName()] {
				continue
			}
			seen[ref.RepositoryName()] = true
			c, times := e.checkRegistry(ctx, ref)
			checks, clocks = append(checks, c), append(clocks, times...)
		}
	}
	return checks, clocks
}

func (e *examination) checkRegistry(ctx context.Context, ref registry.Reference) (Check, []clock) {
	c := Check{Name: "registry", Subject: ref.RepositoryName(), State: OK}
	ctx, cancel := context.WithTimeoutCause(ctx, registryTimeout, fmt.Errorf("it did not respond within %s", registryTimeout))
	defer cancel()
	access, err := e.Registry.CheckPush(ctx, ref)
	var clocks []clock
	if !access.Date.IsZero() {
		clocks = append(clocks, clock{ref.Host(), access.Date, access.Local, access.Took})
	}
	if err != nil {
		c.State = Error
		c.Message, c.Fix = withFix(err)
		if cause := context.Cause(ctx); cause != nil {
			c.Message = fmt.Sprintf("checking push access to %s: %v", ref.RepositoryName(), cause)
		}
		var answer *registry.ResponseError
		switch {
		case c.Fix == "":
			c.Fix = fmt.Sprintf("make sure that %s runs and can be reached from here: this machine pushes, not the builder", ref.Host())
		case !errors.As(err, &answer):
			c.Fix += "; this machine pushes, not the builder"
		}
		later := errors.As(err, &answer) && answer.StatusCode >= http.StatusTooManyRequests && answer.StatusCode != http.StatusNotImplemented
		if later || errors.Is(err, registry.ErrRetryLater) {
			c.Fix = fmt.Sprintf("%s responds, but is unavailable: try again later, or see its log", ref.Host())
		}
		if errors.Is(err, oci.ErrNotFound) {
			c.Fix = fmt.Sprintf("create the repository %s, which this registry does not create automatically, or check its name", ref.RepositoryName())
		}
		return c, clocks
	}
	// The builder's configuration does not matter, because it only exports
	// files.
	c.Message = "a push from this machine would be accepted"
	if access.PlainHTTP {
		c.Message += ", over plain HTTP"
	}
	return c, clocks
}

// checkPulls checks the registries that the builder itself accesses: those of
// base images and caches. Packages are pushed from this machine.
func (e *examination) checkPulls(ctx context.Context) []Check {
	var hosts []string
	for _, x := range e.Extensions {
		for _, host := range x.Pulls {
			if !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
			}
		}
	}
	var checks []Check
	for _, host := range hosts {
		checks = append(checks, e.checkPull(ctx, host))
	}
	return checks
}

func (e *examination) checkPull(ctx context.Context, host string) Check {
	c := Check{Name: "builder-registry", Subject: host, State: OK}
	ctx, cancel := context.WithTimeoutCause(ctx, registryTimeout, fmt.Errorf("it did not respond within %s", registryTimeout))
	defer cancel()
	access, err := e.Registry.Probe(ctx, host)
	var mode string
	switch {
	case err != nil:
		c.State = Warning
		c.Message, _ = withFix(err)
		c.Message += "; base images or caches are pulled from it, and whether the builder can reach it is unknown"
		c.Fix = "make sure that it runs and that the machine of the builder can reach it"
		return c
	case access.PlainHTTP:
		mode = builder.ModeHTTP
	case access.Untrusted:
		mode = builder.ModeInsecure
	default:
		c.Message = "the builder pulls from it over HTTPS, which requires no configuration"
		return c
	}
	speaks := map[string]string{builder.ModeHTTP: "plain HTTP", builder.ModeInsecure: "HTTPS with a certificate that is not trusted"}[mode]
	known, sure := e.known(builder.Registry{Host: host, Mode: mode})
	if known {
		c.Message = fmt.Sprintf("it uses %s, as configured in the builder", speaks)
		return c
	}
	snippet := builder.Snippet([]builder.Registry{{Host: host, Mode: mode}})
	c.State = Warning
	c.Message = fmt.Sprintf("it uses %s, which must be configured in the builder that pulls base images or caches from it; whether it is cannot be determined from here", speaks)
	c.Fix = "make sure that the buildkitd.toml of the builder has: " + snippet
	if sure {
		c.State = Error
		c.Message = fmt.Sprintf("it uses %s, which is not configured in the builder that pulls base images or caches from it", speaks)
		c.Fix = fmt.Sprintf(`run "docker extpack builder ensure %s --registry %s=%s"`, e.builder.Name, host, mode)
	}
	if e.builder != nil && e.builder.Driver == buildx.DriverDocker {
		c.Fix = fmt.Sprintf(`add %q to "insecure-registries" in the engine's daemon.json, or use a separate builder: "docker extpack builder ensure --use --registry %s=%s"`, host, host, mode)
	}
	return c
}

// known reports whether the builder's configuration has a registry. sure is
// false if the configuration cannot be read.
func (e *examination) known(r builder.Registry) (known, sure bool) {
	if e.builder == nil {
		return false, false
	}
	sure = true
	for _, n := range e.builder.Nodes {
		config := n.Files["buildkitd.toml"]
		switch e.builder.Driver {
		case buildx.DriverContainer, "kubernetes":
		case buildx.DriverRemote:
			if config = builder.LocalConfig(e.StateDir, n.Endpoint); config == nil {
				sure = false
			}
		default:
			sure = false
		}
		// BuildKit uses plain HTTP for registries on its machine.
		if !builder.Knows(config, r) && !(r.Mode == builder.ModeHTTP && e.builder.Driver == buildx.DriverRemote && loopback.Is(r.Host)) {
			return false, sure
		}
	}
	return true, sure
}

// imageHost returns the host of the registry of an image, or "" if image is not
// a reference.
func imageHost(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	return reference.Domain(named)
}
