package e2e_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// runImage builds a run image of two layers with buildx, attested as buildx
// does by default, and pushes it.
func runImage(t *testing.T, reference, platforms string) published {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nCOPY one /\nCOPY two /\nUSER 1002:1000\n")
	writeFile(t, filepath.Join(dir, "one"), "one")
	writeFile(t, filepath.Join(dir, "two"), "two")
	buildx(t, dir, "build", "--push", "--provenance=true", "--platform", platforms, "--tag", reference, ".")
	raw, _ := get(t, reference, "manifests")
	p := published{index: parse[v1.Index](t, raw), digest: "sha256:" + sha(raw)}
	at := reference[:strings.LastIndex(reference, ":")] + "@"
	for _, desc := range p.index.Manifests {
		if desc.Annotations["vnd.docker.reference.type"] != "" {
			continue
		}
		image := publishedImage{descriptor: desc}
		raw, _ := get(t, at+desc.Digest.String(), "manifests")
		image.manifest = parse[v1.Manifest](t, raw)
		raw, _ = get(t, at+image.manifest.Config.Digest.String(), "blobs")
		image.config = parse[v1.Image](t, raw)
		p.images = append(p.images, image)
	}
	return p
}

// runReport is the part of --format json that the tests look at.
type runReport struct {
	Images      []runRow `json:"images"`
	Dockerfiles []struct {
		File    string   `json:"file"`
		Note    string   `json:"note"`
		Targets []string `json:"targets"`
		From    []struct {
			Image  string   `json:"image"`
			Kind   string   `json:"kind"`
			Images []runRow `json:"images"`
		} `json:"from"`
	} `json:"dockerfiles"`
	Problems []string `json:"problems"`
}

type runRow struct {
	Name     string `json:"name"`
	Index    string `json:"index"`
	Target   string `json:"target"`
	Platform string `json:"platform"`
	Digest   string `json:"digest"`
	TopLayer string `json:"topLayerDiffID"`
	Config   struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
		User         string `json:"user"`
	} `json:"config"`
}

// row is what the registry says about one of its images.
func row(p published, i int, name, index, target string) runRow {
	image := p.images[i]
	pl := image.descriptor.Platform
	r := runRow{
		Name: name, Index: index, Target: target, Platform: strings.TrimSuffix(pl.OS+"/"+pl.Architecture+"/"+pl.Variant, "/"),
		Digest:   image.descriptor.Digest.String(),
		TopLayer: image.config.RootFS.DiffIDs[len(image.config.RootFS.DiffIDs)-1].String(),
	}
	r.Config.OS, r.Config.Architecture, r.Config.Variant = image.config.OS, image.config.Architecture, image.config.Variant
	r.Config.User = image.config.Config.User
	return r
}

// A tag that is a manifest list, with attestations in it, is what pack failed
// at with "image has no layers".
func TestRunImageBehindManifestList(t *testing.T) {
	ref := tag(t, "1")
	p := runImage(t, ref, "linux/amd64,linux/arm64,linux/arm/v6")
	if len(p.images) != 3 || len(p.index.Manifests) != 6 {
		t.Fatalf("buildx pushed %d images and %d entries", len(p.images), len(p.index.Manifests))
	}
	want := []runRow{row(p, 0, ref, p.digest, ""), row(p, 1, ref, p.digest, ""), row(p, 2, ref, p.digest, "")}
	got := parse[runReport](t, []byte(mustExtpack(t, t.TempDir(), "run-image", ref, "--format", "json")))
	if !slices.Equal(got.Images, want) || want[0].Config.User != "1002:1000" {
		t.Errorf("got  %+v\nwant %+v", got.Images, want)
	}

	out := mustExtpack(t, t.TempDir(), "run-image", "--no-trunc", ref, "--platform", "linux/arm/v7")
	for _, s := range []string{ref, p.digest, "linux/arm/v7   linux/arm/v6", want[2].Digest, want[2].TopLayer, "1002:1000"} {
		if !strings.Contains(out, s) {
			t.Errorf("stdout lacks %q:\n%s", s, out)
		}
	}
	out = mustExtpack(t, t.TempDir(), "run-image", ref, "--platform", "linux/arm64", "--format", "{{range .Images}}{{.Name}}@{{.Digest}}{{end}}")
	if want := ref + "@" + want[1].Digest + "\n"; out != want {
		t.Errorf("the template gives %q, want %q", out, want)
	}

	r := extpack(t, t.TempDir(), "run-image", ref, "--platform", "linux/s390x,linux/arm64,linux/ppc64le", "--format", "json")
	if r.code != 2 {
		t.Errorf("exit code %d, want 2", r.code)
	}
	there := "; it has linux/amd64, linux/arm64, linux/arm/v6\n"
	if want := ref + " has no image for linux/s390x" + there + ref + " has no image for linux/ppc64le" + there; r.stderr != want {
		t.Errorf("stderr is %q, want %q", r.stderr, want)
	}
	got = parse[runReport](t, []byte(r.stdout))
	if len(got.Problems) != 2 || !slices.Equal(got.Images, []runRow{row(p, 1, ref, p.digest, "linux/arm64")}) {
		t.Errorf("stdout is %s", r.stdout)
	}
}

