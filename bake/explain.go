package bake

import (
	"fmt"
	"regexp"

	"github.com/extpack/extpack/internal/diag"
)

// BuildError is a buildx run that failed. What buildx said about it has been
// shown as it is.
type BuildError struct {
	// Err is how the process ended, an [*exec.ExitError] as a rule.
	Err error
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("building: buildx bake failed (%v); its own message is above", e.Err)
}

func (e *BuildError) Unwrap() error { return e.Err }

// causes are failures that a user can do something about but whose text, from
// deep inside BuildKit, does not say what.
var causes = []struct {
	text *regexp.Regexp
	hint string
}{
	{
		regexp.MustCompile(`unknown flag: exclude|invalid chmod`),
		"the builder's BuildKit is too old, 0.25 or newer is needed: update Docker Engine to 29, or run \"docker buildx create --name extpack --driver docker-container\" and add --builder extpack",
	},
	{
		regexp.MustCompile(`(OCI exporter|[Mm]ulti-platform build) is not supported for the docker driver`),
		"turn on the containerd image store of Docker Engine, or run \"docker buildx create --name extpack --driver docker-container\" and add --builder extpack",
	},
	{
		regexp.MustCompile(`for multi-node builds currently not supported`),
		"the builder has several nodes: name it with --builder, so that each platform is built on its own node",
	},
	{
		regexp.MustCompile(`no builder ".*" found`),
		"run \"docker buildx ls\" to see the builders there are",
	},
	{
		regexp.MustCompile(`[Cc]annot connect to the Docker daemon|failed to connect to the docker API|failed to find driver|connection refused|waiting for connection|listing workers`),
		"run \"docker buildx inspect --bootstrap\" to see whether the builder works, choose another with --builder, or do without with --engine embedded",
	},
	{
		regexp.MustCompile(`additional privileges requested`),
		"the override needs a grant: add the --allow that buildx names above",
	},
}

func explain(err error, output string) error {
	failed := &BuildError{Err: err}
	for _, c := range causes {
		if c.text.MatchString(output) {
			return diag.WithHint(failed, c.hint)
		}
	}
	return failed
}

// tailBuffer keeps the last bytes written to it.
type tailBuffer struct {
	limit int
	data  []byte
}

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if extra := len(t.data) - t.limit; extra > 0 {
		t.data = append(t.data[:0], t.data[extra:]...)
	}
	return len(p), nil
}

func (t *tailBuffer) Bytes() []byte  { return t.data }
func (t *tailBuffer) String() string { return string(t.data) }
