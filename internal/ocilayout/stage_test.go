package ocilayout

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// TestStage: a staged layout has the content of any other one, writes large
// files at once and small ones when it is flushed, and shares them in memory.
func TestStage(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "layout")
	l := must[*Layout](t)(Stage(dir))
	small := must[v1.Descriptor](t)(l.Put(t.Context(), v1.MediaTypeImageLayer, strings.NewReader("small")))
	config := must[v1.Descriptor](t)(l.PutBytes(t.Context(), v1.MediaTypeImageConfig, []byte("{}")))
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("small files need a directory: %v", err)
	}
	content := bytes.Repeat([]byte("large"), maxStaged)
	large := must[v1.Descriptor](t)(l.Put(t.Context(), v1.MediaTypeImageLayer, bytes.NewReader(content)))
	if large.Digest != digest.FromBytes(content) || large.Size != int64(len(content)) {
		t.Errorf("got %+v", large)
	}
	if err := l.WriteIndex(v1.Index{Manifests: []v1.Descriptor{small}}); err != nil {
		t.Fatal(err)
	}
	all := map[string]v1.Descriptor{"small": small, "{}": config, string(content): large}
	has := func(name string, l *Layout) {
		t.Helper()
		for want, desc := range all {
			if got, err := oci.ReadBytes(t.Context(), l, desc, 1<<20); string(got) != want || err != nil {
				t.Errorf("%s: %d bytes of %s: %v", name, len(got), desc.Digest, err)
			}
			if ok, err := l.Exists(t.Context(), desc); !ok || err != nil {
				t.Errorf("%s: Exists(%s) = %v, %v", name, desc.Digest, ok, err)
			}
		}
		absent := v1.Descriptor{Digest: digest.FromString("absent"), Size: 6}
		if _, err := l.Fetch(t.Context(), absent); !errors.Is(err, oci.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	has("staged", l)
	for name, to := range map[string]*Layout{
		"imported to a staged layout": must[*Layout](t)(Stage(filepath.Join(t.TempDir(), "other"))),
		"imported to a directory":     must[*Layout](t)(Create(filepath.Join(t.TempDir(), "other"))),
	} {
		for _, desc := range all {
			if err := to.Import(t.Context(), l, desc); err != nil {
				t.Fatal(err)
			}
		}
		has(name, to)
		to.Close()
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	flushed := must[*Layout](t)(OpenDir(dir))
	defer flushed.Close()
	has("flushed", flushed)
	if index := must[v1.Index](t)(flushed.Index(t.Context())); len(index.Manifests) != 1 {
		t.Errorf("index %+v", index)
	}
	if err := errors.Join(l.Close(), os.RemoveAll(dir)); err != nil {
		t.Error(err)
	}
}

// TestStageLimits: beyond the limit for all layouts, small files are written to
// the directory too.
func TestStageLimits(t *testing.T) { //nolint:paralleltest // the limit is that of the process
	dir := filepath.Join(t.TempDir(), "layout")
	before := allStaged.Load()
	l := must[*Layout](t)(Stage(dir))
	var all []v1.Descriptor
	for i := range maxAllStaged/maxStaged + 2 {
		all = append(all, must[v1.Descriptor](t)(l.PutBytes(t.Context(), "x/y", bytes.Repeat([]byte{byte(i), byte(i >> 8)}, maxStaged/2))))
	}
	if err := l.WriteIndex(v1.Index{}); err != nil {
		t.Fatal(err)
	}
	if n := allStaged.Load(); n > maxAllStaged {
		t.Errorf("%d bytes in memory", n)
	}
	for _, desc := range all {
		if _, err := oci.ReadBytes(t.Context(), l, desc, 1<<20); err != nil {
			t.Error(err)
		}
	}
	if files := must[[]fs.DirEntry](t)(os.ReadDir(filepath.Join(dir, "blobs", "sha256"))); len(files) < 2 {
		t.Errorf("%d files", len(files))
	}
	l.Close()
	if n := allStaged.Load(); n != before {
		t.Errorf("%d bytes in memory after Close, %d before", n, before)
	}
}
