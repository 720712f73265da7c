// Package rules_test holds the rules of package lint against the lifecycle:
// what its own code refuses is an error here, and what it accepts is not, but
// for the disagreements that are listed with their reason.
package rules_test

import (
	"bytes"
	"encoding/json"
	"fmt"
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
	report, err := lint.Dir(t.Context(), dir)
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

// compare runs the lifecycle on the extensions.
func compare(t *testing.T, dirs []string, names map[string]string) {
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
	refused, listed := 0, map[string]bool{}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var v struct{ Dir, Refused string }
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		found := findings(t, v.Dir)
		var broken []string
		for _, d := range found {
			if d.Severity == diag.Error {
				broken = append(broken, d.Rule)
			}
		}
		switch {
		case v.Refused != "" && len(broken) == 0:
			if !accepted(found) {
				t.Errorf("%s: the lifecycle refuses it (%s), lint does not:\n%s", names[v.Dir], v.Refused, show(found))
			}
		case v.Refused == "":
			for _, id := range broken {
				listed[id] = true
				if errorsHere[id] == "" {
					t.Errorf("%s: the lifecycle accepts it, and lint does not:\n%s", names[v.Dir], show(found))
				}
			}
		}
		if v.Refused != "" {
			refused++
			for _, id := range broken {
				if r := rules.ByID(id); len(broken) == 1 && !r.Lifecycle {
					t.Errorf("the catalogue does not say of %s that the lifecycle refuses it: %s", id, v.Refused)
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
