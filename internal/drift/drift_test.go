package drift_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/drift"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/safefile"
)

// planned returns the plan of an extension with a file of each kind.
func planned(t *testing.T) *plan.Extension {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string]string{
		"extension.toml": "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.0.0\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
		"bin/generate":   "#!/bin/sh\n", "lib/a": "content",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(data), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("a", filepath.Join(dir, "lib/link")), os.Link(filepath.Join(dir, "lib/a"), filepath.Join(dir, "lib/hard"))); err != nil {
		t.Fatal(err)
	}
	p, _, err := plan.New(t.Context(), []string{dir}, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p.Extensions[0]
}

// pack writes an image whose layer contains the planned entries as change leaves
// them, which is as builders do.
func pack(t *testing.T, e *plan.Extension, change func(h *tar.Header, data []byte) []byte) (*ocilayout.Layout, drift.Packed) {
	t.Helper()
	root, err := safefile.OpenRoot(e.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	write := func(h *tar.Header, data []byte) {
		if data = change(h, data); h.Name == "" {
			return
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(data))
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	for entry := range embedded.NewLayer(e, 0).Entries() {
		h := &tar.Header{Name: entry.Name, Typeflag: tar.TypeReg, Linkname: entry.Target, ModTime: time.Unix(1, 0)}
		var data bytes.Buffer
		switch {
		case entry.Mode.IsDir():
			h.Typeflag, h.Name = tar.TypeDir, entry.Name+"/"
		case entry.Mode&os.ModeSymlink != 0:
			h.Typeflag = tar.TypeSymlink
		case entry.Hard:
			h.Typeflag = tar.TypeLink
		default:
			if err := entry.Copy(&data, root); err != nil {
				t.Fatal(err)
			}
		}
		write(h, data.Bytes())
	}
	write(&tar.Header{Name: "cnb/extensions/a_b/1.0.0/", Typeflag: tar.TypeDir}, nil) // twice is not a difference
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	l, id := layouttest.New(t), digest.FromBytes(out.Bytes())
	layer := l.Bytes(v1.MediaTypeImageLayer, out.Bytes())
	manifest := l.Image(v1.Image{RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{id}}}, layer)
	return l.Layout, drift.Packed{Manifest: manifest, DiffID: id}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const root = "cnb/extensions/a_b/1.0.0/"
	for name, tc := range map[string]struct {
		change func(h *tar.Header, data []byte) []byte
		source func(dir string) error
		want   string
	}{
		"nothing": {},
		"outside content of the same size": {change: func(h *tar.Header, data []byte) []byte {
			return bytes.ReplaceAll(data, []byte("content"), []byte("secrets"))
		}, want: "lib/a has different content in the package: changed during the build"},
		"another size": {change: func(h *tar.Header, data []byte) []byte {
			return bytes.ReplaceAll(data, []byte("content"), []byte("half"))
		}, want: "lib/a has 4 bytes in the package, and had 7: changed during the build"},
		"a file left out": {change: func(h *tar.Header, data []byte) []byte {
			h.Name = strings.ReplaceAll(h.Name, root+"bin/generate", "")
			return data
		}, want: "bin/generate is missing in the package: changed during the build"},
		"a file more": {change: func(h *tar.Header, data []byte) []byte {
			if h.Name == root+"lib/hard" {
				h.Name = root + "lib/other"
			}
			return data
		}, want: "lib/hard is missing in the package: changed during the build"},
		"a link in place of a file": {change: func(h *tar.Header, data []byte) []byte {
			if h.Name == root+"bin/generate" {
				h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd"
				return nil
			}
			return data
		}, want: "bin/generate is not a file in the package: changed during the build"},
		"another link": {change: func(h *tar.Header, data []byte) []byte {
			if h.Typeflag == tar.TypeSymlink {
				h.Linkname = "b"
			}
			return data
		}, want: `lib/link is not a link to "a" in the package: changed during the build`},
		"a source that grew": {source: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "lib/a"), []byte("content and more"), 0o600)
		}, want: "lib/a: changed during the build"},
		"a source rewritten in place": {source: func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "lib/a"), []byte("CONTENT"), 0o600), os.Chtimes(filepath.Join(dir, "lib/a"), time.Now(), time.Now().Add(time.Second)))
		}, want: "lib/a: changed during the build"},
		"a source that is gone": {source: func(dir string) error { return os.Remove(filepath.Join(dir, "bin/generate")) }, want: "bin/generate: changed during the build"},
		"a source that is a link now": {source: func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "lib")), os.Symlink("/etc", filepath.Join(dir, "lib")))
		}, want: "lib/a: changed during the build"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := planned(t)
			if tc.change == nil {
				tc.change = func(_ *tar.Header, data []byte) []byte { return data }
			}
			l, packed := pack(t, e, tc.change)
			if tc.source != nil {
				if err := tc.source(e.Dir); err != nil {
					t.Fatal(err)
				}
			}
			err := drift.Check(t.Context(), l, e, []drift.Packed{packed})
			if tc.want == "" && err == nil {
				return
			}
			want := filepath.Join(e.Dir, tc.want) + "\n  build again without changing the files of " + e.Dir
			if err == nil || err.Error() != want && !strings.HasPrefix(err.Error(), filepath.Join(e.Dir, tc.want)) || !errors.Is(err, embedded.ErrChanged) {
				t.Errorf("got %v\nwant %s", err, want)
			}
		})
	}
}

func TestCheckEnds(t *testing.T) {
	t.Parallel()
	e := planned(t)
	l, packed := pack(t, e, func(_ *tar.Header, data []byte) []byte { return data })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := drift.Check(ctx, l, e, []drift.Packed{packed}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
