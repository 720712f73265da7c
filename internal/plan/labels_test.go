package plan

import (
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/diag"
)

// TestPlacesOfLabels: each label and annotation that a bake file would change is
// named with its place: a flag, the descriptor or the file of a workspace.
func TestPlacesOfLabels(t *testing.T) {
	t.Parallel()
	const composed, parts = "\u00e9", "e\u0301"
	const toml = "[metadata.extpack.labels]\nown = \"" + parts + "\"\nboth = \"" + parts + "\"\nfine = \"" + composed + "\"\n\"" + parts + "\" = \"x\"\n" +
		"[metadata.extpack.annotations]\nown = \"" + parts + "\"\n"
	dir := extensionDir(t, toml, files{"bin/detect": entryPoint})
	at := func(line int) map[string]diag.Position {
		return map[string]diag.Position{"shared": {File: "extpack.toml", Line: line, Column: 1}, "own": {File: "extpack.toml", Line: line + 1, Column: 1}}
	}
	given, err := annotation.Parse("--annotation", []string{"flag=" + parts, "manifest:placed=" + parts})
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := New(t.Context(), []string{dir}, Options{
		Labels: map[string]string{"flag": parts, "both": parts}, Annotations: given,
		Defaults: func(string) (Defaults, error) {
			values := map[string]string{"shared": parts, "own": parts}
			return Defaults{Labels: values, LabelPositions: at(4), Annotations: values, AnnotationPositions: at(7)}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error, want ...string) {
		t.Helper()
		if !diag.IsInvalid(err) {
			t.Fatalf("got %v", err)
		}
		got := strings.Split(strings.ReplaceAll(err.Error(), dir+"/", ""), "\n")
		for i := range got {
			if before, after, ok := strings.Cut(got[i], " is not in Unicode normalisation form C, which tests require"); !ok || after != "" {
				t.Errorf("got %s", got[i])
			} else {
				got[i] = before
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	check(p.CheckLabels("tests require", ""),
		`--label "both=…"`, `--label "flag=…"`,
		`extension.toml:6:1: the label "own"`, `extension.toml:9:1: the label "`+parts+`"`, `extpack.toml:4:1: the label "shared"`)
	check(p.CheckAnnotations("tests require", ""),
		`--annotation "flag=…"`, `--annotation "placed=…"`, `extension.toml:11:1: the annotation "own"`, `extpack.toml:7:1: the annotation "shared"`)
}

// TestStringsThatABakeFileChanges: settings of a stage that are not in form C are
// refused with their place.
func TestStringsThatABakeFileChanges(t *testing.T) {
	t.Parallel()
	for _, table := range []string{
		"args = { A = \"PARTS\" }", "args = { \"PARTS\" = \"x\" }", "contexts = { a = \"PARTS\" }", "contexts = { a = \"https://x.test/PARTS.git\" }",
		"secrets = [\"PARTS\"]", "secrets = [\"id=x,src=PARTS\"]", "ssh = [\"PARTS\"]", "ssh = [\"x=PARTS\"]", "stage = \"PARTS\"", "no-cache-filter = [\"PARTS\"]",
		"cache-from = [\"type=local,src=PARTS\"]", "cache-to = [\"type=s3,bucket=PARTS\"]", "target = { \"linux/amd64\" = \"PARTS\" }",
	} {
		dir := extensionDir(t, target("linux", "amd64", "")+"[metadata.extpack.build]\n"+strings.ReplaceAll(table, "PARTS", "e\u0301")+"\n",
			files{"Dockerfile": "FROM scratch AS e\u0301\n", "e\u0301/x": ""})
		_, _, err := New(t.Context(), []string{dir}, Options{})
		if !diag.IsInvalid(err) || !strings.Contains(err.Error(), "is not in Unicode normalisation form C") || !strings.Contains(err.Error(), "extension.toml:") {
			t.Errorf("%s: got %v", table, err)
		}
	}
}
