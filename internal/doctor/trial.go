package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/text"
)

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
	var failed *buildx.RunError
	if errors.As(err, &failed) {
		return failed.Stderr
	}
	return err.Error()
}

// causes are failures whose error in BuildKit does not explain how to fix them.
var causes = []struct {
	text *lazyregexp.Regexp
	fix  string
}{
	{lazyregexp.New(`unknown flag: (?:--)?exclude`), `update Docker Engine to 29 or BuildKit to 0.25, or ` + ensureHint},
	{lazyregexp.New(`is not supported for the docker driver`), `turn on the containerd image store of Docker Engine, or ` + ensureHint},
	{lazyregexp.New(`runc.*not found|"(buildkit-)?runc": executable file`), "install runc on the machine of BuildKit"},
	{lazyregexp.New(`waiting for connection|connection refused|no such file or directory.*\.sock|listing workers`), "start every node of the builder, or remove unreachable ones"},
}

// runcFailure matches the error for a program that did not start. BuildKit only
// reports the exit code of runc.
var runcFailure = lazyregexp.New(`runc run failed: [^\n]+`)

const temporaryFix = "free space in the folder for temporary files, or set TMPDIR to another"

// logFix is the fix for unknown failures.
const logFix = `see the log of the engine or of BuildKit, or choose another builder: "docker buildx ls"`

// noSpace matches a full disk, of this machine or of the builder.
var noSpace = lazyregexp.New(`no space left on device`)

// explain returns the message and the fix of a build that failed.
func (e *examination) explain(err error) (message, fix string) {
	said := stderr(err)
	message = err.Error()
	if why := runcFailure.Get().FindString(said); why != "" {
		message = why
	}
	message = "a trial build fails: " + text.Line(message)
	if failure, _, ok := buildx.FindSSHFailure(said); ok {
		return message, failure.Hint()
	}
	if noSpace.Get().MatchString(said) {
		var failed *buildx.RunError
		if free, freeErr := e.Free(e.Temp); !errors.As(err, &failed) || freeErr == nil && free < reserve {
			return message, temporaryFix
		}
		return message, fmt.Sprintf(`free space: "docker buildx prune --builder %s" empties the build cache`, e.builder.Name)
	}
	for _, c := range causes {
		if c.text.Get().MatchString(said) {
			return message, c.fix
		}
	}
	return message, ""
}
