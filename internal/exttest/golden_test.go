package exttest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

// TestGoldenIsALink: a link out of the extension in the place of golden files
// neither shows what is there nor is written through.
func TestGoldenIsALink(t *testing.T) {
	const secret = "SECRET-of-the-user"
	base := t.TempDir()
	dir, mine := filepath.Join(base, "extension"), filepath.Join(base, "mine")
	written := filepath.Join(base, "detected")
	for _, name := range []string{filepath.Join(dir, "tests"), mine, filepath.Join(written, "layers", "generated", "a_b")} {
		if err := os.MkdirAll(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(
		os.WriteFile(filepath.Join(mine, "build.Dockerfile"), []byte(secret+"\n"), 0o600),
		os.WriteFile(filepath.Join(written, "layers", "generated", "a_b", "build.Dockerfile"), []byte("FROM x\n"), 0o644),
		os.Symlink(mine, filepath.Join(dir, "tests", "absolute")),
		os.Symlink("../../mine", filepath.Join(dir, "tests", "relative")),
		os.Mkdir(filepath.Join(dir, "tests", "files"), 0o755),
		os.Symlink("../../../mine/build.Dockerfile", filepath.Join(dir, "tests", "files", "build.Dockerfile")),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, golden := range []string{"absolute", "relative", "files", "../../mine"} {
		for _, update := range []bool{false, true} {
			r := &run{
				subject: &Subject{ID: "a/b", Version: "1.0.0", Dir: dir}, api: "0.13", detected: &detected{dir: written},
				test: &extension.TestCase{File: filepath.Join(dir, "tests", "a.toml"), Golden: extension.Entry{Value: golden, Position: diag.Position{File: "a.toml", Line: 3, Column: 10}}},
			}
			err := r.checkGolden(update)
			if golden != "files" && err == nil {
				t.Errorf("%s, update %v: %v", golden, update, err)
			}
			for _, f := range r.Failures {
				if strings.Contains(f.Detail, secret) {
					t.Errorf("%s shows the user's file:\n%s", golden, f.Detail)
				}
			}
			if data, err := os.ReadFile(filepath.Join(mine, "build.Dockerfile")); err != nil || string(data) != secret+"\n" {
				t.Errorf("%s, update %v: the user's file is %q, %v", golden, update, data, err)
			}
		}
	}
}
