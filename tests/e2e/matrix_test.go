package e2e_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	labelMetadata = "io.buildpacks.buildpackage.metadata"
	labelLayers   = "io.buildpacks.extension.layers"
)

// baked makes what people have who run plain "docker buildx bake --push" on the
// file of examples/hello: an index without the labels of a package.
func baked(t *testing.T, ref string, flags ...string) *contents {
	t.Helper()
	dir := copyTree(t, example("hello"), 0, 0)
	mustExtpack(t, dir, "bake", "-t", ref)
	buildx(t, dir, append([]string{"bake", "--push"}, flags...)...)
	return contentsOf(t, ref)
}

// shapes are the forms in which other tools leave such an index, each with a
// field and an annotation that is unknown here.
func shapes(t *testing.T) map[string]*contents {
	t.Helper()
	oci := baked(t, tag(t, "oci"), "--provenance=false").with(t, fields{"x-unknown": []any{"<kept>"}, "annotations": fields{"old": "1"}})
	attested := baked(t, tag(t, "attested"), "--provenance=mode=max", "--sbom=false").with(t, fields{"x-unknown": 1.5, "annotations": fields{"old": "1"}})
	docker := oci.docker(t).with(t, fields{"x-unknown": "y", "annotations": fields{"old": "1"}})
	nested := attested.clone()
	inner := v1.Descriptor{MediaType: attested.rootType, Digest: digest.FromBytes(attested.root), Size: int64(len(attested.root))}
	nested.blobs[inner.Digest.String()] = attested.root
	raw, err := json.Marshal(fields{"schemaVersion": 2, "mediaType": v1.MediaTypeImageIndex, "manifests": []any{inner}, "annotations": fields{"old": "1"}, "x-unknown": true})
	if err != nil {
		t.Fatal(err)
	}
	nested.root = raw
	all := map[string]*contents{"OCI": oci, "attested": attested, "Docker": docker, "nested": nested}
	for name, count := range map[string]int{"OCI": 0, "attested": 4, "Docker": 0, "nested": 4} {
		images, attestations := all[name].flat(t)
		if len(images) != 4 || len(attestations) != count || images[0].config.Config.Labels[labelLayers] != "" {
			t.Fatalf("buildx made %d images with %d attestations and labels %v", len(images), len(attestations), images[0].config.Config.Labels)
		}
	}
	return all
}

func (c *contents) clone() *contents {
	return &contents{root: c.root, rootType: c.rootType, blobs: maps.Clone(c.blobs)}
}

// with adds fields to the root.
func (c *contents) with(t *testing.T, more fields) *contents {
	t.Helper()
	out := c.clone()
	var err error
	if out.root, err = json.Marshal(with(parse[fields](t, c.root), more)); err != nil {
		t.Fatal(err)
	}
	return out
}

// docker returns the same images with the media types of Docker's schema 2.
func (c *contents) docker(t *testing.T) *contents {
	t.Helper()
	out := c.clone()
	out.rootType = dockerList
	index := parse[v1.Index](t, c.root)
	index.MediaType = dockerList
	for i, d := range index.Manifests {
		m := parse[v1.Manifest](t, c.blobs[d.Digest.String()])
		m.MediaType, m.Config.MediaType = dockerManifest, dockerConfig
		for l := range m.Layers {
			m.Layers[l].MediaType = dockerLayer
		}
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		d.MediaType, d.Digest, d.Size = m.MediaType, digest.FromBytes(raw), int64(len(raw))
		index.Manifests[i] = d
		out.blobs[d.Digest.String()] = raw
	}
	var err error
	if out.root, err = json.Marshal(index); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMatrix runs every command of packages on every form of an index wherever
// it may lie, and looks at the results with other means.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for shape, made := range shapes(t) {
		for place := range registries() {
			t.Run(shape+" in "+place, func(t *testing.T) {
				t.Parallel()
				ref := inRegistry(tag(t, "1"), registries()[place])
				made.push(t, ref)
				matrixRow{t: t, name: ref, made: made, work: t.TempDir()}.run()
			})
		}
		for _, file := range []string{"package.cnb", "layout"} {
			t.Run(shape+" in "+file, func(t *testing.T) {
				t.Parallel()
				work := t.TempDir()
				made.write(t, filepath.Join(work, file))
				matrixRow{t: t, name: filepath.Join(work, file), made: made, work: work}.run()
			})
		}
	}
}

