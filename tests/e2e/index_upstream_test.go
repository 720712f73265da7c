package e2e_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// The tests here are named after what people complain about elsewhere.

// TestUpstreamAnnotationsDroppedForDockerChildren: "buildx imagetools create
// --annotation" makes a Docker list when all children are Docker's, and drops
// the annotations without a word (docker/buildx#3061, #4091).
func TestUpstreamAnnotationsDroppedForDockerChildren(t *testing.T) {
	t.Parallel()
	ref := tag(t, "1")
	amd64, arm64 := storeImage(t, ref, true, linux("amd64")), storeImage(t, ref, true, linux("arm64"))
	mustExtpack(t, t.TempDir(), "index", "create", "-t", ref, "--index-annotation", "a=b", at(ref, amd64), at(ref, arm64))
	doc := document(t, ref)
	if doc["mediaType"] != v1.MediaTypeImageIndex || doc["annotations"].(fields)["a"] != "b" {
		t.Errorf("index is %v", doc)
	}
	if got := entries(t, ref)[0]; got["mediaType"] != dockerManifest || got["digest"] != amd64["digest"] {
		t.Errorf("the child changed to %v", got)
	}
	// A list has none, and says so.
	for _, args := range [][]string{{"--media-types", "docker"}, {"--index-annotation", "a=d"}} {
		r := extpack(t, t.TempDir(), append([]string{"index", "annotate", ref}, args...)...)
		if r.code != 0 || !strings.Contains(r.stderr, "has no annotations; left out: a\n") {
			t.Errorf("exit code %d\n%s", r.code, r.stderr)
		}
	}
	if doc := document(t, ref); doc["mediaType"] != dockerList || doc["annotations"] != nil {
		t.Errorf("list is %v", doc)
	}
}

// TestUpstreamStaleLocalCache: "docker manifest create --amend" goes on using
// its copy on this machine although the registry has moved on (docker/cli#954).
func TestUpstreamStaleLocalCache(t *testing.T) {
	t.Parallel()
	ref, source, home := tag(t, "1"), tag(t, "amd64"), t.TempDir()
	for _, version := range []string{"1", "2"} {
		config := linux("amd64")
		config["author"] = version
		desc := storeImage(t, source, false, config)
		raw, _ := get(t, at(source, desc), "manifests")
		send(t, "PUT", repositoryURL(source)+"/manifests/amd64", v1.MediaTypeImageManifest, strings.NewReader(string(raw)), int64(len(raw)))
		cmd := command(t.Context(), home, "index", "create", "-t", ref, source)
		cmd.Env = append(cmd.Env, "HOME="+home, "XDG_CACHE_HOME="+filepath.Join(home, "cache"))
		if r := runCommand(t, cmd); r.code != 0 {
			t.Fatal(r.stderr)
		}
		if got := entries(t, ref)[0]["digest"]; got != desc["digest"] {
			t.Errorf("the index lists %v, the tag is at %v", got, desc["digest"])
		}
	}
	if files, err := os.ReadDir(home); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v %v", files, err)
	}
}

// TestUpstreamOSVersionLost: Windows images differ by os.version, and
// tools that leave it out make Windows run the wrong one (docker/cli#138,
// estesp/manifest-tool#27).
func TestUpstreamOSVersionLost(t *testing.T) {
	t.Parallel()
	ref := tag(t, "1")
	var sources []string
	for _, v := range []string{"10.0.17763.1", "10.0.20348.1"} {
		config := fields{"os": "windows", "architecture": "amd64", "os.version": v, "os.features": []string{"win32k"}}
		sources = append(sources, at(ref, storeImage(t, ref, true, config)))
	}
	mustExtpack(t, t.TempDir(), append([]string{"index", "create", "-t", ref}, sources...)...)
	want := fields{"os": "windows", "architecture": "amd64", "os.version": "10.0.17763.1", "os.features": []any{"win32k"}}
	if got := entries(t, ref)[0]["platform"]; !reflect.DeepEqual(got, want) {
		t.Errorf("platform is %v, want %v", got, want)
	}
	r := extpack(t, t.TempDir(), "index", "remove", ref, "windows/amd64")
	if r.code != 2 || !strings.Contains(r.stderr, "windows/amd64 (os.version 10.0.20348.1)") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	mustExtpack(t, t.TempDir(), "index", "annotate", ref, "windows(10.0.20348.1)/amd64", "--os-version", "10.0.20348.2")
	mustExtpack(t, t.TempDir(), "index", "remove", ref, "windows/amd64 (os.version 10.0.17763.1)")
	if got := entries(t, ref); len(got) != 1 || got[0]["platform"].(fields)["os.version"] != "10.0.20348.2" {
		t.Errorf("entries are %v", got)
	}
}

