package remote

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// TestSources shows names instead of the folders that sources were fetched into,
// and no credentials.
func TestSources(t *testing.T) {
	t.Parallel()
	const url = "https://example.com/acme/extensions.git#main:curl"
	src, err := Parse("https://user:secret@example.com/acme/extensions.git#main:curl")
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "extension")
	dir := filepath.Join(root, "curl")
	r := &Sources{all: []*Fetched{{Dir: dir, Root: root, source: src}}}
	if r.First() != src.String() || (&Sources{}).First() != "" {
		t.Errorf("the first is %q", r.First())
	}
	if got := r.Shown(filepath.Join(dir, "bin")); got != src.String()+"/bin" || r.Shown("elsewhere") != "elsewhere" {
		t.Errorf("shown as %q", got)
	}
	err = r.Explain(diag.List{{Position: diag.Position{File: filepath.Join(dir, "extension.toml"), Line: 1, Column: 2}, Message: "no"}}.Err())
	if want := src.String() + string(filepath.Separator) + "extension.toml:1:2: no"; err.Error() != want {
		t.Errorf("%s, want %s", err, want)
	}
	if got := r.Names([]string{url, "./dir"}); !slices.Equal(got, []string{url, "./dir"}) {
		t.Errorf("names %q", got)
	}
	if got := r.Names([]string{"https://user:secret@example.com/acme/extensions.git#main:curl"}); !slices.Equal(got, []string{src.String()}) {
		t.Errorf("names %q", got)
	}
	for arg, want := range map[string]bool{url: true, "./dir": false, "acme/curl:1.0": false, "curl.cnb": false} {
		if IsRemote(arg) != want {
			t.Errorf("%s: %v", arg, !want)
		}
	}
}

// TestSourcesNotTaken: a command without a folder to fetch into refuses them.
func TestSourcesNotTaken(t *testing.T) {
	t.Parallel()
	r := &Sources{}
	if _, err := r.Fetch(t.Context(), []string{"https://example.com/acme/extensions.git"}); !diag.IsInvalid(err) || diag.Hint(err) == "" {
		t.Errorf("%v", err)
	}
	if got, err := r.Fetch(t.Context(), []string{"./dir", "other"}); err != nil || !slices.Equal(got, []string{"./dir", "other"}) {
		t.Errorf("%q, %v", got, err)
	}
}
