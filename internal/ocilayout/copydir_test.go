package ocilayout

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// TestCheckReplaceableWhileReplaced: a layout that another process replaces is
// one all the time.
func TestCheckReplaceableWhileReplaced(t *testing.T) {
	t.Parallel()
	l, index := twoImages(t)
	dir := filepath.Join(t.TempDir(), "out")
	if err := CopyDir(t.Context(), dir, l, index, nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for range 100 {
			if err := CopyDir(t.Context(), dir, l, index, nil); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		if err := CheckReplaceable(dir); err != nil {
			t.Error(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}

func TestCopyDir(t *testing.T) {
	t.Parallel()
	l, index := twoImages(t)
	full := func(t *testing.T, dir string) {
		t.Helper()
		s := must[*Layout](t)(OpenDir(dir))
		defer s.Close()
		if _, err := oci.ReadGraph(t.Context(), s, must[v1.Descriptor](t)(Root(t.Context(), s))); err != nil {
			t.Error(err)
		}
	}
	t.Run("new", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "out")
		if err := CopyDir(t.Context(), dir, l, index, nil); err != nil {
			t.Fatal(err)
		}
		full(t, dir)
		if entries := must[[]fs.DirEntry](t)(os.ReadDir(filepath.Dir(dir))); len(entries) != 1 {
			t.Errorf("left beside it: %v", entries)
		}
	})
	t.Run("empty", func(t *testing.T) {
		dir := t.TempDir()
		if err := CopyDir(t.Context(), dir, l, index, nil); err != nil {
			t.Fatal(err)
		}
		full(t, dir)
	})
	t.Run("over itself, with less", func(t *testing.T) {
		l, index := twoImages(t)
		if err := CopyDir(t.Context(), l.Dir(), l, v1.Index{Manifests: index.Manifests[1:]}, nil); err != nil {
			t.Fatal(err)
		}
		full(t, l.Dir())
		if entries := must[[]fs.DirEntry](t)(os.ReadDir(filepath.Join(l.Dir(), "blobs", "sha256"))); len(entries) != 3 {
			t.Errorf("blobs %v", entries)
		}
	})
	refused := map[string]struct {
		prepare func(t *testing.T, dir string)
		want    string
	}{
		"other files": {func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, "thesis"), nil) }, "is not empty and no OCI layout"},
		"layout and a file": {func(t *testing.T, dir string) {
			if err := os.CopyFS(dir, os.DirFS(l.Dir())); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, "thesis"), nil)
		}, `also contains "thesis"`},
		"a file of the name": {func(t *testing.T, dir string) { os.Remove(dir); writeFile(t, dir, nil) }, "is not a directory"},
	}
	for name, tt := range refused {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			mkdir(t, dir)
			tt.prepare(t, dir)
			before := must[fs.FileInfo](t)(os.Stat(dir))
			err := CopyDir(t.Context(), dir, l, index, nil)
			if !diag.IsInvalid(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if !os.SameFile(before, must[fs.FileInfo](t)(os.Stat(dir))) {
				t.Error("it was touched")
			}
		})
	}
	t.Run("failure keeps the old one", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "out")
		if err := CopyDir(t.Context(), dir, l, index, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		src := must[*Layout](t)(OpenDir(l.Dir()))
		defer src.Close()
		if err := CopyDir(ctx, dir, src, index, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		full(t, dir)
	})
}
