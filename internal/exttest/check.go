package exttest

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/rules"
)

// Exit codes of the detector (Platform Interface Specification, "detector").
const (
	codeNotDetected    = 20
	codeDetectErrors   = 21
	codeNotDetectedOld = 100
)

// checkDetected judges what the detector left. It reports whether there is
// something to extend.
func (r *run) checkDetected(update bool) (bool, error) {
	d := r.detected
	if d.code == 126 || d.code == 127 {
		return false, diag.WithHint(diag.Invalidf("%s cannot run %s: %s", cmp.Or(r.lifecycleName(), r.build.name), detectorBin, strings.TrimSpace(r.Output)),
			"name a builder image of Cloud Native Buildpacks with --builder-image, or one with the lifecycle with --lifecycle")
	}
	for _, m := range r.test.Messages {
		if !m.MatchString(r.Output) {
			r.fail(m.Position, r.said(), "nothing in the output of detect and generate matches %q", pattern(m))
		}
	}
	passed := r.inGroup(r.subject.ID)
	failedLater := d.code != 0 && passed && r.generateFailed()
	switch {
	case r.test.Fails != nil && failedLater:
		if !r.test.Fails.MatchString(r.Output) {
			r.fail(r.test.Fails.Position, r.said(), "generate failed, and its output does not match %q", pattern(*r.test.Fails))
		}
		return false, nil
	case failedLater:
		r.fail(r.Position, r.said(), "%s", r.whyGenerate())
		return false, nil
	case r.test.DetectFails && passed:
		r.fail(r.Position, r.said(), "detection of %s passed, but the case expects it to fail", r.subject)
		return false, nil
	case r.test.DetectFails:
		return false, nil
	case !passed:
		r.fail(r.Position, r.said(), "detection of %s failed%s", r.subject, r.whyNotDetected())
		return false, nil
	case d.code != 0:
		r.fail(r.Position, r.said(), "the lifecycle failed with exit code %d", d.code)
		return false, nil
	}
	for _, o := range r.order {
		if !r.inGroup(o.ID) {
			r.fail(r.Position, r.said(), "detection of %s failed, which is part of the order", o.Subject)
		}
	}
	r.checkPlan()
	if err := r.checkApp(); err != nil {
		return false, err
	}
	for _, o := range r.order {
		if err := r.checkWritten(o.Subject); err != nil {
			return false, err
		}
	}
	r.checkStatic()
	if err := r.checkGolden(update); err != nil {
		return false, err
	}
	return len(r.Failures) == 0, nil
}

// lifecycleName returns the name of the image with the lifecycle, if it is not
// the build image.
func (r *run) lifecycleName() string {
	if r.lifecycle == nil {
		return ""
	}
	return r.lifecycle.name
}

// generateFailed reports whether the lifecycle got as far as generate.
func (r *run) generateFailed() bool {
	return r.detected.code != codeNotDetected && r.detected.code != codeDetectErrors && r.detected.code != codeNotDetectedOld
}

// whyGenerate explains the failure of generate in one sentence.
func (r *run) whyGenerate() string {
	last := lifecycleError(r.Output)
	switch code, ok := exitStatus(last); {
	case ok && code != "":
		return fmt.Sprintf("bin/generate ended with exit code %s, and the lifecycle stopped the build", code)
	case strings.Contains(last, "signal: "):
		return "bin/generate was killed (" + last[strings.Index(last, "signal: "):] + "), and the lifecycle stopped the build"
	case last != "":
		return "the lifecycle refuses what generate wrote: " + last
	}
	return fmt.Sprintf("the lifecycle failed in generate with exit code %d", r.detected.code)
}

// exitStatus returns the exit code in an error of Go's package exec.
func exitStatus(message string) (string, bool) {
	_, code, ok := strings.Cut(message, "exit status ")
	return code, ok
}

// lifecycleError returns the message of the last error of the lifecycle, which
// begins with "ERROR: ".
func lifecycleError(output string) string {
	last := ""
	for line := range strings.SplitSeq(output, "\n") {
		if text, ok := strings.CutPrefix(line, "ERROR: "); ok {
			last = text
		}
	}
	for _, prefix := range []string{"failed to build: ", "failed to detect: "} {
		last = strings.TrimPrefix(last, prefix)
	}
	return last
}

// whyNotDetected returns the cause as the end of a sentence, from what the
// lifecycle prints about each member of the group.
func (r *run) whyNotDetected() string {
	name := r.subject.String()
	for line := range strings.SplitSeq(r.Output, "\n") {
		switch text := strings.TrimSpace(line); {
		case strings.HasPrefix(text, "err:") && strings.Contains(text, name):
			if _, code, ok := strings.Cut(text, name+" ("); ok {
				return ": bin/detect ended with exit code " + strings.TrimSuffix(code, ")") + ", and lifecycles accept only 0 and 100"
			}
			return ": " + r.after("======== Error: "+name+" ========")
		case text == "skip: "+name || text == "fail: "+name:
			return ": bin/detect ended with exit code 100, which means that it does not apply"
		case strings.HasPrefix(text, "skip: "+name+" provides unused "):
			unused := strings.TrimPrefix(text, "skip: "+name+" provides unused ")
			return fmt.Sprintf(": it provides %s, which nothing requires; add requires = [%q] to the case", unused, unused)
		case strings.HasPrefix(text, "fail: "+testBuildpackID+"@1.0.0 requires "):
			required := strings.TrimPrefix(text, "fail: "+testBuildpackID+"@1.0.0 requires ")
			return fmt.Sprintf(": the case requires %s, which no extension provides", required)
		}
	}
	return ""
}

