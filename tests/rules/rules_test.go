// Package rules_test compares the rules of package lint with the lifecycle: what
// the lifecycle's own code refuses is an error here, and what it accepts is not,
// except for the differences that are listed with their reason.
package rules_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/rules"
)

// notInPairs are the rules that no single directory can break.
var notInPairs = map[string]string{
	"id-case":            "several extensions, see internal/lint",
	"exit-code":          "its programs have to be run, see tests/e2e",
	"app-changed":        "its programs have to be run, see tests/e2e",
	"version-published":  "a registry, see tests/e2e",
	"run-image-platform": "a registry, see tests/e2e",
}

// errorsHere are the rules by which lint refuses what the lifecycle's executors
// accept, and why.
var errorsHere = map[string]string{
	"api-invalid":       "the specification demands MAJOR.MINOR; the lifecycle takes v0.10 too",
	"entry-point":       "the lifecycle takes a link to nothing for no program, and a package is to be complete",
	"id-missing":        "the specification requires it, and packages are named by it",
	"id-invalid":        "the specification forbids it, and the id is a path in the package",
	"id-reserved":       "the specification forbids it; lifecycles have folders of these names",
	"version-missing":   "the specification requires it, and packages are named by it",
	"version-invalid":   "the specification forbids it, and pack refuses such packages in a builder's order",
	"extension-missing": "the specification requires it",
	"key-case":          "parsers disagree on which of the keys counts",
	"control-character": "the value goes to labels, tags and terminals",
	"order":             "RFC 0105 leaves it out, so it is a buildpack's descriptor",
	"setting":           "settings of docker extpack, which the lifecycle does not read",
	"plan":              "settings of docker extpack, which the lifecycle does not read",
	"target-platform":   "the specification demands OCI names; the lifecycle would never match the target",
	"target-distro":     "such a distro matches nothing",
	"target-duplicate":  "both would be one image of the index",
	"binary-variant":    "the lifecycle ran on another platform here",
	"plan-provides":     "the specification requires a name; nothing can require what has none",
	"config-arg":        "the specification requires both",
	"run-from":          "the image named scratch cannot be pulled by platforms",
	"run-user":          "the extender refuses it, which needs a registry to run",
}

func findings(t *testing.T, dir string) diag.List {
	t.Helper()
	report, err := lint.Dir(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return report.Findings
}

func TestPairs(t *testing.T) {
	parent := t.TempDir()
	tested := map[string]bool{}
	var dirs []string
	names := map[string]string{}
	for i, p := range pairs {
		tested[p.rule] = true
		rule := rules.ByID(p.rule)
		if rule == nil {
			t.Fatalf("there is no rule %q", p.rule)
		}
		want := rule.Severity
		if p.undecided {
			want = diag.Note
		}
		bad := p.bad.write(t, filepath.Join(parent, fmt.Sprintf("%03d-bad", i)))
		good := p.good.write(t, filepath.Join(parent, fmt.Sprintf("%03d-good", i)))
		dirs = append(dirs, bad, good)
		names[bad], names[good] = p.rule+"/"+p.name+" (bad)", p.rule+"/"+p.name+" (good)"
		t.Run(p.rule+"/"+p.name, func(t *testing.T) {
			broken := func(d diag.Diagnostic) bool { return d.Rule == p.rule && d.Severity == want }
			found := findings(t, bad)
			if i := slices.IndexFunc(found, broken); i < 0 {
				t.Errorf("the rule does not trigger:\n%s", show(found))
			} else if found[i].File == "" {
				t.Errorf("a finding has no position:\n%s", show(found))
			}
			if found := findings(t, good); slices.ContainsFunc(found, broken) {
				t.Errorf("the rule triggers:\n%s", show(found))
			}
		})
	}
	for _, r := range rules.All() {
		if !tested[r.ID] && notInPairs[r.ID] == "" {
			t.Errorf("no extension breaks the rule %s", r.ID)
		}
	}
	if n := len(dirs); n < 140 {
		t.Errorf("there are %d extensions", n)
	}
	t.Run("lifecycle", func(t *testing.T) { compare(t, dirs, names) })
}

// lifecycleVerdicts returns why the lifecycle refuses each extension, "" when it
// does not.
func lifecycleVerdicts(t *testing.T, dirs []string) map[string]string {
	t.Helper()
	oracle := filepath.Join(t.TempDir(), "lifecycle")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", oracle, ".")
	build.Dir = "../lifecycle"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the lifecycle: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), oracle, dirs...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running the lifecycle: %v\n%s", err, &stderr)
	}
	verdicts := map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var v struct{ Dir, Refused string }
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		verdicts[v.Dir] = v.Refused
	}
	if len(verdicts) != len(dirs) {
		t.Fatalf("the lifecycle judged %d of %d extensions", len(verdicts), len(dirs))
	}
	return verdicts
}

