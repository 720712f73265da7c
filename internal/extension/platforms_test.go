package extension

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Targets are checked against Go's platforms: a new Go may know more of them.
func TestPlatformsAreGos(t *testing.T) {
	out, err := exec.Command("go", "tool", "dist", "list").Output()
	if err != nil {
		t.Fatalf("go tool dist list: %v", err)
	}
	for _, p := range strings.Fields(string(out)) {
		if !slices.Contains(goPlatforms, p) {
			t.Errorf("%s is missing", p)
		}
	}
}

func TestExpand(t *testing.T) {
	info := Info{ID: "a/b.c", Version: "1.2.3"}
	got, err := info.Expand("x/{{.ID}}/{{.Slug}}:{{.Version}}-{{.Version}}")
	if want := "x/a/b.c/a_b_2ec:1.2.3-1.2.3"; got != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for _, text := range []string{"{{.Env}}", "{{.ID", "ID}}", "{{}}", "{{{.ID}}}"} {
		if got, err := info.Expand(text); err == nil || got != "" {
			t.Errorf("%s gives %q", text, got)
		}
	}
	// What a value contains is not expanded again.
	if got, _ := (Info{ID: "{{.Version}}", Version: "1"}).Expand("{{.ID}}"); got != "{{.Version}}" {
		t.Errorf("got %q", got)
	}
}
