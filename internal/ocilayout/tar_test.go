package ocilayout

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/layertest"
	"github.com/extpack/extpack/internal/oci"
)

// layoutTar returns the tar of a two-image layout.
func layoutTar(t *testing.T) []byte {
	t.Helper()
	l, index := twoImages(t)
	var buf bytes.Buffer
	if err := WriteTar(t.Context(), &buf, l, index); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func writeTemp(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "p.cnb")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestWriteTarIsDeterministicAndReadable(t *testing.T) {
	t.Parallel()
	data := layoutTar(t)
	if !bytes.Equal(data, layoutTar(t)) {
		t.Error("two runs gave different bytes")
	}
	var names []string
	tr := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		want := int64(0o644)
		if h.Typeflag == tar.TypeDir {
			want = 0o755
		}
		if h.Mode != want || h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 || h.Uname != "" {
			t.Errorf("entry %+v", h)
		}
	}
	if want := []string{"oci-layout", "index.json", "blobs/", "blobs/sha256/"}; !slices.Equal(names[:4], want) || !slices.IsSorted(names[4:]) || len(names) != 10 {
		t.Errorf("entries %q", names)
	}

	s := must[Store](t)(Open(writeTemp(t, data)))
	defer s.Close()
	copied := newLayout(t)
	root := must[v1.Descriptor](t)(Root(t.Context(), s))
	if err := copied.ImportAll(t.Context(), s, root); err != nil {
		t.Error(err)
	}
	if ok, err := s.Exists(t.Context(), must[v1.Index](t)(s.Index(t.Context())).Manifests[1]); !ok || err != nil {
		t.Errorf("Exists = %v, %v", ok, err)
	}
}

func TestWriteTarLeavesOutUnreachableBlobs(t *testing.T) {
	t.Parallel()
	l, index := twoImages(t)
	var buf bytes.Buffer
	index.Manifests = index.Manifests[:1]
	if err := WriteTar(t.Context(), &buf, l, index); err != nil {
		t.Fatal(err)
	}
	s := must[Store](t)(Open(writeTemp(t, buf.Bytes()))).(*tarStore)
	defer s.Close()
	if len(s.files) != 5 {
		t.Errorf("files %v", s.files)
	}
}

