package grants

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/safefile"
)

func TestTrust(t *testing.T) {
	work, err := safefile.Real(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", work)
	t.Setenv("USERPROFILE", work)
	for _, name := range []string{"mine/x", "mine2", "some"} {
		if err := os.MkdirAll(filepath.Join(work, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("mine", filepath.Join(work, "link")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(work, FileName)
	if trusted, err := ReadFile(filepath.Join(os.DevNull, FileName)); err != nil || trusted != nil {
		t.Errorf("%v, %v", trusted, err)
	}
	if trusted, err := ReadFile(file); err != nil || trusted != nil {
		t.Errorf("without a file: got %v, %v", trusted, err)
	}
	text := "[[trust]]\ndirectory = \"~/link\"\n\n[[trust]]\ndirectory = \"" + filepath.ToSlash(work) + "/some\"\nallow = [\"env=A\", \"ssh\"]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	trusted, err := ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := Set{Trusted: trusted}
	for _, tt := range []struct {
		dir   string
		kind  Kind
		value string
		want  bool
	}{
		{"mine", CacheTo, "type=s3", true}, // "link" leads there
		{"mine/x", Env, "A", true},
		{"mine2", Env, "A", false},
		{"", Env, "A", false},
		{"some", Env, "A", true},
		{"some", SSH, "default", true},
		{"some", Env, "B", false},
		{"some", NetworkHost, "", false},
	} {
		requests := []Request{{Kind: tt.kind, Value: tt.value}}
		set.Decide(filepath.Join(work, tt.dir), requests)
		if got := requests[0].By != ""; got != tt.want || got && requests[0].By != file {
			t.Errorf("%s=%s in %s: by %q", tt.kind, tt.value, tt.dir, requests[0].By)
		}
	}
}

func TestTrustRefused(t *testing.T) {
	for text, want := range map[string]string{
		"[[trust]]\n":                                            ":1:1: directory is required",
		"[[trust]]\ndirectory = \"src\"\n":                       `:2:13: directory "src" is not absolute`,
		"[[trust]]\ndirectory = \"/\"\nalow = [\"ssh\"]\n":       `:3:1: unknown key "alow" in [[trust]] (did you mean "allow"?)`,
		"trusted = [\"/\"]\n":                                    `:1:1: unknown key "trusted" at the top level (did you mean "trust"?)`,
		"[[trust]]\ndirectory = \"/\"\nallow = \"ssh\"\n":        ":3:9: allow in [[trust]] must be an array of strings, found a string",
		"[[trust]]\ndirectory = \"/\"\nallow = [\"x=y\"]\n":      `:3:10: allow "x=y": unknown kind "x"`,
		"[[trust]]\ndirectory = \"/\"\nallow = [\n\"ssh\", 1]\n": ":4:8: allow in [[trust]] must contain only strings",
		"[[trust]]\ndirectory = 1\n":                             ":2:13: directory in [[trust]] must be a string, found an integer",
		"[trust]\ndirectory = \"/\"\n":                           ":1:1: trust must be an array of tables, [[trust]], found a table",
		"[[trust]]\nDirectory = \"/\"\n":                         `:2:1: key "Directory" in [[trust]] is ambiguous`,
		"[[trust\n":                                              ":1:",
	} {
		name := filepath.Join(t.TempDir(), FileName)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(name); err == nil || !strings.HasPrefix(err.Error(), name+want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
