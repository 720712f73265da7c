package exttest

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/task"
)

// exported is a file of the export job.
type exported struct {
	mode fs.FileMode
	data []byte
	dir  bool
}

// maxExported limits how much of a file is read.
const maxExported = 1 << 20

// checkExtended checks the files and commands of a run among exported files, or
// explains the step that failed.
func (r *run) checkExtended(files map[string]exported, failed []task.FailedStep) {
	if len(failed) > 0 {
		r.extendFailed(failed[0])
		return
	}
	if r.test.Fails != nil {
		r.fail(r.test.Fails.Position, "", "nothing failed, but the case expects a failure")
		return
	}
	for _, k := range []kind{buildKind, runKind} {
		_, checks := r.imageOf(k)
		for i, f := range checks.Files {
			r.checkFile(k, f, files, fmt.Sprintf("%s/%s/file-%d", r.name(), k, i))
		}
		for i, c := range checks.Commands {
			r.checkCommand(k, c, files, fmt.Sprintf("%s/%s/command-%d", r.name(), k, i))
		}
	}
}

// extendFailed explains why a Dockerfile could not be built.
func (r *run) extendFailed(step task.FailedStep) {
	text := strings.TrimSpace(strings.TrimSpace(step.Output) + "\n" + step.Message)
	if k, c := r.commandOf(step); c != nil {
		reason := step.Message
		if noShell.Get().MatchString(step.Message + step.Output) {
			reason = "the image has no /bin/sh, which is required to record the exit code"
		}
		r.fail(c.Position, "", "%s cannot run in the %s image: %s", strings.Join(c.Run, " "), k, reason)
		return
	}
	if r.test.Fails != nil {
		if !r.test.Fails.MatchString(text) {
			r.fail(r.test.Fails.Position, text, "the build failed, and its output does not match %q", pattern(*r.test.Fails))
		}
		return
	}
	r.fail(r.Position, text, "%s", whyStep(step))
}

// noShell matches runc's error for an image without a shell.
var noShell = lazyregexp.New(`"?/bin/sh"?: (?:stat /bin/sh: )?no such file or directory`)

// commandOf returns the command of the case that a step runs, or nil.
func (r *run) commandOf(step task.FailedStep) (kind, *extension.CommandCheck) {
	for _, k := range []kind{buildKind, runKind} {
		_, checks := r.imageOf(k)
		for i := range checks.Commands {
			if slices.Contains(stepWords(step), r.commandStage(k, i)) {
				return k, &checks.Commands[i]
			}
		}
	}
	return "", nil
}

// stepWords returns the words in the brackets of the name of a step: its job, if
// there are several, its stage and its number.
func stepWords(step task.FailedStep) []string {
	words, _, _ := strings.Cut(strings.TrimPrefix(step.Name, "["), "]")
	return strings.Fields(words)
}

// whyStep returns what failed: the instruction, without the name of the job.
func whyStep(step task.FailedStep) string {
	name := step.Name
	if _, rest, ok := strings.Cut(name, "] "); ok {
		name = rest
	}
	file := "the Dockerfile"
	for _, k := range []kind{buildKind, runKind} {
		if strings.HasPrefix(step.Job, string(k)+"-") {
			file = string(k) + ".Dockerfile"
		}
	}
	switch {
	case step.ExitCode != 0:
		return fmt.Sprintf("%s: %s ended with exit code %d", file, name, step.ExitCode)
	case name != "":
		return fmt.Sprintf("%s: %s failed", file, name)
	}
	return "the images cannot be extended: " + step.Message
}

// readExport reads the files of a tar that a builder wrote.
func readExport(ctx context.Context, name string) (map[string]exported, error) {
	f, err := safefile.OpenNamed(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	files := map[string]exported{}
	for tr := tar.NewReader(f); ; {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		entry := exported{mode: header.FileInfo().Mode(), dir: header.Typeflag == tar.TypeDir}
		if header.Typeflag == tar.TypeReg {
			if entry.data, err = io.ReadAll(io.LimitReader(tr, maxExported)); err != nil {
				return nil, err
			}
		}
		files[path.Clean(header.Name)] = entry
	}
}

func (r *run) checkFile(k kind, want extension.FileCheck, files map[string]exported, dir string) {
	have, ok := files[path.Join(dir, path.Base(want.Path))]
	switch {
	case !ok && want.Absent:
		return
	case !ok:
		r.fail(want.Position, "", "the %s image has no file %s", k, want.Path)
		return
	case want.Absent:
		r.fail(want.Position, "", "the %s image has the file %s", k, want.Path)
		return
	}
	if want.Mode != nil && unixMode(have.mode) != uint32(*want.Mode) {
		r.fail(want.Position, "", "%s of the %s image has mode %04o, want %04o", want.Path, k, unixMode(have.mode), uint32(*want.Mode))
	}
	if want.Content != nil && !want.Content.Match(have.data) {
		r.fail(want.Content.Position, string(have.data), "the content of %s in the %s image does not match %q", want.Path, k, pattern(*want.Content))
	}
}

// unixMode returns the permission bits as chmod takes them.
func unixMode(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	for _, b := range []struct {
		mode fs.FileMode
		bit  uint32
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if m&b.mode != 0 {
			bits |= b.bit
		}
	}
	return bits
}

func (r *run) checkCommand(k kind, want extension.CommandCheck, files map[string]exported, dir string) {
	output := string(files[path.Join(dir, "output")].data)
	name := strings.Join(want.Run, " ")
	code, err := strconv.Atoi(strings.TrimSpace(string(files[path.Join(dir, "code")].data)))
	switch {
	case err != nil:
		r.fail(want.Position, output, "%s did not run in the %s image", name, k)
	case code != want.Exit:
		r.fail(want.Position, output, "%s ended with exit code %d in the %s image, want %d", name, code, k, want.Exit)
	case want.Output != nil && !want.Output.MatchString(output):
		r.fail(want.Output.Position, output, "the output of %s in the %s image does not match %q", name, k, pattern(*want.Output))
	}
}

// pattern returns a pattern as it was written.
func pattern(p extension.Pattern) string { return strings.TrimPrefix(p.String(), "(?m)") }