// matrixRow is one source under all commands.
type matrixRow struct {
	t    *testing.T
	name string
	made *contents
	work string
}

func (r matrixRow) now() *contents { r.t.Helper(); return contentsOf(r.t, r.name) }

func (r matrixRow) must(args ...string) string {
	r.t.Helper()
	return mustExtpack(r.t, r.work, args...)
}

// isList reports whether the result is a Docker manifest list, to which no
// annotation is added. In a file it becomes an OCI index.
func (r matrixRow) isList() bool { return strings.Contains(r.made.rootType, "docker") && !r.isFile() }

func (r matrixRow) isFile() bool { return strings.HasSuffix(r.name, ".cnb") }

func (r matrixRow) run() {
	r.inspect(r.made)
	if got := verifyJSON(r.t, 2, r.name); !slices.Contains(got.ids(), "error label-missing") {
		r.t.Errorf("verify finds %v", got.ids())
	}
	r.runImage(r.made)
	r.annotate()
	r.edit()
	r.create()
}

// inspect compares what inspect says with what there is.
func (r matrixRow) inspect(want *contents) {
	r.t.Helper()
	got := parse[struct {
		MediaType, Digest string
		Platforms         []struct{ Platform, Digest string }
		Annotations       map[string]string
		Attestations      int
	}](r.t, []byte(r.must("inspect", r.name, "--format", "json")))
	images, attestations := want.flat(r.t)
	if got.Digest != "sha256:"+sha(want.root) || got.MediaType != want.rootType || got.Attestations != len(attestations) || len(got.Platforms) != len(images) || got.Annotations["old"] != "1" {
		r.t.Fatalf("inspect says %+v of %s", got, want.root)
	}
	for i, p := range got.Platforms {
		if p.Platform != images[i].platform() || p.Digest != images[i].descriptor.Digest.String() {
			r.t.Errorf("inspect says %+v of %+v", p, images[i].descriptor)
		}
	}
	if raw := r.must("inspect", r.name, "--raw"); raw != string(want.root) {
		r.t.Errorf("inspect --raw gives %s", raw)
	}
}

func (r matrixRow) runImage(want *contents) {
	r.t.Helper()
	got := parse[runReport](r.t, []byte(r.must("run-image", r.name, "--platform", "linux/arm64", "--format", "json")))
	images, _ := want.flat(r.t)
	i := slices.IndexFunc(images, func(i flatImage) bool { return i.platform() == "linux/arm64" })
	if len(got.Images) != 1 || got.Images[0].Digest != images[i].descriptor.Digest.String() || got.Images[0].TopLayer != images[i].config.RootFS.DiffIDs[0].String() {
		r.t.Errorf("run-image says %+v", got)
	}
}

