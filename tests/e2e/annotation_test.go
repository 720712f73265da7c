package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// annotated returns where an annotation called x is in what a tag names, a word
// for each place.
func annotated(p published) string {
	var places []string
	add := func(place string, annotations map[string]string) {
		if value, ok := annotations["x"]; ok {
			places = append(places, place+"="+value)
		}
	}
	add("index", p.index.Annotations)
	for _, image := range p.images {
		add("entry:"+image.config.Architecture, image.descriptor.Annotations)
		add("manifest:"+image.config.Architecture, image.manifest.Annotations)
	}
	return strings.Join(places, " ")
}

// annotateEverywhere makes a package of dir, or of what is published as plain,
// with an annotation in every way, and compares the places that hold it.
func annotateEverywhere(t *testing.T, dir, plain, annotation, want string, at func(what string) string) {
	t.Helper()
	flag := []string{"--annotation", annotation}
	for what, args := range map[string][]string{
		"buildx":   {"build", dir, "--push", "-t", at("buildx")},
		"embedded": {"build", dir, "--push", "-t", at("embedded"), "--engine", "embedded"},
		"attested": {"build", dir, "--push", "-t", at("attested"), "--provenance"},
		"annotate": {"annotate", plain, "-t", at("annotate")},
		"create":   {"index", "create", plain, "-t", at("create")},
	} {
		mustExtpack(t, t.TempDir(), append(args, flag...)...)
		if got := annotated(fetch(t, at(what))); got != want {
			t.Errorf("%s of %s: annotations are at %q, want %q", annotation, what, got, want)
		}
		if r := extpack(t, t.TempDir(), "verify", at(what)); r.code != 0 {
			t.Errorf("%s of %s: verify exits with %d\n%s", annotation, what, r.code, r.stdout)
		}
	}
	if !strings.Contains(annotation, ":") {
		return
	}
	mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", at("edited"), "--engine", "embedded")
	mustExtpack(t, t.TempDir(), append([]string{"index", "annotate", at("edited")}, flag...)...)
	if got := annotated(fetch(t, at("edited"))); got != want {
		t.Errorf("%s of index annotate: annotations are at %q, want %q", annotation, got, want)
	}
	bakeArgs := append([]string{"bake", "-t", at("baked"), "--target", "linux/amd64", "--target", "linux/arm64"}, flag...)
	mustExtpack(t, dir, bakeArgs...)
	buildx(t, dir, "bake", "--push")
	buildx(t, dir, "bake", "e2e_annotated-linux-arm64") // one platform alone
	if got := annotated(fetch(t, at("baked"))); got != want {
		t.Errorf("%s of a plain bake: annotations are at %q, want %q", annotation, got, want)
	}
}

// TestAnnotationPlaces: --annotation takes buildx's forms, and each is written
// where it says.
func TestAnnotationPlaces(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/annotated", linuxTargets), "bin/detect": script, "bin/generate": script})
	plain := tag(t, "plain")
	mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", plain, "--engine", "embedded")
	for n, tt := range []struct{ annotation, want string }{
		{"x=1", "index=1"},
		{"index:x=1", "index=1"},
		{"manifest:x=1", "manifest:amd64=1 manifest:arm64=1"},
		{"manifest[linux/arm64]:x=1", "manifest:arm64=1"},
		{"manifest-descriptor:x=1", "entry:amd64=1 entry:arm64=1"},
		{"manifest-descriptor[linux/amd64]:x=1", "entry:amd64=1"},
		{"index,manifest[linux/amd64]:x=1", "index=1 manifest:amd64=1"},
	} {
		t.Run(tt.annotation, func(t *testing.T) {
			t.Parallel()
			annotateEverywhere(t, copyTree(t, dir, 0, 0), plain, tt.annotation, tt.want, func(what string) string {
				return strings.TrimSuffix(plain, "plain") + what + "-" + string(rune('a'+n))
			})
		})
	}
	engines := map[string]bool{}
	for _, engine := range []string{"buildx", "embedded"} {
		layout := filepath.Join(t.TempDir(), engine) + "/"
		mustExtpack(t, t.TempDir(), "build", dir, "-o", layout, "--annotation", "index-descriptor:x=1", "--engine", engine)
		index := parse[v1.Index](t, readFile(t, layout+"index.json"))
		if len(index.Manifests) != 1 || index.Manifests[0].Annotations["x"] != "1" {
			t.Errorf("index.json is %+v", index)
		}
		engines[index.Manifests[0].Digest.String()] = true
	}
	if len(engines) != 1 {
		t.Errorf("the engines differ: %v", engines)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"build", dir, "--annotation", "manifest[linux/s390x]:x=1"}, "has no image for linux/s390x"},
		{[]string{"build", dir, "--annotation", "nowhere:x=1"}, `unknown place "nowhere"`},
		{[]string{"build", dir, "--annotation", "manifest:io.buildpacks.x=1"}, "are reserved for docker extpack"},
		{[]string{"build", dir, "--annotation", "index-descriptor:x=1"}, "only an OCI layout directory contains a descriptor of the index"},
		{[]string{"build", dir, "--annotation", "index-descriptor:x=1", "--push", "-t", tag(t, "refused")}, "only an OCI layout directory contains a descriptor of the index"},
		{[]string{"build", dir, "--annotation", "index:x=1", "--single", "--target", "linux/arm64"}, "--single publishes an image without an index"},
		{[]string{"build", dir, "--annotation", "manifest-descriptor:x=1", "--single", "--target", "linux/arm64", "--push", "-t", tag(t, "refused")}, "it has no descriptor in an index"},
		{[]string{"annotate", plain, "--annotation", "manifest[linux/s390x]:x=1"}, "has no image for that platform"},
		{[]string{"annotate", plain, "--annotation", "index-descriptor:x=1"}, "only an OCI layout directory"},
	} {
		if r := extpack(t, t.TempDir(), tt.args...); r.code != 2 || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("%v: exit code %d\n%s", tt.args, r.code, r.stderr)
		}
	}
}