func TestOpenTarSurvivesReplacement(t *testing.T) {
	t.Parallel()
	name := writeTemp(t, layoutTar(t))
	s := must[Store](t)(Open(name))
	defer s.Close()
	index := must[v1.Index](t)(s.Index(t.Context()))
	if err := WriteTarFile(t.Context(), name, s, v1.Index{Manifests: index.Manifests[1:]}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := oci.ReadManifest(t.Context(), s, index.Manifests[0]); err != nil {
		t.Errorf("a store whose file was replaced: %v", err)
	}
}

func TestOpenTarRefuses(t *testing.T) {
	t.Parallel()
	good := layoutTar(t)
	layout := tar.Header{Name: "oci-layout", Linkname: `{"imageLayoutVersion":"1.0.0"}`}
	index := tar.Header{Name: "index.json", Linkname: `{"manifests":[]}`}

	// The last entry and the end-of-archive marker, two blocks, cut off.
	lastEntry := len(good) - 1024 - 1024

	tests := map[string]struct {
		data []byte
		want string
	}{
		"empty":               {nil, "is empty; expected"},
		"gzip":                {layertest.Gzip(t, good), "is gzip compressed; expected an uncompressed tar"},
		"zstd":                {[]byte("\x28\xb5\x2f\xfd rest"), "is zstd compressed; expected an uncompressed tar"},
		"xz":                  {[]byte("\xfd7zXZ\x00rest"), "is xz compressed"},
		"bzip2":               {[]byte("BZh91AY"), "is bzip2 compressed"},
		"zip":                 {[]byte("PK\x03\x04 rest"), "is a zip archive; expected"},
		"short text":          {[]byte("hello"), "is not a tar file"},
		"long text":           {bytes.Repeat([]byte("hello "), 400), "is not a tar file"},
		"cut in an entry":     {good[:700], "is truncated"},
		"cut in a header":     {good[:lastEntry+100], "is truncated"},
		"cut between":         {good[:lastEntry], "is truncated"},
		"no end marker":       {good[:len(good)-1024], "is truncated"},
		"damaged header":      {slices.Concat(good[:1024], bytes.Repeat([]byte("x"), 512), good[1536:]), "is damaged"},
		"no layout":           {layertest.Headers(t, tar.Header{Name: "a", Linkname: "b"}), "it has no oci-layout file"},
		"docker save":         {layertest.Headers(t, tar.Header{Name: "manifest.json", Linkname: "[]"}), "is a Docker archive without an OCI layout"},
		"no index":            {layertest.Headers(t, layout), "it has no index.json file"},
		"bad layout":          {layertest.Headers(t, tar.Header{Name: "oci-layout", Linkname: "x"}, index), "its oci-layout file is not valid"},
		"dots":                {layertest.Headers(t, layout, index, tar.Header{Name: "blobs/../../x", Linkname: "x"}), `has ".." in its path`},
		"same after cleaning": {layertest.Headers(t, tar.Header{Name: "/x", Linkname: "x"}, tar.Header{Name: "./x", Linkname: "x"}), `contains the entry "x" twice`},
		"global header":       {layertest.Headers(t, tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"path": "index.json"}}), `is a global header with the record "path"`},
		"second archive":      {append(layertest.Headers(t, tar.Header{Name: "x", Linkname: "x"}), layertest.Headers(t, tar.Header{Name: "y", Linkname: "x"})...), "data follows the end of the tar"},
		"symlink":             {layertest.Headers(t, layout, tar.Header{Name: "index.json", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}), `the entry "index.json" is a link`},
		"hard link":           {layertest.Headers(t, layout, index, tar.Header{Name: "x", Linkname: "index.json", Typeflag: tar.TypeLink}), `the entry "x" is a link`},
		"device":              {layertest.Headers(t, layout, index, tar.Header{Name: "x", Typeflag: tar.TypeChar}), "is neither a file nor a directory"},
		"duplicate":           {layertest.Headers(t, layout, index, index), `contains the entry "index.json" twice`},
		"hidden duplicate":    {layertest.Headers(t, layout, index, tar.Header{Name: "./index.json", Linkname: "x"}), `contains the entry "index.json" twice`},
		"oversized index":     {layertest.Headers(t, layout, tar.Header{Name: "index.json", Linkname: strings.Repeat(" ", oci.MaxManifestSize+1)}), "its index.json is larger than"},
		"oversized layout":    {layertest.Headers(t, tar.Header{Name: "oci-layout", Linkname: strings.Repeat(" ", 5000)}, index), "its oci-layout is larger than"},
		"index is not JSON":   {layertest.Headers(t, layout, tar.Header{Name: "index.json", Linkname: "["}), "its index.json is not valid"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := Open(writeTemp(t, tt.data))
			if err == nil {
				s.Close()
			}
			if !diag.IsInvalid(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestOpenTarTakesWhatTarWrites(t *testing.T) {
	t.Parallel()
	// "tar -C layout -cf p.cnb ." writes names that begin with "./".
	data := layertest.Headers(t, tar.Header{Name: "./", Typeflag: tar.TypeDir},
		tar.Header{Name: "./index.json", Linkname: `{"manifests":[]}`},
		tar.Header{Name: "./oci-layout", Linkname: `{"imageLayoutVersion":"1.0.0"}`})
	s, err := Open(writeTemp(t, data))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestWrongBlobInTar(t *testing.T) {
	t.Parallel()
	data := layoutTar(t)
	if bytes.Count(data, []byte("one\x00")) != 1 {
		t.Fatal("the layer is not where it was thought")
	}
	data = bytes.Replace(data, []byte("one\x00"), []byte("two\x00"), 1)
	s := must[Store](t)(Open(writeTemp(t, data)))
	defer s.Close()
	index := must[v1.Index](t)(s.Index(t.Context()))
	target := filepath.Join(t.TempDir(), "copy")
	for what, err := range map[string]error{
		"WriteTar": WriteTar(t.Context(), io.Discard, s, index),
		"CopyDir":  CopyDir(t.Context(), target, s, index, nil),
	} {
		if !errors.Is(err, oci.ErrCorrupt) || !diag.IsInvalid(err) {
			t.Errorf("%s copied a wrong blob: %v", what, err)
		}
	}
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed copy left %v", target)
	}
}

func TestWriteTarFile(t *testing.T) {
	t.Parallel()
	l, index := twoImages(t)
	dir := t.TempDir()
	name := filepath.Join(dir, "p.cnb")
	if err := WriteTarFile(t.Context(), name, l, index); err != nil {
		t.Fatal(err)
	}
	good := must[[]byte](t)(os.ReadFile(name))

	// Every failure leaves the old file, and nothing beside it.
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := WriteTarFile(cancelled, name, l, index); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	missing := index
	missing.Manifests = []v1.Descriptor{{MediaType: v1.MediaTypeImageManifest, Digest: "sha256:" + v1DigestOfNothing, Size: 1}}
	if err := WriteTarFile(t.Context(), name, l, missing); !errors.Is(err, oci.ErrNotFound) {
		t.Errorf("missing: %v", err)
	}
	if got := must[[]byte](t)(os.ReadFile(name)); !bytes.Equal(got, good) {
		t.Error("a failure changed the old file")
	}
	if entries := must[[]fs.DirEntry](t)(os.ReadDir(dir)); len(entries) != 1 {
		t.Errorf("a failure left %v", entries)
	}

	link := filepath.Join(dir, "link.cnb")
	if err := os.Symlink("p.cnb", link); err != nil {
		t.Fatal(err)
	}
	if err := WriteTarFile(t.Context(), link, l, v1.Index{Manifests: index.Manifests[:1]}); err != nil {
		t.Fatal(err)
	}
	if info := must[fs.FileInfo](t)(os.Lstat(link)); !info.Mode().IsRegular() {
		t.Error("a link was written through instead of replaced")
	}
	if got := must[[]byte](t)(os.ReadFile(name)); !bytes.Equal(got, good) {
		t.Error("what a link leads to was changed")
	}
	if err := WriteTarFile(t.Context(), os.DevNull, l, index); !diag.IsInvalid(err) {
		t.Errorf("writing to a device: %v", err)
	}
}

const v1DigestOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// TestOpenTarReadsAbsoluteNames: pack writes "/blobs" and "/index.json".
func TestOpenTarReadsAbsoluteNames(t *testing.T) {
	t.Parallel()
	data := layertest.Headers(t,
		tar.Header{Name: "/blobs", Typeflag: tar.TypeDir}, tar.Header{Name: "/blobs/sha256", Typeflag: tar.TypeDir},
		tar.Header{Name: "/blobs/sha256/" + v1DigestOfNothing}, tar.Header{Name: "/index.json", Linkname: `{"manifests":[]}`},
		tar.Header{Name: "//oci-layout", Linkname: `{"imageLayoutVersion":"1.0.0"}`},
	)
	s, err := Open(writeTemp(t, data))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if ok, err := s.Exists(t.Context(), v1.Descriptor{Digest: "sha256:" + v1DigestOfNothing}); err != nil || !ok {
		t.Errorf("the blob is not found: %v", err)
	}
}
