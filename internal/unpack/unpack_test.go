package unpack_test

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/layertest"
	"github.com/extpack/extpack/internal/unpack"
)

func archive(t *testing.T, compress bool, headers ...tar.Header) string {
	t.Helper()
	for i := range headers {
		if headers[i].Typeflag == tar.TypeReg {
			headers[i].Typeflag, headers[i].Linkname = 0, "content"
		}
	}
	data := layertest.Headers(t, headers...)
	if compress {
		data = layertest.Gzip(t, data)
	}
	name := filepath.Join(t.TempDir(), "x.tgz")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func file(name string, mode int64) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}
}

func link(kind byte, name, target string) tar.Header {
	return tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777}
}

func TestArchive(t *testing.T) {
	for _, compress := range []bool{false, true} {
		dir := t.TempDir()
		name := archive(t, compress, tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o700}, file("./extension.toml", 0o600), file("bin/run", 0o4755),
			link(tar.TypeSymlink, "bin/detect", "run"), link(tar.TypeLink, "bin/generate", "bin/run"), link(tar.TypeSymlink, "a/b/c", "../../bin"))
		if err := unpack.Archive(t.Context(), name, dir); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]fs.FileMode{"extension.toml": 0o644, "bin/run": 0o755, "bin/detect": 0o755, "bin/generate": 0o755, "a/b/c/run": 0o755} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			info, statErr := os.Stat(filepath.Join(dir, name))
			if err != nil || statErr != nil || string(data) != "content" || info.Mode() != want {
				t.Errorf("%s: %q, %v, %v", name, data, info, err)
			}
		}
	}
}

func TestHostileArchives(t *testing.T) {
	outside := t.TempDir()
	huge := file("x", 0o644)
	for name, headers := range map[string][]tar.Header{
		"a path upwards":          {file("../x", 0o644)},
		"a path upwards in it":    {file("a/../../x", 0o644)},
		"an absolute path":        {file(filepath.Join(outside, "x"), 0o644)},
		"a link to the outside":   {link(tar.TypeSymlink, "a", "../x")},
		"an absolute link":        {link(tar.TypeSymlink, "a", outside)},
		"a file behind a link":    {link(tar.TypeSymlink, "a/b", "../c"), file("c", 0o644), file("a/b/x", 0o644)},
		"a chain of links":        {link(tar.TypeSymlink, "a/b/up", ".."), link(tar.TypeSymlink, "q", "a/b/up/../..")},
		"a hard link outwards":    {link(tar.TypeLink, "a", "../../etc/passwd")},
		"a hard link to a link":   {link(tar.TypeLink, "a", "nothing")},
		"a device":                {{Typeflag: tar.TypeChar, Name: "a"}},
		"a FIFO":                  {{Typeflag: tar.TypeFifo, Name: "a"}},
		"a name that comes twice": {file("a", 0o644), file("a", 0o644)},
		"a file as a directory":   {file("a", 0o644), file("a/b", 0o644)},
		"a long path":             {file(strings.Repeat("a/", 1100)+"a", 0o644)},
	} {
		dir := t.TempDir()
		err := unpack.Archive(t.Context(), archive(t, true, headers...), dir)
		if !diag.IsInvalid(err) || !strings.Contains(err.Error(), "the archive ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("%v were written outside, %v", left, err)
	}
	// Larger than allowed, by what its header says.
	var b bytes.Buffer
	huge.Size = 2 << 30
	if err := tar.NewWriter(&b).WriteHeader(&huge); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"huge": b.Bytes(), "no archive": []byte("hello"), "damaged gzip": []byte("\x1f\x8b\x08nothing"), "cut off": b.Bytes()[:300]} {
		file := filepath.Join(t.TempDir(), "x.tgz")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := unpack.Archive(t.Context(), file, t.TempDir()); !diag.IsInvalid(err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
