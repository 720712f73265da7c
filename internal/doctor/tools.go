package doctor

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/text"
)

// toolTimeout limits commands that only read files and query an engine.
const toolTimeout = 10 * time.Second

// ensureHint is the hint for a missing or unsuitable builder.
const ensureHint = `run "docker extpack builder ensure --use"`

func (e *examination) checkDocker(ctx context.Context) Check {
	c := Check{Name: "docker", State: OK}
	if e.Docker == nil {
		c.Message = "docker CLI not found on PATH; none is required, because docker-extpack also runs standalone"
		return c
	}
	ctx, cancel := context.WithTimeoutCause(ctx, toolTimeout, fmt.Errorf("it did not respond within %s", toolTimeout))
	defer cancel()
	d, err := e.Docker(ctx)
	if err != nil {
		// buildx fails too if the context does not exist, and reports it.
		why, _ := withFix(err)
		why = strings.TrimPrefix(why, "Failed to initialize: ")
		c.State, c.Message = Warning, "the docker CLI does not work: "+why
		c.Fix = `run "docker info", and "docker context ls" to list the contexts`
		return c
	}
	e.docker = &d
	if !d.Time.IsZero() {
		e.clocks = append(e.clocks, clock{"Docker Engine", d.Time, d.Asked, time.Second})
	}
	c.Message = fmt.Sprintf("docker %s with the context %s", d.Version, d.Context)
	if d.Server != "" {
		c.Message += ", whose engine is " + d.Server
	} else {
		c.Message += ", whose engine does not respond"
	}
	return c
}

func (e *examination) checkPlugin() Check {
	return Check{Name: "plugin", State: OK, Message: "docker extpack " + e.Plugin}
}

func (e *examination) checkBuildx() Check {
	c := Check{Name: "buildx", State: OK}
	switch {
	case e.BuildxErr != nil:
		c.State = e.noBuilder()
		c.Message, c.Fix = withFix(e.BuildxErr)
		if c.Fix != "" {
			c.Fix += `; "--engine embedded" packs extensions without a build stage and needs no builder`
		}
	case e.BuildxWarning != "":
		c.State, c.Message, c.Fix = Warning, e.BuildxWarning, "install a release of buildx"
	default:
		c.Message = fmt.Sprintf("buildx %s at %s", e.Version, e.Path)
	}
	return c
}

// checkState reports whether there is a folder for a local BuildKit. Builds do
// not require one.
func (e *examination) checkState() []Check {
	if e.StateErr == nil {
		return nil
	}
	c := Check{Name: "state", State: Warning}
	c.Message, c.Fix = withFix(e.StateErr)
	c.Message += `; "docker extpack builder ensure" needs it`
	return []Check{c}
}

func (e *examination) checkExtensions() []Check {
	switch {
	case e.NoExtension:
		return []Check{{
			Name: "extension", State: OK,
			Message: "no extension found or named: platforms, build stage, base images, caches and registries were not checked",
		}}
	case e.ExtensionErr == nil:
		return nil
	}
	var checks []Check
	for _, d := range diag.Of(e.ExtensionErr) {
		checks = append(checks, Check{Name: "extension", State: Error, Message: text.Line(d.String()), Fix: d.Hint})
	}
	if len(checks) == 0 {
		c := Check{Name: "extension", State: Error}
		c.Message, c.Fix = withFix(e.ExtensionErr)
		checks = append(checks, c)
	}
	return checks
}

// withFix returns the message of an error and its hint.
func withFix(err error) (message, fix string) {
	if hint := diag.Hint(err); hint != "" {
		return text.Line(err.Error()), hint
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return text.Line(strings.TrimSpace(string(exit.Stderr))), ""
	}
	return text.Line(err.Error()), ""
}
