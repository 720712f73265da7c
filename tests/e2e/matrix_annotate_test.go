package e2e_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/layertest"
)

// TestAnnotatePlainBake: what plain "docker buildx bake --push" left becomes
// the package that "docker extpack build" makes, with its provenance.
func TestAnnotatePlainBake(t *testing.T) {
	t.Parallel()
	ref := tag(t, "1")
	before := baked(t, ref, "--provenance=mode=max")
	out := mustExtpack(t, t.TempDir(), "annotate", ref)
	after := contentsOf(t, ref)
	if out != ref+"@sha256:"+sha(after.root)+"\n" {
		t.Errorf("stdout is %q", out)
	}
	images, _ := after.flat(t)
	were, attestations := before.flat(t)
	if len(images) != 4 || len(attestations) != 4 {
		t.Fatalf("%d images and %d attestations", len(images), len(attestations))
	}
	for i := range images {
		if !reflect.DeepEqual(images[i].manifest.Layers, were[i].manifest.Layers) {
			t.Errorf("layers of %s are %v, were %v", images[i].platform(), images[i].manifest.Layers, were[i].manifest.Layers)
		}
	}
	if got := verifyJSON(t, 0, ref); len(got.Findings) > 0 || got.Attestations != 4 {
		t.Errorf("verify finds %+v", got)
	}
	provenance := buildx(t, t.TempDir(), "imagetools", "inspect", ref, "--format", "{{json .Provenance}}")
	for _, i := range images {
		if !strings.Contains(provenance, i.platform()) {
			t.Errorf("buildx finds no provenance of %s in %s", i.platform(), provenance)
		}
	}
	built := tag(t, "built")
	mustExtpack(t, t.TempDir(), "build", example("hello"), "--push", "-q", "-t", built)
	for i, want := range fetch(t, built).images {
		for _, name := range []string{labelMetadata, labelLayers} {
			if got := images[i].config.Config.Labels[name]; got != want.config.Config.Labels[name] {
				t.Errorf("%s: label %s is %s, build makes %s", want.platform(), name, got, want.config.Config.Labels[name])
			}
		}
	}
	// The tag is written once more only when there is something to write.
	if again := mustExtpack(t, t.TempDir(), "annotate", ref); again != out {
		t.Errorf("running it twice gives %q, first %q", again, out)
	}
	more := mustExtpack(t, t.TempDir(), "annotate", ref, "--annotation", "a=b")
	if got := contentsOf(t, ref); more == out || got.listing(t) != after.listing(t) {
		t.Errorf("an annotation of the index changed its images to\n%s", got.listing(t))
	}
}

// TestAnnotateElsewhere: to other tags, repositories and files, from where it
// was read nothing changes.
func TestAnnotateElsewhere(t *testing.T) {
	t.Parallel()
	ref, work := tag(t, "1"), t.TempDir()
	before := baked(t, ref, "--provenance=mode=min")
	same, other := tag(t, "2"), strings.TrimSuffix(ref, ":1")+"/other:1"
	out := mustExtpack(t, work, "annotate", ref, "-t", same, "-t", other, "-o", "p.cnb", "-o", "layout/")
	done := contentsOf(t, same)
	digest := "@sha256:" + sha(done.root) + "\n"
	if want := "p.cnb\nlayout/\n" + same + digest + other + digest; out != want {
		t.Errorf("stdout is %q, want %q", out, want)
	}
	if now := contentsOf(t, ref); !bytes.Equal(now.root, before.root) {
		t.Error("the tag that was read has moved")
	}
	for _, name := range []string{other, filepath.Join(work, "layout"), filepath.Join(work, "p.cnb")} {
		got := contentsOf(t, name)
		_, attestations := got.flat(t)
		if want := map[bool]int{true: 0, false: 4}[strings.HasSuffix(name, ".cnb")]; got.listing(t) != done.listing(t) || len(attestations) != want {
			t.Errorf("%s lists\n%s with %d attestations", name, got.listing(t), len(attestations))
		}
		if got := verifyJSON(t, 0, name); len(got.Findings) > 0 {
			t.Errorf("verify finds %+v", got.Findings)
		}
	}
	raw, _ := get(t, ref, "manifests")
	mustExtpack(t, work, "annotate", ref+"@sha256:"+sha(raw), "-t", tag(t, "3"))
	if got := contentsOf(t, tag(t, "3")); !bytes.Equal(got.root, done.root) {
		t.Error("annotating by digest gives another index")
	}
	for _, host := range registries() {
		away := inRegistry(tag(t, "away"), host)
		mustExtpack(t, work, "annotate", ref, "-t", away)
		if got := contentsOf(t, away); !bytes.Equal(got.root, done.root) {
			t.Errorf("%s has another index", away)
		}
	}
}

