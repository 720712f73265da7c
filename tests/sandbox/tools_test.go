package sandbox

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestQuickTools: tools that were compiled quickly are used by Up, and not by tests.
func TestQuickTools(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	stamp, err := buildStamp(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name := range tools {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end() // compiling fails
	for _, c := range []struct {
		stamp    string
		up, have bool
	}{
		{stamp, false, true},
		{stamp, true, true},
		{stamp + "quickly\n", true, true},
		{stamp + "quickly\n", false, false},
		{"another\n", true, false},
	} {
		if err := os.WriteFile(filepath.Join(dir, "stamp"), []byte(c.stamp), 0o644); err != nil {
			t.Fatal(err)
		}
		s := &Sandbox{opts: Options{BinDir: dir, Log: io.Discard}, detach: c.up}
		if err := s.ensureBinaries(ended, tools); (err == nil) != c.have {
			t.Errorf("stamp %q, up %t: %v", c.stamp, c.up, err)
		}
	}
	script, err := os.ReadFile(filepath.Join(root, "tests", "demo.sh"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), "'"+quickFlag+"'") {
		t.Errorf("tests/demo.sh does not compile with %s", quickFlag)
	}
}