func TestRunImageInNestedIndex(t *testing.T) {
	inner, ref := tag(t, "inner"), tag(t, "outer")
	p := runImage(t, inner, "linux/amd64,linux/arm64")
	raw, _ := get(t, inner, "manifests")
	outer := v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{{
		MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw)),
	}}}
	outer.SchemaVersion = 2
	index := pushManifest(t, ref, "outer", outer.MediaType, outer).Digest.String()
	got := parse[runReport](t, []byte(mustExtpack(t, t.TempDir(), "run-image", ref, "--platform", "linux/arm64", "--format", "json")))
	if want := row(p, 1, ref, index, "linux/arm64"); !slices.Equal(got.Images, []runRow{want}) {
		t.Errorf("got  %+v\nwant %+v", got.Images, want)
	}

	// The same image, listed for what it is not.
	lying := tag(t, "lying")
	wrong := p.images[0].descriptor
	wrong.Platform = &v1.Platform{OS: "linux", Architecture: "s390x"}
	outer.Manifests = []v1.Descriptor{wrong}
	pushManifest(t, lying, "lying", outer.MediaType, outer)
	r := extpack(t, t.TempDir(), "run-image", lying)
	want := fmt.Sprintf("the image of %s for linux/s390x (%s) has a config for linux/amd64\n", lying, wrong.Digest)
	if r.code != 2 || r.stderr != want || r.stdout != "" {
		t.Errorf("exit code %d, stdout %q, stderr %q, want %q", r.code, r.stdout, r.stderr, want)
	}
}

func TestRunImageWithoutLayers(t *testing.T) {
	ref := tag(t, "1")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nUSER 1\n")
	buildx(t, dir, "build", "--push", "--provenance=false", "--platform", "linux/amd64", "--tag", ref, ".")
	r := extpack(t, t.TempDir(), "run-image", ref)
	if want := ref + " has no layers\n"; r.code != 2 || r.stderr != want {
		t.Errorf("exit code %d, stderr %q, want %q", r.code, r.stderr, want)
	}
}

