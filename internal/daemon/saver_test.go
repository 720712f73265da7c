package daemon

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
)

// TestSaver saves an image once, and tells of an image that an engine lacks.
func TestSaver(t *testing.T) {
	t.Parallel()
	const index = `{"schemaVersion":2,"manifests":[]}`
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	if err := tw.WriteHeader(&tar.Header{Name: "index.json", Size: int64(len(index)), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write([]byte(index)); err != nil {
		t.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	engine, dir, dirs, said := &saver{tar: archive.Bytes()}, t.TempDir(), 0, 0
	s := Saver{
		API:    func() Source { return engine },
		NewDir: func() string { dirs++; return filepath.Join(dir, fmt.Sprint(dirs)) },
		Log:    func(string, ...any) { said++ },
	}
	for range 2 {
		got, ok, err := s.Layout(t.Context(), "acme/builder:dev")
		if want := filepath.Join(dir, "1"); got != want || !ok || err != nil {
			t.Errorf("%s, %v, %v; want %s", got, ok, err, want)
		}
	}
	if len(engine.asked) != 1 || said != 1 {
		t.Errorf("saved %d times, told %d times", len(engine.asked), said)
	}
	if got, ok, err := s.Layout(t.Context(), "acme/other:dev"); got != "" || ok || err != nil {
		t.Errorf("%s, %v, %v", got, ok, err)
	}
}