// TestAnnotateInPlace: other content of a layout or package file stays there.
func TestAnnotateInPlace(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	dir := copyTree(t, example("hello"), 0, 0)
	mustExtpack(t, dir, "bake", "-t", "x:1")
	// As buildx leaves them: one nested index with attestations, and for one
	// platform without any a manifest in index.json itself.
	for name, flags := range map[string][]string{
		"nested.cnb": {"--set", "*.output=type=oci,dest=" + filepath.Join(work, "nested.cnb"), "--provenance=mode=max"},
		"nested":     {"--set", "*.output=type=oci,tar=false,dest=" + filepath.Join(work, "nested"), "--provenance=mode=max"},
		"flat":       {"--set", "*.output=type=oci,tar=false,dest=" + filepath.Join(work, "flat"), "--set", "*.platform=linux/arm64", "--provenance=false"},
	} {
		buildx(t, dir, append([]string{"bake", "--allow", "fs.write=" + work}, flags...)...)
		file := filepath.Join(work, name)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		was := parse[v1.Index](t, layoutFiles(t, file, info.IsDir())["index.json"])
		images, attestations := contentsOf(t, file).flat(t)
		if out := mustExtpack(t, work, "annotate", name); out != name+"\n" {
			t.Errorf("stdout is %q", out)
		}
		now := parse[v1.Index](t, layoutFiles(t, file, info.IsDir())["index.json"])
		gotImages, gotAttestations := contentsOf(t, file).flat(t)
		if len(gotImages) != len(images) || len(gotAttestations) != len(attestations) {
			t.Errorf("%s has %d images and %d attestations, had %d and %d", name, len(gotImages), len(gotAttestations), len(images), len(attestations))
		}
		if name != "nested.cnb" && (len(now.Manifests) != 1 || len(was.Manifests) != 1 || !reflect.DeepEqual(now.Manifests[0].Annotations, was.Manifests[0].Annotations)) {
			t.Errorf("%s: index.json lists %+v, listed %+v", name, now.Manifests, was.Manifests)
		}
		if name == "nested.cnb" && (len(now.Manifests) != 8 || now.Manifests[3].Annotations["vnd.docker.reference.type"] != "") {
			t.Errorf("%s: index.json lists %+v; readers take the first image", name, now.Manifests)
		}
		var want []string
		if name == "flat" { // of one platform only
			want = slices.Repeat([]string{"warning target-missing"}, 3)
		}
		if got := verifyJSON(t, 0, file); !slices.Equal(got.ids(), want) {
			t.Errorf("%s: verify finds %+v", name, got.Findings)
		}
		before := snapshot(t, work)
		mustExtpack(t, work, "annotate", name)
		if after := snapshot(t, work); !reflect.DeepEqual(after, before) {
			t.Errorf("%s: running it twice gives %v, once %v", name, after, before)
		}
	}
}

// TestAnnotateATagThatMoved between reading and writing: what others published
// is annotated.
func TestAnnotateATagThatMoved(t *testing.T) {
	t.Parallel()
	p, ref := newCountingProxy(t), tag(t, "1")
	was := baked(t, ref, "--provenance=false")
	theirs := was.with(t, fields{"annotations": fields{"by": "them"}})
	var once sync.Once
	p.before = func(r *http.Request) {
		if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/blobs/") {
			once.Do(func() { theirs.push(t, ref) })
		}
	}
	fresh := fmt.Sprintf("run=%d", time.Now().UnixNano()) // so that with -count there is a manifest to put, too
	out := mustExtpack(t, t.TempDir(), "annotate", "--label", fresh, p.through(ref))
	now := contentsOf(t, ref)
	if out != p.through(ref)+"@sha256:"+sha(now.root)+"\n" || !strings.Contains(string(now.root), `"by":"them"`) || bytes.Equal(now.root, theirs.root) {
		t.Fatalf("stdout %q, the index is %s", out, now.root)
	}
}

// TestAnnotateMovesLittle: of a layer of 500 MB in the registry no more is read
// than the descriptor takes and what is on its way by then, of a complete
// package nothing, and nothing is uploaded.
func TestAnnotateMovesLittle(t *testing.T) {
	p, ref := newCountingProxy(t), tag(t, "1")
	layer, diffID := pushLarge(t, ref, func(w io.Writer) {
		tw := tar.NewWriter(w)
		put := func(name, content string) {
			layertest.Write(t, tw, tar.Header{Name: "cnb/extensions/e2e_large/1.2.3/" + name, Mode: 0o755}, strings.NewReader(content), int64(len(content)))
		}
		put("bin/generate", script)
		put("extension.toml", descriptor("e2e/large", ""))
		layertest.Write(t, tw, tar.Header{Name: "cnb/extensions/e2e_large/1.2.3/tool", Mode: 0o644}, noise(largeSize), largeSize)
		if err := tw.Close(); err != nil {
			t.Error(err)
		}
	})
	pushLargeIndex(t, ref, layer, diffID, nil)
	for _, c := range []struct {
		args  []string
		limit int64
	}{
		{nil, 1 << 20},
		{[]string{"--label", "a=b"}, 1 << 20},
		{[]string{"-t", p.through(tag(t, "2"))}, 1 << 20},
	} {
		p.bytes.Store(0)
		mustExtpack(t, t.TempDir(), append([]string{"annotate", p.through(ref)}, c.args...)...)
		if n := p.bytes.Load(); n == 0 || n >= c.limit {
			t.Errorf("annotate %v moved %d bytes", c.args, n)
		} else {
			t.Logf("annotate %v moved %d bytes", c.args, n)
		}
	}
	raw, _ := get(t, ref, "manifests")
	for _, d := range parse[v1.Index](t, raw).Manifests {
		m := document(t, ref[:strings.LastIndex(ref, ":")]+"@"+d.Digest.String())
		config, _ := get(t, ref[:strings.LastIndex(ref, ":")]+"@"+m["config"].(fields)["digest"].(string), "blobs")
		if want := fmt.Sprintf(`{"e2e/large":{"1.2.3":{"api":"0.10","layerDiffID":%q}}}`, diffID); parse[v1.Image](t, config).Config.Labels[labelLayers] != want {
			t.Errorf("config is %s", config)
		}
	}
}