// annotate makes the index a complete package, in its place.
func (r matrixRow) annotate() {
	r.t.Helper()
	dry := r.must("annotate", "--dry-run", r.name, "--annotation", "mine=1", "--label", "mine=2")
	if !bytes.Equal(r.now().root, r.made.root) {
		r.t.Fatal("a dry run wrote something")
	}
	out := r.must("annotate", r.name, "--annotation", "mine=1", "--label", "mine=2")
	now := r.now()
	want := r.name + "\n"
	if strings.Contains(r.name, ":") {
		want = r.name + "@sha256:" + sha(now.root) + "\n"
	}
	if out != want {
		r.t.Errorf("stdout is %q, want %q", out, want)
	}
	if !r.isFile() && dry != string(now.root) {
		r.t.Errorf("the dry run gave\n%s\nwritten was\n%s", dry, now.root)
	}
	r.complete(now)
	if strings.HasSuffix(r.name, "layout") {
		list := parse[v1.Index](r.t, readFile(r.t, filepath.Join(r.name, "index.json"))).Manifests
		if len(list) != 1 || list[0].Annotations[v1.AnnotationRefName] != "1" {
			r.t.Errorf("index.json lists %+v, the name of the index is lost", list)
		}
	}
	r.inspect(now)
	got := verifyJSON(r.t, 0, r.name)
	if _, attestations := now.flat(r.t); len(got.Findings) > 0 || got.Attestations != len(attestations) {
		r.t.Errorf("verify finds %+v with %d attestations", got.Findings, got.Attestations)
	}
	var before []byte
	if r.isFile() {
		before = readFile(r.t, r.name)
	}
	r.must("annotate", r.name)
	if again := r.now(); !bytes.Equal(again.root, now.root) || r.isFile() && !bytes.Equal(before, readFile(r.t, r.name)) {
		r.t.Errorf("running it twice gives\n%s\nfirst\n%s", again.root, now.root)
	}
}

// complete checks a package against the index that it was made of.
func (r matrixRow) complete(now *contents) {
	r.t.Helper()
	images, attestations := now.flat(r.t)
	were, attested := r.made.flat(r.t)
	if len(images) != len(were) || len(attestations) != len(attested) {
		r.t.Fatalf("there are %d images and %d attestations, were %d and %d", len(images), len(attestations), len(were), len(attested))
	}
	for i, image := range images {
		was := were[i]
		if image.platform() != was.platform() || image.descriptor.MediaType != was.descriptor.MediaType || !reflect.DeepEqual(image.manifest.Layers, was.manifest.Layers) {
			r.t.Errorf("image %+v was %+v", image, was)
		}
		files, diffID := untar(r.t, now.blobs[image.manifest.Layers[0].Digest.String()])
		if _, ok := files["cnb/extensions/samples_hello/0.0.1/extension.toml"]; !ok {
			r.t.Errorf("the layer contains no descriptor")
		}
		layers := parse[map[string]map[string]struct{ API, LayerDiffID string }](r.t, []byte(image.config.Config.Labels[labelLayers]))
		if got := layers["samples/hello"]["0.0.1"]; got.LayerDiffID != diffID || got.API == "" {
			r.t.Errorf("the label says %v, the layer expands to %s", layers, diffID)
		}
		metadata := parse[struct{ ID, Version string }](r.t, []byte(image.config.Config.Labels[labelMetadata]))
		if metadata.ID != "samples/hello" || metadata.Version != "0.0.1" || image.config.Config.Labels["mine"] != "2" {
			r.t.Errorf("labels are %v", image.config.Config.Labels)
		}
		// But for the labels the config is what it was.
		is, had := parse[fields](r.t, now.blobs[image.manifest.Config.Digest.String()]), parse[fields](r.t, r.made.blobs[was.manifest.Config.Digest.String()])
		for _, doc := range []fields{is, had} {
			if inner, ok := doc["config"].(fields); ok {
				delete(inner, "Labels")
			}
		}
		if !reflect.DeepEqual(is, had) {
			r.t.Errorf("config is %v, was %v", is, had)
		}
	}
	for _, a := range attestations {
		about := a.descriptor.Annotations["vnd.docker.reference.digest"]
		if !slices.ContainsFunc(images, func(i flatImage) bool { return i.descriptor.Digest.String() == about }) {
			r.t.Errorf("an attestation is about %s, which is not listed", about)
		}
		if s := a.manifest.Subject; s != nil && s.Digest.String() != about {
			r.t.Errorf("an attestation about %s has the subject %s", about, s.Digest)
		}
		for _, l := range a.manifest.Layers {
			for _, s := range parse[struct {
				Subject []struct{ Digest map[string]string }
			}](r.t, now.blobs[l.Digest.String()]).Subject {
				if "sha256:"+s.Digest["sha256"] != about {
					r.t.Errorf("a statement listed for %s is about %s", about, s.Digest)
				}
			}
		}
	}
	doc, was := parse[fields](r.t, now.root), parse[fields](r.t, r.made.root)
	a := doc["annotations"].(fields)
	if r.isList() {
		if a["old"] != "1" || a["mine"] != nil {
			r.t.Errorf("annotations are %v", a)
		}
	} else if a["old"] != "1" || a["mine"] != "1" || a["io.buildpacks.extension.id"] != "samples/hello" || a["org.opencontainers.image.version"] != "0.0.1" {
		r.t.Errorf("annotations are %v", a)
	}
	if !r.isFile() && (now.rootType != r.made.rootType || !reflect.DeepEqual(doc["x-unknown"], was["x-unknown"])) {
		r.t.Errorf("of %s an edit made %s", r.made.root, now.root)
	}
}

