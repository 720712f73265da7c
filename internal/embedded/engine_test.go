package embedded_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
)

const (
	api     = "api = \"0.10\"\n\n[extension]\nid = \"a/b\"\nversion = \"1.2.3\"\n"
	targets = "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n"
)

func planOf(t *testing.T, dirs ...string) *plan.Plan {
	t.Helper()
	p, _, err := plan.New(t.Context(), dirs, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// image is an image of a layout.
type image struct {
	config  v1.Image
	layer   v1.Descriptor
	entries []tar.Header
	diffID  digest.Digest
}

func images(t *testing.T, l *ocilayout.Layout) (all []image) {
	t.Helper()
	defer l.Close()
	index, err := l.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, desc := range index.Manifests {
		m, _, err := oci.ReadManifest(t.Context(), l, desc)
		if err != nil {
			t.Fatal(err)
		}
		config, _, err := oci.ReadConfig(t.Context(), l, m.Config)
		if err != nil {
			t.Fatal(err)
		}
		i := image{config: config, layer: m.Layers[0]}
		rc, err := l.Fetch(t.Context(), m.Layers[0])
		if err != nil {
			t.Fatal(err)
		}
		plain, err := layer.From(rc).Expand()
		if err != nil {
			t.Fatal(err)
		}
		sum := digest.SHA256.Digester()
		r := tar.NewReader(io.TeeReader(plain, sum.Hash()))
		for {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			i.entries = append(i.entries, *h)
		}
		if _, err := io.Copy(sum.Hash(), plain); err != nil {
			t.Fatal(err)
		}
		i.diffID = sum.Digest()
		all = append(all, i)
		if err := rc.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestBuild compares the entries of the layer: everything about an entry is
// determined by its name, kind and content.
func TestBuild(t *testing.T) {
	t.Parallel()
	dir := filetest.Dir(t, map[string]string{
		"extension.toml": api + targets, "*bin/detect": "#!/bin/sh\n", "*bin/generate": "#!/bin/sh\n",
		"a/x": "x", "a.txt": "text", "link": "-> a/x", "*tool": "#!/bin/sh\n",
	})
	if err := os.Link(filepath.Join(dir, "a/x"), filepath.Join(dir, "hard")); err != nil {
		t.Fatal(err)
	}
	p := planOf(t, dir)
	built, err := (&embedded.Engine{}).Build(t.Context(), p, t.TempDir())
	if err != nil || len(built) != 1 {
		t.Fatalf("got %v, %v", built, err)
	}
	if b := built[0]; !b.Shared || !b.Checked || !slices.Equal(b.Images, []int{0, 1}) {
		t.Errorf("got %+v", b)
	}
	all := images(t, built[0].Layout)
	if len(all) != 1 {
		t.Fatalf("%d images, want 1 for both platforms", len(all))
	}
	var got []string
	for _, h := range all[0].entries {
		line := string(h.Typeflag) + " " + h.FileInfo().Mode().Perm().String() + " " + h.Name
		if h.Linkname != "" {
			line += " -> " + h.Linkname
		}
		got = append(got, line)
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || h.ModTime.Unix() != 0 {
			t.Errorf("%s depends on the machine: %+v", h.Name, h)
		}
	}
	want := []string{
		"5 -rwxr-xr-x cnb/", "5 -rwxr-xr-x cnb/extensions/", "5 -rwxr-xr-x cnb/extensions/a_b/", "5 -rwxr-xr-x cnb/extensions/a_b/1.2.3/",
		"5 -rwxr-xr-x cnb/extensions/a_b/1.2.3/a/", "0 -rw-r--r-- cnb/extensions/a_b/1.2.3/a/x", "0 -rw-r--r-- cnb/extensions/a_b/1.2.3/a.txt",
		"5 -rwxr-xr-x cnb/extensions/a_b/1.2.3/bin/", "0 -rwxr-xr-x cnb/extensions/a_b/1.2.3/bin/detect", "0 -rwxr-xr-x cnb/extensions/a_b/1.2.3/bin/generate",
		"0 -rw-r--r-- cnb/extensions/a_b/1.2.3/extension.toml", "1 -rw-r--r-- cnb/extensions/a_b/1.2.3/hard -> cnb/extensions/a_b/1.2.3/a/x",
		"2 -rwxrwxrwx cnb/extensions/a_b/1.2.3/link -> a/x", "0 -rwxr-xr-x cnb/extensions/a_b/1.2.3/tool",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if all[0].config.RootFS.DiffIDs[0] != all[0].diffID || all[0].layer.MediaType != v1.MediaTypeImageLayerGzip {
		t.Errorf("got %+v for a layer of diffID %s", all[0], all[0].diffID)
	}
	// The prediction reads the same files and writes nothing.
	ids, err := (&embedded.Engine{}).DiffIDs(t.Context(), p.Extensions[0])
	if err != nil || len(ids) != 2 || ids[0] != all[0].diffID || ids[1] != all[0].diffID {
		t.Errorf("got %v, %v", ids, err)
	}
}

// Images with other files have other layers, in one layout.
func TestBuildLayouts(t *testing.T) {
	t.Parallel()
	files := map[string]string{"extension.toml": api + targets}
	for _, arch := range []string{"amd64", "arm64"} {
		root := "linux/" + arch + "/"
		files[root+"extension.toml"] = api + targets
		files["*"+root+"bin/detect"], files["*"+root+"bin/generate"] = "#!/bin/sh\n# "+arch+"\n", "#!/bin/sh\n"
	}
	built, err := (&embedded.Engine{}).Build(t.Context(), planOf(t, filetest.Dir(t, files)), t.TempDir())
	if err != nil || len(built) != 1 || built[0].Shared {
		t.Fatalf("got %+v, %v", built, err)
	}
	all := images(t, built[0].Layout)
	if len(all) != 2 || all[0].diffID == all[1].diffID || all[0].config.Architecture != "amd64" || all[1].config.Architecture != "arm64" {
		t.Errorf("got %+v", all)
	}
}

// The digests of a layer do not depend on where and when files were written.
func TestBuildIsReproducible(t *testing.T) {
	t.Parallel()
	var sums []digest.Digest
	for range 2 {
		dir := filetest.Dir(t, map[string]string{"extension.toml": api + targets, "*bin/detect": "#!/bin/sh\n", "*bin/generate": "#!/bin/sh\n"})
		built, err := (&embedded.Engine{}).Build(t.Context(), planOf(t, dir), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, images(t, built[0].Layout)[0].layer.Digest)
	}
	if sums[0] != sums[1] {
		t.Errorf("got %v", sums)
	}
}

// Progress reports every byte of every file once.
func TestProgress(t *testing.T) {
	t.Parallel()
	dir := filetest.Dir(t, map[string]string{"extension.toml": api + targets, "*bin/detect": "#!/bin/sh\n", "*bin/generate": "#!/bin/sh\n", "large": strings.Repeat("x", 1<<20)})
	var mu sync.Mutex
	var last, size int64
	e := &embedded.Engine{Progress: func(l embedded.Layer, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if total < last {
			t.Errorf("%d after %d", total, last)
		}
		last, size = total, l.Size()
	}}
	if _, err := e.Build(t.Context(), planOf(t, dir), t.TempDir()); err != nil || last != size || size < 1<<20 {
		t.Errorf("%v: %d of %d", err, last, size)
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	p := planOf(t, "../../examples/compiled")
	if _, err := (&embedded.Engine{}).Build(t.Context(), p, t.TempDir()); !errors.Is(err, plan.ErrNeedsBuild) {
		t.Errorf("a build stage: %v", err)
	}
	for name, change := range map[string]func(file string) error{
		"longer":   func(file string) error { return os.WriteFile(file, []byte("#!/bin/sh\n# longer\n"), 0o755) },
		"gone":     os.Remove,
		"a link":   func(file string) error { return errors.Join(os.Remove(file), os.Symlink("/etc/passwd", file)) },
		"a folder": func(file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o755)) },
	} {
		dir := filetest.Dir(t, map[string]string{"extension.toml": api + targets, "*bin/detect": "#!/bin/sh\n", "*bin/generate": "#!/bin/sh\n"})
		p := planOf(t, dir)
		if err := change(filepath.Join(dir, "bin/detect")); err != nil {
			t.Fatal(err)
		}
		_, err := (&embedded.Engine{}).Build(t.Context(), p, t.TempDir())
		if !errors.Is(err, embedded.ErrChanged) || !strings.Contains(err.Error(), "bin/detect") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := (&embedded.Engine{}).DiffIDs(t.Context(), p.Extensions[0]); !errors.Is(err, embedded.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filetest.Dir(t, map[string]string{"extension.toml": api + targets, "*bin/detect": "#!/bin/sh\n", "*bin/generate": "#!/bin/sh\n"})
	if _, err := (&embedded.Engine{}).Build(ctx, planOf(t, dir), t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestBuildAfterDiffIDs: small layers are in the package as they were when their
// diffIDs were computed; others are read again.
func TestBuildAfterDiffIDs(t *testing.T) {
	t.Parallel()
	for name, large := range map[string]string{"small": "", "large": strings.Repeat("x", 1<<20)} {
		dir := filetest.Dir(t, map[string]string{"extension.toml": api + targets, "*bin/detect": "#!/bin/sh\n", "*bin/generate": "#!/bin/sh\n", "data": large})
		p, e := planOf(t, dir), &embedded.Engine{}
		ids, err := e.DiffIDs(t.Context(), p.Extensions[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "bin/detect"), []byte("#!/bin/sh\n# changed\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		for n := range 2 {
			built, err := e.Build(t.Context(), p, t.TempDir())
			if large != "" || n > 0 {
				if !errors.Is(err, embedded.ErrChanged) {
					t.Errorf("%s, build %d: %v, want %v", name, n, err, embedded.ErrChanged)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := images(t, built[0].Layout)[0]; got.diffID != ids[0] {
				t.Errorf("%s: the layer has the diffID %s, want %s", name, got.diffID, ids[0])
			}
		}
	}
}
