package suite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// TestCheckBeside accepts an extension in the repository of one under test, also
// through a link, and no other.
func TestCheckBeside(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	for _, dir := range []string{"repository/.git/objects", "repository/.git/refs", "repository/one", "repository/two", "other"} {
		if err := os.MkdirAll(in(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(in("repository/.git/HEAD"), []byte("ref: refs/heads/main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(in("other"), in("repository/link")); err != nil {
		t.Skip(err)
	}
	for dir, want := range map[string]string{"repository/two": "repository/two", "repository/one/../two": "repository/two", "other": "", "repository/link": ""} {
		got, err := checkBeside(in(dir), []string{in("repository/one")})
		if want == "" {
			if !diag.IsInvalid(err) {
				t.Errorf("%s: %q, %v", dir, got, err)
			}
		} else if err != nil || got != in(want) {
			t.Errorf("%s: %q, %v", dir, got, err)
		}
	}
	if got, err := checkBeside(in("other"), []string{in("repository/one"), in("other")}); err != nil || got != in("other") {
		t.Errorf("named as an argument: %q, %v", got, err)
	}
}
