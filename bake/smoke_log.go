package bake

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/task"
)

// smokeLog reads buildx's progress (--progress rawjson): one JSON object per
// line, mixed with lines of text. It collects the output of the program's step.
type smokeLog struct {
	step   string // digest of the program's step
	output bytes.Buffer
	failed string // why the program's step failed
	// other reports whether the image is for another platform.
	other string
	plain buildx.TailBuffer
}

// smokeStep matches BuildKit's name of the step.
var smokeStep = lazyregexp.New(`^\[(?:\S+ )*smoke [0-9]+/[0-9]+\] RUN `)

func (l *smokeLog) line(line []byte) {
	status, ok := parseProgress(line)
	if !ok {
		_, _ = l.plain.Write(append(line, '\n'))
		return
	}
	for _, v := range status.Vertexes {
		if smokeStep.Get().MatchString(v.Name) {
			l.step = v.Digest
		}
		if v.Digest == l.step && v.Error != "" {
			l.failed = v.Error
		}
	}
	for _, w := range status.Warnings {
		if m := otherPlatform.Get().FindSubmatch(w.Short); m != nil {
			l.other = string(m[1])
		}
	}
	for _, entry := range status.Logs {
		if entry.Vertex == l.step {
			l.output.Write(entry.Data)
		}
	}
}

var (
	exitCode = lazyregexp.New(`did not complete successfully: exit code: ([0-9]+)`)
	// notExecuted matches the errors of runc and the kernel.
	notExecuted = lazyregexp.New(`(?:^|\n)exec /cnb/smoke/extension/\S+: (.+)\n*$|exec: "?/cnb/smoke/extension/[^\s:]+: (.+)`)
	// noLibrary matches the errors of the dynamic linkers of glibc and musl.
	noLibrary = lazyregexp.New(`error while loading shared libraries: .*|Error loading shared library .*|Error relocating .*`)
	// emulated matches QEMU's error for a program that it cannot load.
	emulated = lazyregexp.New(`(?:^|\n)\S*qemu\S*: (?:.*: )?((?:Could not open|Error while loading|Invalid ELF).*|Exec format error)`)
	// otherPlatform matches a check of BuildKit's Dockerfile frontend. Without
	// an index, an image is used for every platform.
	otherPlatform = lazyregexp.New(`^InvalidBaseImagePlatform: .* was pulled with platform "([^"]+)"`)
	errorLine     = lazyregexp.New(`(?m)^ERROR: (.*)$`)
)

const otherImage = "name another with --smoke, or choose other targets with --target"

const formatError = "exec format error"

func (l *smokeLog) outcome(p task.Program, err error) (task.Outcome, error) {
	o := task.Outcome{Output: l.output.String()}
	if l.other != "" {
		return o, diag.WithHint(fmt.Errorf("the image %s is for %s, and cannot be used to test programs for %s", p.Image, l.other, platform.Format(p.Platform)), otherImage)
	}
	if err == nil && l.step != "" {
		return o, nil
	}
	match := exitCode.Get().FindStringSubmatch(l.failed)
	if match == nil {
		return o, l.explain(p, err)
	}
	o.ExitCode, _ = strconv.Atoi(match[1])
	cause := ""
	for _, text := range []string{o.Output, l.failed} {
		if m := notExecuted.Get().FindStringSubmatch(text); m != nil && cause == "" {
			cause = m[1] + m[2]
		}
	}
	// Programs for another platform are not run, so the builder is at fault.
	if cause == formatError {
		return o, diag.WithHint(fmt.Errorf("the builder cannot run programs for %s, neither natively nor by emulation", platform.Format(p.Platform)),
			`run `+doctor(p)+`, which says how to add an emulator, or choose other targets with --target`)
	}
	o.Fault = fault(o, cause)
	return o, nil
}

// fault returns the reason why a failed program did not start, or "" if it did.
func fault(o task.Outcome, cause string) string {
	library, emulator := noLibrary.Get().FindString(o.Output), emulated.Get().FindStringSubmatch(o.Output)
	switch {
	case cause == "no such file or directory":
		// The file itself exists.
		return cause + ": the interpreter or dynamic linker that it names is not in the image"
	case cause != "":
		return cause
	case library != "" && (o.ExitCode == 127 || o.ExitCode == 255):
		return library
	case emulator != nil && o.ExitCode != 0:
		return emulator[1]
	case o.ExitCode == 126:
		return "exit code 126, a command was found and could not be executed"
	case o.ExitCode == 127:
		return "exit code 127, a command was not found"
	case o.ExitCode > 128 && o.ExitCode < 128+65:
		return fmt.Sprintf("it was killed by signal %d", o.ExitCode-128)
	}
	return ""
}

// explain returns an error if buildx did not run the program.
func (l *smokeLog) explain(p task.Program, err error) error {
	text := l.plain.String()
	if buildx.LacksPlatform(text) {
		return diag.WithHint(&task.ImageError{Image: p.Image, Platform: platform.Format(p.Platform)}, otherImage)
	}
	line := errorLine.Get().FindStringSubmatch(text)
	switch {
	case line == nil && err == nil:
		return fmt.Errorf("running %s for %s: buildx did not report how it ended", p.File, platform.Format(p.Platform))
	case line == nil:
		return fmt.Errorf("running %s for %s: buildx: %w\n%s", p.File, platform.Format(p.Platform), err, strings.TrimSpace(text))
	case strings.Contains(line[1], "failed to resolve source metadata for "):
		cause, hint, ok := buildx.ExplainImage(line[1], "correct the name after --smoke")
		if !ok {
			cause, hint = line[1], doctor(p)+" checks whether the builder works"
		}
		return diag.WithHint(fmt.Errorf("--smoke %s: %s", p.Image, cause), hint)
	}
	return diag.WithHint(fmt.Errorf("running %s for %s: buildx: %s", p.File, platform.Format(p.Platform), line[1]),
		doctor(p)+` checks whether the builder works`)
}

// doctor returns the command that checks the requirements of running a program.
func doctor(p task.Program) string {
	return strings.TrimSuffix(buildx.DoctorCommand, `"`) + " --smoke " + p.Image + `"`
}
