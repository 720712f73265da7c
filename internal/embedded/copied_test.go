package embedded

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
)

// TestBuildCopied divides a tar file of two extensions, one of which has a hard
// link to a file of the other.
func TestBuildCopied(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	extension := func(name string) string {
		dir := filepath.Join(work, name)
		for file, data := range map[string]string{
			"extension.toml": "api = \"0.10\"\n[extension]\nid = \"acme/" + name + "\"\nversion = \"0.0.1\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
			"bin/generate":   "#!/bin/sh\n# " + name, "data": "d",
		} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(data), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	a, b := extension("a"), extension("b")
	for link, target := range map[string]string{"a/hard": "a/data", "b/hard": "a/data", "b/hard2": "a/data"} {
		if err := os.Link(filepath.Join(work, target), filepath.Join(work, link)); err != nil {
			t.Fatal(err)
		}
	}
	p, _, err := plan.New(t.Context(), []string{a, b}, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	folders := map[*plan.Extension]string{p.Extensions[0]: "a", p.Extensions[1]: "b"}
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	for _, h := range []struct {
		name, link, data string
	}{
		{name: "a/"},
		{name: "a/bin/"},
		{name: "a/bin/generate", data: "#!/bin/sh\n# a"},
		{name: "a/data", data: "d"},
		{name: "a/extension.toml"},
		{name: "a/hard", link: "a/data"},
		{name: "b/"},
		{name: "b/bin/"},
		{name: "b/bin/generate", data: "#!/bin/sh\n# b"},
		{name: "b/data", data: "d"},
		{name: "b/extension.toml"},
		{name: "b/hard", link: "a/data"},
		{name: "b/hard2", link: "a/data"},
		{name: "b/docker-bake.hcl"}, // a FIFO with a name that never enters a package
	} {
		header := &tar.Header{Name: h.name, Mode: 0o755, Linkname: h.link, Typeflag: tar.TypeReg}
		data := []byte(h.data)
		switch {
		case h.link != "":
			header.Typeflag = tar.TypeLink
		case h.name[len(h.name)-1] == '/':
			header.Typeflag = tar.TypeDir
		case filepath.Base(h.name) == "docker-bake.hcl":
			header.Typeflag = tar.TypeFifo
		case filepath.Base(h.name) == "extension.toml":
			if data, err = os.ReadFile(filepath.Join(work, h.name)); err != nil {
				t.Fatal(err)
			}
		}
		header.Size = int64(len(data))
		if err := tw.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "files.tar")
	if err := os.WriteFile(file, archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	copies := []plan.Copy{{Tar: file, Folders: folders}}
	want, err := (&Engine{}).Build(t.Context(), p, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&Engine{}).BuildCopied(t.Context(), p, copies, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d layouts, want %d", len(got), len(want))
	}
	for i := range got {
		a, b := readIndex(t, got[i].Layout), readIndex(t, want[i].Layout)
		if !bytes.Equal(a, b) || got[i].Extension != p.Extensions[i] || got[i].Checked {
			t.Errorf("%+v:\n%s\nwant %s", got[i], a, b)
		}
	}
	// A file that a step copies and that is gone.
	p.Extensions[1].Images[0].Steps[0].Source = "gone"
	if _, err := (&Engine{}).BuildCopied(t.Context(), p, copies, t.TempDir()); !errors.Is(err, ErrChanged) {
		t.Errorf("a file that is gone: %v", err)
	}
	if err := os.WriteFile(file, archive.Bytes()[:1000], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Engine{}).BuildCopied(t.Context(), p, copies, t.TempDir()); err == nil {
		t.Error("a tar file that is cut off is accepted")
	}
}

func readIndex(t *testing.T, l *ocilayout.Layout) []byte {
	t.Helper()
	data, err := l.RawIndex(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return data
}
