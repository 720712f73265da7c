// Package emulation finds out by trying what a builder can run for a platform.
//
// QEMU for a foreign program is either known to the kernel, through binfmt_misc,
// or started by BuildKit. In the second case, a QEMU that was not made for
// BuildKit, such as Debian's, runs the program, but the kernel refuses the next
// one that this program starts. A shell is of little use there, and a script does
// not start at all.
package emulation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/scratch"
)

// Support is what a builder can run for a platform.
type Support int

const (
	// Unknown means that no program is known for the platform.
	Unknown Support = iota
	// Full means that programs run and start others.
	Full
	// Single means that programs run, but cannot start others.
	Single
	// None means that programs do not run.
	None
)

// Reason returns why programs of a platform cannot be relied on, or "".
func (s Support) Reason(p v1.Platform) string {
	switch name := platform.Format(p); s {
	case Single:
		return fmt.Sprintf("emulation of %s cannot start a second program: the QEMU of this builder does not support execve", name)
	case None:
		return fmt.Sprintf("programs for %s do not run on this builder: it has neither a node nor an emulator for them", name)
	default:
		return ""
	}
}

// Install returns the command that registers QEMU with the kernel of a machine
// with Docker, so that every program of a platform runs.
func Install(p v1.Platform) string {
	return "docker run --privileged --rm tonistiigi/binfmt --install " + p.Architecture
}

// trial runs a program that starts another.
const trial = "FROM scratch\nCOPY --chmod=0755 first second /\nRUN [\"/first\"]\n"

const formatError = "exec format error"

var exitCode = lazyregexp.New(fmt.Sprintf(`did not complete successfully: exit code: %d\b`, notStarted))

// Probe builds the trial for a platform on a builder, without cache. It returns
// an error if the build fails for a reason that has nothing to do with the
// platform.
func Probe(ctx context.Context, client buildx.Runner, builder string, p v1.Platform) (Support, error) {
	first, other, ok := programs(p)
	if !ok {
		return Unknown, nil
	}
	temp, err := scratch.New()
	if err != nil {
		return Unknown, err
	}
	defer temp.Remove()
	dir := filepath.Join(temp.Path, "context")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return Unknown, fmt.Errorf("creating temporary folder: %w", err)
	}
	for name, data := range map[string][]byte{"first": first, filepath.Base(second): other, "Dockerfile": []byte(trial)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return Unknown, fmt.Errorf("writing programs: %w", err)
		}
	}
	args := []string{"build", "--progress", "plain", "--provenance=false", "--no-cache", "--output", "type=cacheonly", "--platform", platform.Format(p)}
	if builder != "" {
		args = append(args, "--builder", builder)
	}
	_, err = client.Output(ctx, append(args, dir)...)
	return judge(err)
}

// judge returns what the error of the trial says.
func judge(err error) (Support, error) {
	if err == nil {
		return Full, nil
	}
	var failed *buildx.RunError
	if !errors.As(err, &failed) {
		return Unknown, err
	}
	switch said := failed.Stderr; {
	case exitCode.Get().MatchString(said):
		return Single, nil
	case strings.Contains(said, formatError):
		return None, nil
	}
	return Unknown, err
}
