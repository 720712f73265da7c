package bake

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func TestCheckFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, FileName)
	if diff, err := CheckFile(name, []byte("a\n")); !errors.Is(err, ErrOutdated) || !strings.Contains(diff, "\n+a\n") {
		t.Errorf("without a file: %v\n%s", err, diff)
	}
	if err := os.WriteFile(name, []byte("a\nb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if diff, err := CheckFile(name, []byte("a\nb\n")); err != nil || diff != "" {
		t.Errorf("the same: %v\n%s", err, diff)
	}
	diff, err := CheckFile(name, []byte("a\nc\n"))
	if !errors.Is(err, ErrOutdated) || !strings.HasPrefix(diff, "--- "+name+"\n+++ "+name+" (generated)\n") || !strings.Contains(diff, "\n a\n-b\n+c\n") {
		t.Errorf("another: %v\n%s", err, diff)
	}
	if _, err := CheckFile(dir, nil); !diag.IsInvalid(err) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := CheckFile(filepath.Join(name, "x"), nil); err == nil || errors.Is(err, ErrOutdated) || diag.IsInvalid(err) {
		t.Errorf("below a file: %v", err)
	}
}

// TestRecordedDirs: a file records directories so that it finds them again from
// another working directory.
func TestRecordedDirs(t *testing.T) {
	t.Parallel()
	const url = "https://example.com/x.git#v1:curl"
	for _, tt := range []struct {
		dir             string
		names, recorded []string
		found           []string
	}{
		{".", []string{"."}, nil, []string{"."}},
		{"bake", []string{"bake"}, nil, []string{"bake"}},
		{"bake", []string{"a"}, []string{"../a"}, []string{"a"}},
		{".", []string{"-a", "b"}, []string{"./-a", "b"}, []string{"-a", "b"}},
		{"bake", []string{url, "bake/c"}, []string{url, "c"}, []string{url, filepath.Join("bake", "c")}},
	} {
		got, err := RecordDirs(tt.dir, tt.names)
		if err != nil || !slices.Equal(got, tt.recorded) {
			t.Errorf("%s: recorded %q (%v), want %q", tt.names, got, err, tt.recorded)
		}
		if found := RecordedDirs(filepath.Join(tt.dir, FileName), got); !slices.Equal(found, tt.found) {
			t.Errorf("%s: found %q, want %q", tt.names, found, tt.found)
		}
	}
	absolute := filepath.Join(t.TempDir(), "x")
	if found := RecordedDirs(filepath.Join("bake", FileName), []string{absolute}); found[0] != absolute {
		t.Errorf("absolute: %q", found)
	}
}

// TestWriteFile replaces what it has written only.
func TestWriteFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), FileName)
	for _, text := range []string{Mark + " 1\n", Mark + " 2\n"} {
		if err := WriteFile(t.Context(), name, []byte(text), false); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if err := os.WriteFile(name, []byte("target \"x\" {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(t.Context(), name, []byte(Mark), true); !diag.IsInvalid(err) {
		t.Errorf("a file of another author: %v", err)
	}
}
