package peers_test

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// packed has pack package the extension in two forms: to the registry for both
// platforms, and as a file for each.
func packed(t *testing.T, dir, ext string) (ref string, files []string) {
	t.Helper()
	writeFiles(t, dir, map[string]string{"package.toml": "[extension]\nuri = " + quote(ext) + "\n"})
	ref = tag(t, "pack")
	args := []string{"extension", "package", ref, "--config", filepath.Join(dir, "package.toml"), "--publish"}
	for _, p := range platforms {
		args = append(args, "--target", p.OS+"/"+p.Architecture)
	}
	pack(t, dir, args...)
	args[2] = filepath.Join(dir, "pack.cnb")
	args = slices.Replace(args, 5, 6, "--format", "file")
	pack(t, dir, args...)
	for _, p := range platforms {
		files = append(files, filepath.Join(dir, "pack-"+p.OS+"-"+p.Architecture+".cnb"))
	}
	return ref, files
}

// TestWeReadPacks: every command reads what pack wrote, whose files have
// absolute names (buildpacks/pack#2177 asks for one index of them).
func TestWeReadPacks(t *testing.T) {
	dir := t.TempDir()
	ext := filepath.Join(t.TempDir(), "ext")
	writeFiles(t, ext, map[string]string{
		"extension.toml": "api = \"0.10\"\n\n[extension]\nid = \"peers/x\"\nversion = \"1.2.3\"\n\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n",
		"bin/generate":   "#!/bin/sh\n", "bin/detect": "#!/bin/sh\n",
	})
	ref, files := packed(t, dir, ext)
	absolute(t, files[0])
	for _, name := range append(files, ref) {
		for _, args := range [][]string{
			{"inspect", name},
			{"verify", name},
			{"verify", "--no-layers", name},
			{"run-image", "--help"},
			{"annotate", "--dry-run", name},
			{"index", "create", "--dry-run", name},
			{"index", "create", "-o", filepath.Join(dir, "copy.cnb"), name},
			{"index", "create", "-o", filepath.Join(dir, "copy") + "/", name},
			{"annotate", name, "-o", filepath.Join(dir, "annotated.cnb")},
		} {
			out := extpack(t, dir, args...)
			if args[0] == "inspect" && !strings.Contains(out, "peers/x") {
				t.Errorf("inspect %s:\n%s", name, out)
			}
		}
	}
	joined := tag(t, "joined")
	extpack(t, dir, "index", "create", "-t", joined, files[0], files[1])
	for _, p := range platforms {
		compareFiles(t, p.Architecture, filesAt(t, joined, p), filesAt(t, ref, p))
	}
	if out := extpack(t, dir, "inspect", joined); !strings.Contains(out, "linux/amd64") || !strings.Contains(out, "linux/arm64") {
		t.Errorf("the files as one index:\n%s", out)
	}
	added := tag(t, "added")
	extpack(t, dir, "index", "create", "-t", added, files[0])
	extpack(t, dir, "index", "add", added, files[1])
	extpack(t, dir, "index", "annotate", added, "linux/arm64", "--annotation", "a=b")
	extpack(t, dir, "index", "remove", added, "linux/amd64")
	extpack(t, dir, "verify", added)
	pack(t, dir, "extension", "inspect", joined)
}

// absolute makes sure that pack still writes absolute names, which is what the
// test is about.
func absolute(t *testing.T, name string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(h.Name, "/") {
			t.Errorf("pack writes %s", h.Name)
		}
	}
}