// TestUpstreamEditLosesFields: tools that parse an index into their own types
// write back only what these know. Annotations, subject, artifactType, data,
// urls and unknown fields of an index and of its children must stay.
func TestUpstreamEditLosesFields(t *testing.T) {
	t.Parallel()
	ref := tag(t, "1")
	subject := storeImage(t, ref, false, linux("s390x"))
	rich := fields{
		"platform":    fields{"os": "linux", "architecture": "amd64", "features": []any{"sse4"}},
		"annotations": fields{"old": "1"}, "urls": []any{"https://example.com/x"}, "data": "e30=", "x-unknown": fields{"b": []any{1.0}},
	}
	rich = with(storeImage(t, ref, false, linux("amd64")), rich)
	artifact := with(storeManifest(t, ref, true, fields{
		"schemaVersion": 2, "mediaType": v1.MediaTypeImageManifest, "artifactType": "application/vnd.example",
		"config": storeBlob(t, ref, v1.MediaTypeEmptyJSON, []byte("{}")), "layers": []fields{storeBlob(t, ref, v1.MediaTypeEmptyJSON, []byte("{}"))},
	}), fields{"artifactType": "application/vnd.example"})
	arm := with(storeImage(t, ref, false, linux("arm64")), fields{"platform": linux("arm64")})
	storeIndex(t, ref, v1.MediaTypeImageIndex, fields{
		"subject": subject, "artifactType": "application/vnd.acme", "annotations": fields{"old": "2"}, "x-index": "<kept>",
	}, rich, artifact, arm)
	before := document(t, ref)

	mustExtpack(t, t.TempDir(), "index", "annotate", ref, "linux/amd64", "--annotation", "new=1", "--index-annotation", "new=2")
	mustExtpack(t, t.TempDir(), "index", "add", ref, at(ref, subject))
	mustExtpack(t, t.TempDir(), "index", "remove", ref, "linux/arm64")
	after := document(t, ref)
	children := before["manifests"].([]any)
	children[0].(fields)["annotations"].(fields)["new"] = "1"
	want := with(before, fields{
		"annotations": fields{"old": "2", "new": "2"},
		"manifests":   []any{children[0], children[1], after["manifests"].([]any)[2]},
	})
	if len(entries(t, ref)) != 3 || !reflect.DeepEqual(after, want) {
		t.Errorf("index is now\n%v\nwant\n%v", after, want)
	}
}

// TestUpstreamOCIIndexTurnsIntoDockerList: tools that choose a type by what they
// find among the children change it when an image of the other family joins.
func TestUpstreamOCIIndexTurnsIntoDockerList(t *testing.T) {
	t.Parallel()
	ref, list := tag(t, "oci"), tag(t, "docker")
	storeTwo(t, ref)
	child := at(ref, storeImage(t, ref, true, linux("riscv64")))
	mustExtpack(t, t.TempDir(), "index", "add", ref, child)
	if got := document(t, ref)["mediaType"]; got != v1.MediaTypeImageIndex {
		t.Errorf("the index is now a %v", got)
	}
	// A Docker manifest list keeps its media type, unless a flag changes it.
	storeIndex(t, list, dockerList, fields{}, with(storeImage(t, list, true, linux("amd64")), fields{"platform": linux("amd64")}))
	mustExtpack(t, t.TempDir(), "index", "add", list, child)
	if got := document(t, list)["mediaType"]; got != dockerList {
		t.Errorf("the list is now a %v", got)
	}
	mustExtpack(t, t.TempDir(), "index", "annotate", list, "--media-types", "oci")
	if got := document(t, list)["mediaType"]; got != v1.MediaTypeImageIndex {
		t.Errorf("the list is still a %v", got)
	}
	for _, e := range entries(t, list) {
		m := document(t, at(list, e))
		config := m["config"].(fields)["mediaType"]
		layer := m["layers"].([]any)[0].(fields)["mediaType"]
		if e["mediaType"] != v1.MediaTypeImageManifest || config != v1.MediaTypeImageConfig || layer != v1.MediaTypeImageLayerGzip {
			t.Errorf("entry %v with config %v and layer %v", e, config, layer)
		}
	}
}

// TestUpstreamPlatformlessChildTakenForAMD64: readers of packages take an image
// that the index lists without a platform for linux/amd64; it is what its config
// says.
func TestUpstreamPlatformlessChildTakenForAMD64(t *testing.T) {
	t.Parallel()
	ref, source := tag(t, "1"), tag(t, "source")
	image := storeImage(t, ref, false, fields{"os": "linux", "architecture": "arm", "variant": "v6"})
	storeIndex(t, source, v1.MediaTypeImageIndex, fields{}, image)
	mustExtpack(t, t.TempDir(), "index", "create", "-t", ref, source)
	if got := listed(t, ref); got != "linux/arm/v6 "+image["digest"].(string)+"\n" {
		t.Errorf("the index lists %s", got)
	}
	// Also in an index that is edited: it is a separate entry.
	mustExtpack(t, t.TempDir(), "index", "add", source, at(ref, storeImage(t, ref, false, linux("amd64"))))
	if r := extpack(t, t.TempDir(), "index", "remove", source, "linux/arm"); r.code != 0 || !strings.Contains(r.stderr, "linux/arm/v6, linux/amd64") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	mustExtpack(t, t.TempDir(), "index", "annotate", source, "linux/arm/v6", "--annotation", "a=b")

	nowhere := at(ref, storeImage(t, ref, false, fields{"author": "me"}))
	r := extpack(t, t.TempDir(), "index", "create", "-t", tag(t, "none"), nowhere)
	if r.code != 2 || !strings.Contains(r.stderr, "--platform") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	mustExtpack(t, t.TempDir(), "index", "create", "-t", tag(t, "said"), "--platform", nowhere+"=linux/arm64/v8", nowhere)
	if got := listed(t, tag(t, "said")); !strings.HasPrefix(got, "linux/arm64 ") {
		t.Errorf("the index lists %s", got)
	}
	r = extpack(t, t.TempDir(), "index", "create", "-t", tag(t, "none"), "--platform", source+"=linux/arm64", source)
	if r.code != 2 || !strings.Contains(r.stderr, "2 images") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
}
