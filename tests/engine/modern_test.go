//go:build engine

package engine_test

import (
	"archive/tar"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestDefaultBuilder builds with the engine itself for every destination. The
// package is the same as from a separate BuildKit daemon.
func TestDefaultBuilder(t *testing.T) {
	dir := extension(t, "samples/modern", t.Name())
	work := t.TempDir()
	file, layout, ref := filepath.Join(work, "x.cnb"), filepath.Join(work, "layout")+"/", tag(t, "1")
	r := extpack(t, world.modern, dir, "build", "--push", "-t", ref, "-o", file, "-o", layout, "--load", ".")
	digest := published(t, ref)
	if want := file + "\n" + layout + "\n" + ref + "@" + digest + "\n" + ref + "@" + digest + "\n"; r.stdout != want {
		t.Errorf("stdout is\n%swant\n%s", r.stdout, want)
	}
	if !strings.Contains(r.stderr, "using docker driver") {
		t.Errorf("another builder was used:\n%s", r.stderr)
	}

	data, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index v1.Index
	if err := json.Unmarshal(data, &index); err != nil || len(index.Manifests) != 1 || index.Manifests[0].Digest.String() != digest {
		t.Errorf("the layout has %s, %v", data, err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if header, err := tar.NewReader(f).Next(); err != nil || header.Name != "oci-layout" {
		t.Errorf("the package file begins with %v, %v", header, err)
	}
	if got := image(t, world.modern, ref); got.ID != digest {
		t.Errorf("the engine has %s", got.ID)
	}

	other := tag(t, "other")
	extpack(t, world.modern, dir, "build", "--builder", world.Builder(), "--push", "-t", other, ".")
	if got := published(t, other); got != digest {
		t.Errorf("BuildKit made %s, the engine %s", got, digest)
	}
}

// TestAttestedStage has the engine build a stage for each platform and attest
// it, for a registry and for itself.
func TestAttestedStage(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"extension.toml": "api = \"0.10\"\n\n[extension]\nid = \"samples/stage\"\nversion = \"1.2.3\"\n\n" +
			"[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n\n[metadata.extpack.build]\nstage = \"out\"\n",
		"Dockerfile": "FROM scratch AS out\nARG TARGETARCH\nCOPY ${TARGETARCH} /bin/detect\nCOPY ${TARGETARCH} /bin/generate\n",
		"amd64":      "#!/bin/sh\n# amd64\n",
		"arm64":      "#!/bin/sh\n# arm64\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ref := tag(t, "1")
	extpack(t, world.modern, dir, "build", "--push", "--load", "-t", ref, "--provenance=mode=max", ".")
	got := image(t, world.modern, ref)
	if digest := published(t, ref); got.ID != digest {
		t.Errorf("published %s, the engine has %s", digest, got.ID)
	}
	var kinds []string
	for _, m := range got.Manifests {
		kinds = append(kinds, string(m.Kind))
	}
	if want := []string{"image", "image", "attestation", "attestation"}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("the engine has %v, want %v", kinds, want)
	}
}

// TestLoad puts packages into the containerd image store.
func TestLoad(t *testing.T) {
	dir := extension(t, "Samples/load", "first")
	reference := strings.TrimSpace(extpack(t, world.modern, dir, "build", "--load", "-q", ".").stdout)
	name, digest, _ := strings.Cut(reference, "@")
	if name != "samples/load:1.2.3" {
		t.Errorf("stdout is %q", reference)
	}
	got := image(t, world.modern, reference) // what is printed can be used
	if want := []string{"linux/amd64", "linux/arm64"}; got.ID != digest || !reflect.DeepEqual(platforms(got), want) {
		t.Errorf("the engine has %v of %s, want %v of %s", platforms(got), got.ID, want, digest)
	}
	if labels := got.Config.Labels; labels["io.buildpacks.extension.layers"] == "" || labels["io.buildpacks.buildpackage.metadata"] == "" {
		t.Errorf("labels are %v", labels)
	}

	// Again, without a daemon to build: the same package, under other names too.
	again := extpack(t, world.modern, dir, "build", "--load", "-q", "--engine", "embedded", "-t", "load:a", "-t", "example.com/load", ".")
	if want := "load:a@" + digest + "\nexample.com/load:latest@" + digest + "\n"; again.stdout != want {
		t.Errorf("stdout is %q, want %q", again.stdout, want)
	}
	// Another package takes the name over.
	changed := extpack(t, world.modern, extension(t, "samples/load", "second"), "build", "--load", "-q", ".")
	if now := image(t, world.modern, name); now.ID == digest || strings.TrimSpace(changed.stdout) != name+"@"+now.ID {
		t.Errorf("%s is %s after %q", name, now.ID, changed.stdout)
	}
	// An image that the engine's machine cannot run is kept too.
	arm := strings.TrimSpace(extpack(t, world.modern, dir, "build", "--load", "-q", "--target", "linux/arm64", "-t", "load:arm64", ".").stdout)
	if got := platforms(image(t, world.modern, arm)); !reflect.DeepEqual(got, []string{"linux/arm64"}) {
		t.Errorf("the engine has %v", got)
	}
	single := extpack(t, world.modern, dir, "build", "--load", "-q", "--single", "--media-types", "docker", "--target", "linux/amd64", "-t", "load:single", ".")
	if got := image(t, world.modern, "load:single"); strings.TrimSpace(single.stdout) != "load:single@"+got.ID || got.Architecture != "amd64" {
		t.Errorf("the engine has %s for %s, stdout is %q", got.ID, got.Architecture, single.stdout)
	}
}

// TestPlainBake runs the generated file with buildx alone on the engine's own
// builder.
func TestPlainBake(t *testing.T) {
	dir := extension(t, "samples/bake", t.Name())
	ref := tag(t, "1")
	extpack(t, world.modern, dir, "bake", "-t", ref, ".")
	bake := func(args ...string) result {
		return on(t, world.modern, dir, world.BuildxPath(), append([]string{"bake", "--progress", "plain"}, args...)...)
	}
	must := func(args ...string) {
		t.Helper()
		if r := bake(args...); r.code != 0 {
			t.Fatalf("bake %v: exit code %d\n%s", args, r.code, r.stderr)
		}
	}
	must()
	built := image(t, world.modern, ref)
	if want := []string{"linux/amd64", "linux/arm64"}; !reflect.DeepEqual(platforms(built), want) {
		t.Errorf("the engine has %v, want %v", platforms(built), want)
	}
	must("--push")
	if got := published(t, ref); got != built.ID {
		t.Errorf("--push published %s, built was %s", got, built.ID)
	}
	must("--builder", world.Builder(), "--push", "--set", "*.tags="+tag(t, "other"))
	if got := published(t, tag(t, "other")); got != built.ID {
		t.Errorf("BuildKit made %s, the engine %s", got, built.ID)
	}
	must("samples_bake-linux-arm64")

	// The reason for unpack=false in the file.
	r := bake("--set", "*.output=type=image,rewrite-timestamp=true")
	if want := `exporter option "rewrite-timestamp" conflicts with "unpack"`; r.code == 0 || !strings.Contains(r.stderr, want) {
		t.Errorf("the engine unpacks rewritten layers now, so the file needs no unpack=false: exit code %d\n%s", r.code, r.stderr)
	}
}
