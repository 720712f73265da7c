package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTargetWithoutArch: a target with a field left out says what the extension
// is for, and something else names what to build. Every command takes it.
func TestTargetWithoutArch(t *testing.T) {
	toml := descriptor("e2e/open", "\n[[targets]]\nos = \"linux\"\n")
	plain := extensionDir(t, map[string]string{"extension.toml": toml, "bin/detect": script, "bin/generate": script})
	folders := extensionDir(t, map[string]string{
		"extension.toml": toml, "linux/amd64/bin/detect": script, "linux/arm64/bin/detect": script,
		"linux/amd64/bin/generate": script, "linux/arm64/bin/generate": script,
	})
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"the flag":    {[]string{"--target", "linux/riscv64", plain}, "linux/riscv64"},
		"the folders": {[]string{folders}, "linux/amd64 linux/arm64"},
		"nothing":     {[]string{plain}, ""},
	} {
		ref := tag(t, strings.ReplaceAll(name, " ", "-"))
		mustExtpack(t, t.TempDir(), append([]string{"build", "--engine", "embedded", "--push", "-t", ref}, tc.args...)...)
		var platforms []string
		for _, image := range fetch(t, ref).images {
			if image.descriptor.Platform != nil {
				platforms = append(platforms, image.platform())
			}
		}
		if got := strings.Join(platforms, " "); got != tc.want {
			t.Errorf("%s: platforms are %q, want %q", name, got, tc.want)
		}
		if got := verifyJSON(t, 0, ref); len(got.Findings) > 0 {
			t.Errorf("%s: verify finds %v", name, got.ids())
		}
		mustExtpack(t, t.TempDir(), append([]string{"bake", "-o", "-"}, tc.args...)...)
	}
	image := tag(t, "run")
	mustExtpack(t, t.TempDir(), "build", "--push", "-t", image, example("hello"))
	mustExtpack(t, t.TempDir(), "run-image", "--extension", folders, image)
}

// TestByteOrderMark: editors of Windows write one, and parsers skip it.
func TestByteOrderMark(t *testing.T) {
	dir := extensionDir(t, map[string]string{
		"extension.toml": "\ufeff" + descriptor("e2e/mark", linuxTargets), "bin/detect": script, "bin/generate": script,
	})
	digests := map[string]bool{}
	for _, engine := range []string{"buildx", "embedded"} {
		ref := tag(t, engine)
		mustExtpack(t, t.TempDir(), "build", "--engine", engine, "--push", "-t", ref, dir)
		if got := verifyJSON(t, 0, ref); len(got.Findings) > 0 {
			t.Errorf("%s: verify finds %v", engine, got.ids())
		}
		digests[fetch(t, ref).digest] = true
	}
	if len(digests) != 1 {
		t.Errorf("the engines differ: %v", digests)
	}
	if r := extpack(t, t.TempDir(), "lint", dir); r.code != 0 {
		t.Errorf("lint: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestNamedHardLinks: a hard link that include-files names stays one, with both
// engines.
func TestNamedHardLinks(t *testing.T) {
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/links", linuxTargets+"\n[metadata]\ninclude-files = [\"bin/run\", \"bin/detect\", \"bin/generate\", \"extension.toml\"]\n"),
		"bin/run":        script,
	})
	for _, name := range []string{"detect", "generate"} {
		if err := os.Link(filepath.Join(dir, "bin", "run"), filepath.Join(dir, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	digests := map[string]bool{}
	for _, engine := range []string{"buildx", "embedded"} {
		ref := tag(t, engine)
		mustExtpack(t, t.TempDir(), "build", "--engine", engine, "--push", "-t", ref, dir)
		made := contentsOf(t, ref)
		images, _ := made.flat(t)
		if links := hardLinks(t, made.blobs[images[0].manifest.Layers[0].Digest.String()]); links != 2 {
			t.Errorf("%s: the layer has %d hard links, want 2", engine, links)
		}
		digests[fetch(t, ref).digest] = true
	}
	if len(digests) != 1 {
		t.Errorf("the engines differ: %v", digests)
	}
}

// hardLinks counts the hard links of a layer.
func hardLinks(t *testing.T, layer []byte) (n int) {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeLink {
			n++
		}
	}
}