// compare compares what lint finds with what the lifecycle refuses.
func compare(t *testing.T, dirs []string, names map[string]string) {
	refused, listed := 0, map[string]bool{}
	for dir, why := range lifecycleVerdicts(t, dirs) {
		found := findings(t, dir)
		var broken []string
		for _, d := range found {
			if d.Severity == diag.Error {
				broken = append(broken, d.Rule)
			}
		}
		switch {
		case why != "" && len(broken) == 0:
			if !accepted(found) {
				t.Errorf("%s: the lifecycle refuses it (%s), lint does not:\n%s", names[dir], why, show(found))
			}
		case why == "":
			for _, id := range broken {
				listed[id] = true
				if errorsHere[id] == "" {
					t.Errorf("%s: the lifecycle accepts it, and lint does not:\n%s", names[dir], show(found))
				}
			}
		}
		if why != "" {
			refused++
			for _, id := range broken {
				if r := rules.ByID(id); len(broken) == 1 && !r.Lifecycle {
					t.Errorf("the catalogue does not say of %s that the lifecycle refuses it: %s", id, why)
				}
			}
		}
	}
	for id := range errorsHere {
		if !listed[id] {
			t.Errorf("%s is listed as a disagreement and is none", id)
		}
	}
	t.Logf("%d extensions, of which the lifecycle refuses %d", len(dirs), refused)
}

// accepted reports whether what the lifecycle refuses of a directory is repaired
// in a package.
func accepted(found diag.List) bool {
	return slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Rule == rules.EntryPointMode.ID })
}

func show(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%s [%s]\n", d, d.Rule)
	}
	return b.String()
}

// corpusErrors are the descriptors of the corpus with an error that the lifecycle
// does not have, and why.
var corpusErrors = map[string]string{
	"jam-example":     "version-invalid", // "version-string": a template
	"jam-with-target": "version-invalid", // "version-string": a template
	"pack-read-env":   "version-invalid", // "read-env-version": a template; its api 0.2 the lifecycle refuses too
	"ubi-nodejs":      "version-missing", // the release script adds one
}

// TestCorpus has public descriptors, with substitutes for their programs, and
// nothing that makes an error of what lifecycles run.
func TestCorpus(t *testing.T) {
	entries, err := os.ReadDir("testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	var dirs []string
	names := map[string]string{}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join("testdata", "corpus", e.Name(), "extension.toml"))
		if err != nil {
			t.Fatal(err)
		}
		dir := programs(files{
			"extension.toml": string(data), "x:bin/run": script, "generated-file": "", "README.md": "", "LICENSE": "", "NOTICE": "",
		}).write(t, filepath.Join(parent, e.Name()))
		dirs = append(dirs, dir)
		names[dir] = e.Name()
		for _, d := range findings(t, dir) {
			if d.Severity == diag.Error && d.Rule != corpusErrors[e.Name()] && d.Rule != "api-unsupported" {
				t.Errorf("%s: %s [%s]", e.Name(), d, d.Rule)
			}
		}
	}
	if len(dirs) < 15 {
		t.Errorf("the corpus has %d descriptors", len(dirs))
	}
	for dir, refused := range lifecycleVerdicts(t, dirs) {
		if strings.Contains(refused, "API version") != slices.ContainsFunc(findings(t, dir), func(d diag.Diagnostic) bool { return d.Rule == "api-unsupported" }) {
			t.Errorf("%s: the lifecycle says %q", names[dir], refused)
		}
	}
}
