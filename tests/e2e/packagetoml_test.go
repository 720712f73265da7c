package e2e_test

import (
	"archive/tar"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tgz writes files to an archive, those in bin executable.
func tgz(t *testing.T, name string, files map[string]string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	zw := gzip.NewWriter(f)
	tw := tar.NewWriter(zw)
	for name, text := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))}
		if strings.HasPrefix(name, "bin/") {
			h.Mode = 0o755
		}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			h = &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
			text = ""
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []interface{ Close() error }{tw, zw, f} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPackageTOML: package.toml may name another directory or an archive, and the
// one of the parent directory applies where it names the directory.
func TestPackageTOML(t *testing.T) {
	toml := descriptor("e2e/packaged", linuxTargets)
	files := map[string]string{"extension.toml": toml, "bin/detect": script, "bin/generate": script}
	want := digestOf(t, extensionDir(t, files), tag(t, "want"), "--target", "linux/arm64")
	const arm64 = "\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n"

	parent := t.TempDir()
	for name, text := range files {
		writeFile(t, filepath.Join(parent, "ext", name), text)
	}
	writeFile(t, filepath.Join(parent, "package.toml"), "[extension]\nuri = \"./ext\"\n"+arm64)
	packed := t.TempDir()
	tgz(t, filepath.Join(packed, "ext.tgz"), files)
	writeFile(t, filepath.Join(packed, "package.toml"), "[extension]\nuri = \"ext.tgz\"\n"+arm64)
	for name, dir := range map[string]string{
		"directory": parent, "the file itself": filepath.Join(parent, "package.toml"), "from below": filepath.Join(parent, "ext"), "archive": packed,
	} {
		for _, engine := range []string{"buildx", "embedded"} {
			ref := tag(t, engine+"-"+strings.ReplaceAll(name, " ", "-"))
			if got := digestOf(t, dir, ref, "--engine", engine); got != want {
				t.Errorf("%s with %s: got %s, want %s", name, engine, got, want)
			}
		}
	}
	here := t.TempDir()
	mustExtpack(t, here, "bake", parent, "-t", tag(t, "baked"))
	buildx(t, here, "bake", "--push", "--allow", "fs.read=*")
	if images := fetch(t, tag(t, "baked")).images; len(images) != 1 || images[0].config.Architecture != "arm64" {
		t.Errorf("bake makes %+v", images)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), ".extpack-*", "extension")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	outside := t.TempDir()
	writeFile(t, filepath.Join(outside, "package.toml"), "[extension]\nuri = '"+filepath.Join(parent, "ext")+"'\n")
	hostile := t.TempDir()
	tgz(t, filepath.Join(hostile, "ext.tgz"), map[string]string{"extension.toml": toml, "bin/detect": script, "bin/generate": "-> ../../../etc/passwd"})
	writeFile(t, filepath.Join(hostile, "package.toml"), "[extension]\nuri = \"ext.tgz\"\n")
	platform := extensionDir(t, map[string]string{"extension.toml": toml, "bin/detect": script, "package.toml": "[platform]\nos = \"linux\"\n"})
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"build", outside}, "is outside the repository of package.toml"},
		{[]string{"build", hostile}, "the archive contains the link bin/generate"},
		{[]string{"bake", packed}, "is an archive, and a bake file requires a directory"},
	} {
		if r := extpack(t, t.TempDir(), tt.args...); r.code != 2 || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("%v: exit code %d\n%s", tt.args, r.code, r.stderr)
		}
	}
	if r := extpack(t, t.TempDir(), "build", platform, "--engine", "embedded", "--target", "linux/arm64"); r.code != 0 || !strings.Contains(r.stderr, "os in [platform] is deprecated and ignored") {
		t.Errorf("[platform]: exit code %d\n%s", r.code, r.stderr)
	}
}
