package exttest

import "testing"

func TestDiffText(t *testing.T) {
	file := func(text string) map[string]treeFile { return map[string]treeFile{"a": {data: []byte(text)}} }
	for name, tt := range map[string]struct {
		want, have map[string]treeFile
		diff       string
	}{
		"same":        {file("x\n"), file("x\n"), ""},
		"line":        {file("x\ny\n"), file("x\nz\n"), "--- golden/a\n+++ generate/a\n@@ -1,2 +1,2 @@\n x\n-y\n+z"},
		"end of file": {file("x\n"), file("x"), "--- golden/a\n+++ generate/a\n@@ -1 +1 @@\n-x\n+x\n\\ No newline at end of file"},
		"added":       {nil, file("x\n"), "--- /dev/null\n+++ generate/a\n@@ -0,0 +1 @@\n+x"},
		"removed":     {file("x\n"), nil, "--- golden/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-x"},
		"executable":  {file("x\n"), map[string]treeFile{"a": {data: []byte("x\n"), exec: true}}, "a: the executable bit differs"},
		"link":        {file("x\n"), map[string]treeFile{"a": {target: "b"}}, `a: a link to "b", want ""`},
	} {
		if got := diffText("golden", tt.want, tt.have); got != tt.diff {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, tt.diff)
		}
	}
}