// after returns the line after another one of the output.
func (r *run) after(line string) string {
	_, rest, ok := strings.Cut(r.Output, line+"\n")
	if !ok {
		return "its bin/detect did not run"
	}
	next, _, _ := strings.Cut(rest, "\n")
	return next
}

// boilerplate are the beginnings of lines that the lifecycle prints on every run
// at the level debug.
var boilerplate = []string{
	"Starting detector...", "Parsing inputs...", "Ensuring privileges...", "Executing command...", "No system buildpacks found",
	"Timer: ", "Checking for match against descriptor", "target distro", "No run metadata found", "Looking up extension", "Finding plan",
	"Invoking command", "Creating plan directory", "Preparing paths", "Running generate command", "Reading output files", "Found '0' Build Contexts",
	"Checking run image", "Copying Dockerfiles", "Run image info in analyzed metadata", "{\"Reference\":", "Finished running generate",
	"Updating analyzed metadata",
}

// said returns the output without boilerplate and what belongs to the test.
func (r *run) said() string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(r.Output, "\n"), "\n") {
		if strings.Contains(line, recorderID) || slices.ContainsFunc(boilerplate, func(s string) bool { return strings.HasPrefix(line, s) }) {
			continue
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// checkPlan compares the names that the extension provides in the plan.
func (r *run) checkPlan() {
	if r.test.Plan == nil {
		return
	}
	var want, have []string
	for _, e := range r.test.Plan {
		want = append(want, e.Value)
	}
	for _, entry := range r.detected.plan {
		for _, p := range entry.Providers {
			for _, required := range entry.Requires {
				if p.Extension && p.ID == r.subject.ID && !slices.Contains(have, required.Name) {
					have = append(have, required.Name)
				}
			}
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(want, have) {
		pos := r.Position
		if len(r.test.Plan) > 0 {
			pos = r.test.Plan[0].Position
		}
		r.fail(pos, "", "the plan of generate has %s, want %s", list(have), list(want))
	}
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// checkApp compares the application with what it was before.
func (r *run) checkApp() error {
	if r.test.ChangesApp {
		return nil
	}
	diff, err := diffTrees(filepath.Join(r.dir, "context", "app"), filepath.Join(r.detected.dir, "app"))
	if err != nil {
		return err
	}
	if len(diff) > 0 {
		r.fail(r.Position, strings.Join(diff, "\n"), "detect or generate changed the application [%s]: %s", rules.AppChanged.ID, rules.AppChanged.Fix)
	}
	return nil
}

// checkStatic finds a folder generate that the lifecycle ignores.
func (r *run) checkStatic() {
	if r.apiMinor() < 13 {
		return
	}
	for _, o := range r.order {
		_, err := os.Lstat(filepath.Join(r.detected.dir, "layers", "generated", extension.EscapeID(o.ID), "build.Dockerfile"))
		_, runErr := os.Lstat(filepath.Join(r.detected.dir, "layers", "generated", extension.EscapeID(o.ID), "run.Dockerfile"))
		if slices.Contains(r.detected.static, extension.EscapeID(o.ID)) && err != nil && runErr != nil {
			r.fail(r.Position, "", "the lifecycle extends nothing: with Platform API %s it ignores the folder generate of %s; write the files in bin/generate, or set platform-api = \"0.12\" in the case", r.api, o.Subject)
		}
	}
}

// checkConfigs checks the configs of both images.
func (r *run) checkConfigs() {
	for _, k := range []kind{buildKind, runKind} {
		target, checks := r.imageOf(k)
		c := target.config
		if k == runKind && target.job != "" && c.isRoot() {
			r.fail(r.Position, "", "the final user of the run image is root, and lifecycles refuse to extend it [%s]", rules.RunUser.ID)
		}
		if want := checks.Base; want.Value != "" && !sameImage(target.base, want.Value) {
			r.fail(want.Position, "", "the base of the run image is %s, want %s", target.base.name, want.Value)
		}
		if want := checks.User; want.Value != "" && c.user != want.Value {
			r.fail(want.Position, "", "the user of the %s image is %q, want %q", k, c.user, want.Value)
		}
		r.compare(string(k)+" image: variable", c.env, checks.Env, checks.EnvPositions)
		r.compare(string(k)+" image: label", c.labels, checks.Labels, checks.LabelPositions)
		if want := checks.Rebasable; want != nil {
			have, _ := strconv.ParseBool(c.labels[labelRebasable])
			if have != *want {
				r.fail(checks.RebasablePosition, "", "the label %s of the %s image is %q, want %t", labelRebasable, k, c.labels[labelRebasable], *want)
			}
		}
	}
}

func (r *run) compare(what string, have, want map[string]string, at map[string]diag.Position) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		value, ok := have[name]
		switch {
		case !ok:
			r.fail(at[name], "", "%s %s is not set, want %q", what, name, want[name])
		case value != want[name]:
			r.fail(at[name], "", "%s %s is %q, want %q", what, name, value, want[name])
		}
	}
}
