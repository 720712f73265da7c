package buildx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// BuildError is returned for a failed build. The output of buildx has already
// been shown.
type BuildError struct {
	// Err is the error of the process, usually an [*exec.ExitError]. It is nil
	// if buildx was not run.
	Err error
	// Cause is a clause that explains the failure, or "".
	Cause string
	// NoBuilder reports whether nothing was built because no node could be
	// started.
	NoBuilder bool
	// Said is the message of buildx, if it was not printed.
	Said string
}

func (e *BuildError) Error() string {
	if e.Err == nil || e.Said != "" && e.Cause != "" {
		return "building: " + e.Cause
	}
	if e.Said != "" {
		return fmt.Sprintf("building: buildx bake failed (%v): %s", e.Err, e.Said)
	}
	if e.Cause != "" {
		return fmt.Sprintf("building: %s; buildx's own message is above", e.Cause)
	}
	return fmt.Sprintf("building: buildx bake failed (%v); its own message is above", e.Err)
}

func (e *BuildError) Unwrap() error { return e.Err }

// causes are failures that a user can fix although BuildKit's error does not
// explain how.
var causes = []struct {
	text *lazyregexp.Regexp
	hint string
	// cause is the clause of a [BuildError]. $1 and so on refer to the groups
	// of text. It is optional.
	cause string
	// noBuilder is BuildError.NoBuilder.
	noBuilder bool
}{
	{
		text:  lazyregexp.New(`(?m)^panic: (.*)$`),
		cause: "buildx crashed: $1",
		hint:  "update buildx; if this is the newest, report it with what it printed: https://github.com/docker/buildx/issues",
	},
	{
		text:  lazyregexp.New(`(?m)^ERROR: (?:.*: )?(?:open|mkdir) (.*/buildx)\b[^:]*: (permission denied|read-only file system)$`),
		cause: "buildx cannot write to $1: $2",
		hint:  `set BUILDX_CONFIG to a folder that you may write to, and make a builder there with "docker extpack builder ensure --use"; what is not compiled needs none with --engine embedded`,
	},
	{
		text: lazyregexp.New(`unknown flag: (?:--)?exclude|invalid chmod`),
		hint: "the builder's BuildKit is too old, 0.25 or newer is required: update Docker Engine to 29, or run \"docker extpack builder ensure\" and add --builder extpack",
	},
	{
		text:  lazyregexp.New(`(OCI exporter|[Mm]ulti-platform build) is not supported for the docker driver`),
		cause: "the builder is a Docker Engine without the containerd image store, which cannot export images",
		hint: `turn the store on with "features": {"containerd-snapshotter": true} in the engine's daemon.json (Docker Desktop: Settings, General), ` +
			`or run "docker extpack builder ensure" and add --builder extpack; extensions that are not compiled need no builder with --engine embedded`,
	},
	{
		text: lazyregexp.New(`for multi-node builds currently not supported`),
		hint: "the builder has several nodes: name it with --builder, so that each platform is built on its own node",
	},
	{
		text:  lazyregexp.New(`no builder "(.*)" found`),
		cause: `builder "$1" not found`,
		hint:  `run "docker buildx ls" to list the builders, or "docker context ls" if $1 should be a docker context`,
	},
	{
		text:      lazyregexp.New(`(?m)^ERROR: error for bootstrap "([^"]+)": (.*/apis/.*)$`),
		cause:     "the cluster of the builder's node $1 does not respond: $2",
		hint:      `check whether "kubectl get deployments" works with the kubeconfig that "docker buildx inspect" names, or choose another builder with --builder`,
		noBuilder: true,
	},
	{
		text:      lazyregexp.New(`(?m)^ERROR: error for bootstrap "([^"]+)": (.*)$`),
		cause:     "the builder's node $1 cannot be started: $2",
		hint:      `run "docker buildx inspect --bootstrap" to try again, or choose another builder with --builder`,
		noBuilder: true,
	},
	{
		text:  engineDown,
		cause: "no Docker Engine responds at $1, which the builder needs",
		hint:  `start it, or ` + unreachableHint,
	},
	{
		// BuildKit also prints it for a builder that responds later.
		text:  lazyregexp.New(`(?s)waiting for connection.*deadline exceeded`),
		cause: "the builder does not respond",
		hint:  unreachableHint,
	},
	{
		text:  lazyregexp.New(`listing workers`),
		cause: "a node of the builder does not respond",
		hint:  unreachableHint,
	},
	{
		text: lazyregexp.New(`[Cc]annot connect to the Docker daemon|failed to connect to the docker API|failed to find driver|connection refused`),
		hint: unreachableHint,
	},
	{
		text: lazyregexp.New(`additional privileges requested`),
		hint: "the build requires a grant: if you trust it, add the --allow flag that buildx names above",
	},
}

const (
	// DoctorCommand is the command that examines a builder, quoted for messages.
	DoctorCommand    = `"docker extpack builder doctor"`
	bootstrapCommand = `"docker buildx inspect --bootstrap"`
	unreachableHint  = `run ` + DoctorCommand + `, which says why and what to do, or choose another builder with --builder; extensions that are not compiled need none with --engine embedded`
)

// ForBuilder adds the builder of a flag to the commands in the hint of err.
func ForBuilder(err error, name string) error {
	var hint *diag.HintError
	if name != "" && errors.As(err, &hint) {
		for _, command := range []string{DoctorCommand, bootstrapCommand} {
			command = strings.TrimSuffix(command, `"`)
			flag := " --builder " + name
			hint.Hint = strings.ReplaceAll(hint.Hint, command, command+flag)
		}
	}
	return err
}

// Explain returns the error of a failed buildx with what output, its messages,
// says about the cause, and a hint where there is one.
func Explain(err error, output string) error {
	output = escapes.Get().ReplaceAllString(output, "")
	failed := &BuildError{Err: err}
	if explained := explainStage(failed, output); explained != nil {
		return explained
	}
	if failure, _, ok := FindSSHFailure(output); ok {
		failed.NoBuilder, failed.Cause = true, "a node of the builder at "+failure.Clause()
		return diag.WithHint(failed, failure.Hint())
	}
	for _, c := range causes {
		if match := c.text.Get().FindStringSubmatchIndex(output); match != nil {
			failed.NoBuilder = c.noBuilder
			failed.Cause = string(c.text.Get().ExpandString(nil, c.cause, output, match))
			return diag.WithHint(failed, string(c.text.Get().ExpandString(nil, c.hint, output, match)))
		}
	}
	if output == "" {
		// If buildx draws on the terminal itself, its output is not available.
		return diag.WithHint(failed, "if the builder is the cause, "+DoctorCommand+" says what to do")
	}
	return failed
}

// escapes matches the sequences with which buildx draws on a terminal (ECMA-48,
// section 5.4), and carriage returns.
var escapes = lazyregexp.New("\x1b\\[[0-9;?]*[@-~]|\r")

// TailBuffer keeps the last bytes written to it.
type TailBuffer struct {
	// Limit is the number of bytes to keep.
	Limit int

	mu   sync.Mutex
	data []byte
}

func (t *TailBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if extra := len(t.data) - t.Limit; extra > 0 {
		t.data = append(t.data[:0], t.data[extra:]...)
	}
	return len(p), nil
}

// Bytes returns a copy of the kept bytes.
func (t *TailBuffer) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.data)
}

func (t *TailBuffer) String() string { return string(t.Bytes()) }
