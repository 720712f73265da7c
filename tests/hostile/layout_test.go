package hostile_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/extpack/extpack/tests/sandbox"
)

var (
	shellOnce sync.Once
	shellErr  error
)

// pushShell publishes an image with a shell.
func pushShell(t *testing.T, s *sandbox.Sandbox, name string) error {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return errors.New("there is no busybox: install busybox-static")
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"busybox": string(program),
		"Dockerfile": "FROM scratch\nCOPY --chmod=0755 busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n" +
			"RUN [\"/bin/busybox\", \"mkdir\", \"-m\", \"1777\", \"/tmp\"]\nENV PATH=/bin\n",
	})
	cmd := exec.CommandContext(t.Context(), s.BuildxPath(), "build", "--push", "--provenance=false", "-t", name, dir)
	cmd.Env = append(os.Environ(), s.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New(string(out))
	}
	return nil
}

// filesIn returns the files of the extension in the first image of a layout, by
// their path in the extension's folder.
func filesIn(t *testing.T, layout string) map[string][]byte {
	t.Helper()
	type document struct {
		Manifests, Layers []struct{ Digest string }
	}
	read := func(name string) document {
		var d document
		data, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(data, &d)
		}
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	blob := func(digest string) string {
		return filepath.Join(layout, "blobs", filepath.FromSlash(strings.Replace(digest, ":", "/", 1)))
	}
	d := read(filepath.Join(layout, "index.json"))
	for len(d.Manifests) > 0 {
		d = read(blob(d.Manifests[0].Digest))
	}
	f, err := os.Open(blob(d.Layers[0].Digest))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for tr := tar.NewReader(plain); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		// cnb/extensions/ID/VERSION/…
		if parts := strings.SplitN(h.Name, "/", 5); len(parts) == 5 {
			files[parts[4]] = data
		}
	}
}