// edit changes the index in its place, and back.
func (r matrixRow) edit() {
	r.t.Helper()
	before := r.now()
	copied := filepath.Join(r.t.TempDir(), "copy")
	before.write(r.t, copied)
	_, attestations := before.flat(r.t)

	r.must("index", "annotate", r.name, "linux/arm64", "--annotation", "a=b", "--variant", "v8", "--os-version", "7", "--index-annotation", "c=d")
	images, _ := r.now().flat(r.t)
	added := !r.isList()
	if d := images[1].descriptor; (d.Annotations["a"] == "b") != added || d.Platform.OSVersion != "7" {
		r.t.Errorf("entry is %+v", d)
	}
	if a := parse[v1.Index](r.t, r.now().root).Annotations; (a["c"] == "d") != added || a["old"] != "1" {
		r.t.Errorf("annotations are %v", a)
	}
	r.must("index", "annotate", r.name, "linux/arm64", "--os-version", "")

	r.must("index", "remove", r.name, "linux/arm64")
	images, left := r.now().flat(r.t)
	if len(images) != 3 || len(attestations) > 0 && len(left) != len(attestations)-1 {
		r.t.Errorf("%d images and %d attestations are left", len(images), len(left))
	}
	r.must("index", "add", r.name, copied)
	images, left = r.now().flat(r.t)
	lines, want := strings.Split(r.now().listing(r.t), "\n"), strings.Split(before.listing(r.t), "\n")
	slices.Sort(lines)
	slices.Sort(want)
	if !slices.Equal(lines, want) || len(images) != 4 || len(left) != len(attestations) {
		r.t.Errorf("after adding it again the index lists %v with %d attestations, want %v", lines, len(left), want)
	}
	if got := verifyJSON(r.t, 0, r.name); len(got.Findings) > 0 {
		r.t.Errorf("verify finds %+v", got.Findings)
	}
}

// create copies the index everywhere.
func (r matrixRow) create() {
	r.t.Helper()
	from := r.now()
	args := []string{"index", "create", "-o", "all.cnb", "-o", "all/", r.name}
	targets := []string{filepath.Join(r.work, "all.cnb"), filepath.Join(r.work, "all")}
	for _, host := range registries() {
		ref := inRegistry(tag(r.t, "copy"), host)
		args, targets = append(args, "-t", ref), append(targets, ref)
	}
	r.must(args...)
	_, attestations := from.flat(r.t)
	for _, target := range targets {
		got := contentsOf(r.t, target)
		want := len(attestations)
		if strings.HasSuffix(target, ".cnb") {
			want = 0
		} else if !bytes.Equal(got.root, from.root) {
			r.t.Errorf("%s has\n%s\nof\n%s", target, got.root, from.root)
		}
		if _, n := got.flat(r.t); got.listing(r.t) != from.listing(r.t) || len(n) != want {
			r.t.Errorf("%s lists\n%s\nwith %d attestations, want\n%s", target, got.listing(r.t), len(n), from.listing(r.t))
		}
	}
}