// Each target of an extension has its own static run.Dockerfile; one switches
// to an image that its target does not have.
func TestRunImagesOfAnExtension(t *testing.T) {
	both, amd64 := tag(t, "both"), tag(t, "amd64")
	p := runImage(t, both, "linux/amd64,linux/arm64")
	one := runImage(t, amd64, "linux/amd64")
	dir := extensionDir(t, map[string]string{
		"extension.toml":                      descriptor("samples/run", linuxTargets),
		"linux/amd64/generate/run.Dockerfile": "# for amd64\nFROM " + amd64 + "\n",
		"linux/arm64/generate/run.Dockerfile": "FROM \\\n  " + both + " AS run\nRUN <<EOF\nFROM nobody/reads:this\nEOF\n",
		"more.Dockerfile":                     "ARG tag\nFROM " + world.Registry() + "/run:${tag}\n",
		"own.Dockerfile":                      "ARG base_image\nFROM ${base_image}\nUSER 1\n",
	})
	args := []string{"run-image", "--extension", ".", "--format", "json"}
	got := parse[runReport](t, []byte(mustExtpack(t, dir, append(args, "--dockerfile", "more.Dockerfile", "--dockerfile", "own.Dockerfile")...)))
	if len(got.Dockerfiles) != 4 {
		t.Fatalf("got %+v", got)
	}
	for i, want := range []struct {
		file, kind string
		targets    []string
		rows       []runRow
	}{
		{"linux/amd64/generate/run.Dockerfile", "image", []string{"linux/amd64"}, []runRow{row(one, 0, amd64, one.digest, "linux/amd64")}},
		{"linux/arm64/generate/run.Dockerfile", "image", []string{"linux/arm64"}, []runRow{row(p, 1, both, p.digest, "linux/arm64")}},
		{"more.Dockerfile", "undecidable", []string{"linux/amd64", "linux/arm64"}, nil},
		{"own.Dockerfile", "base-image", []string{"linux/amd64", "linux/arm64"}, nil},
	} {
		d := got.Dockerfiles[i]
		if d.File != want.file || !slices.Equal(d.Targets, want.targets) || d.From[0].Kind != want.kind || !slices.Equal(d.From[0].Images, want.rows) {
			t.Errorf("got %+v, want %+v", d, want)
		}
	}
	out := mustExtpack(t, dir, "run-image", "--extension", ".", "--dockerfile", "more.Dockerfile", "--dockerfile", "own.Dockerfile")
	for _, s := range []string{one.digest, p.digest, "${tag}: not decidable", "${base_image}: the build's own run image", "samples/run@1.2.3"} {
		if !strings.Contains(out, s) {
			t.Errorf("stdout lacks %q:\n%s", s, out)
		}
	}

	writeFile(t, filepath.Join(dir, "linux/arm64/generate/run.Dockerfile"), "\nFROM "+amd64+"\n")
	writeFile(t, filepath.Join(dir, "linux/amd64/generate/run.Dockerfile"), "FROM "+tag(t, "gone")+"\nFROM scratch\n")
	r := extpack(t, dir, "run-image", "--extension", ".")
	want := "linux/amd64/generate/run.Dockerfile:1:1: " + tag(t, "gone") + " not found in its registry for linux/amd64\n" +
		"linux/amd64/generate/run.Dockerfile:2:1: a run.Dockerfile may have only one FROM, this one has 2\n" +
		"linux/amd64/generate/run.Dockerfile:2:1: FROM scratch is not a run image for linux/amd64: it has no layers\n" +
		"linux/arm64/generate/run.Dockerfile:2:1: " + amd64 + " has no image for linux/arm64; it has linux/amd64\n"
	if r.code != 2 || r.stderr != want {
		t.Errorf("exit code %d, stderr\n%s\nwant\n%s", r.code, r.stderr, want)
	}
}

func TestRunImageOfPackagesAndFailures(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "hello.cnb")
	mustExtpack(t, dir, "build", example("hello"), "--output", file)
	got := parse[runReport](t, []byte(mustExtpack(t, dir, "run-image", file, "--platform", "linux/arm64", "--format", "json")))
	if len(got.Images) != 1 || got.Images[0].Platform != "linux/arm64" || got.Images[0].Name != file {
		t.Errorf("got %+v", got)
	}
	for _, tt := range []struct {
		args []string
		code int
	}{
		{[]string{tag(t, "gone")}, 1},
		{[]string{"localhost:1/run:1"}, 1},
		{[]string{"Not/A/Reference"}, 2},
		{[]string{"./gone.cnb"}, 2},
		{[]string{file, "--platform", "linux"}, 2},
		{[]string{"--extension", "gone"}, 2},
		{nil, 125},
	} {
		if r := extpack(t, dir, append([]string{"run-image"}, tt.args...)...); r.code != tt.code || r.stderr == "" {
			t.Errorf("%v: exit code %d, want %d: %s", tt.args, r.code, tt.code, r.stderr)
		}
	}
}
