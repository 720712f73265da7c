package e2e_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestIndexCreateReplacesTheSeedRecipe: builds of single platforms under tags of
// their own are joined by one command instead of "docker manifest create",
// "annotate" and "push". With a docker CLI, the test runs those too.
func TestIndexCreateReplacesTheSeedRecipe(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{"Dockerfile": "FROM scratch\nARG TARGETARCH TARGETVARIANT\nCOPY run-$TARGETARCH$TARGETVARIANT /run\n", "run-amd64": "a", "run-arm64": "b", "run-armv7": "c"})
	ref, want := tag(t, "1"), ""
	sources := []string{}
	for _, p := range []string{"linux/amd64", "linux/arm64", "linux/arm/v7"} {
		source := tag(t, "1-"+strings.ReplaceAll(p, "/", "-"))
		buildx(t, dir, "build", "--platform", p, "--provenance=false", "--push", "-t", source, ".")
		raw, _ := get(t, source, "manifests")
		want += p + " sha256:" + sha(raw) + "\n"
		sources = append(sources, source)
	}
	out := mustExtpack(t, t.TempDir(), append([]string{"index", "create", "-t", ref}, sources...)...)
	raw, _ := get(t, ref, "manifests")
	if out != ref+"@sha256:"+sha(raw)+"\n" {
		t.Errorf("stdout is %q", out)
	}
	if got := listed(t, ref); got != want {
		t.Errorf("the index lists\n%s\nwant\n%s", got, want)
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Log("no docker CLI on this machine")
		return
	}
	list := tag(t, "docker")
	config := t.TempDir() // where docker keeps its local copies
	run := func(args ...string) {
		cmd := in(exec.CommandContext(t.Context(), docker, append([]string{"--config", config, "manifest"}, args...)...), config)
		if r := runCommand(t, cmd); r.code != 0 {
			t.Fatalf("docker manifest %v: %s", args, r.stderr)
		}
	}
	run(append([]string{"create", "--insecure", list}, sources...)...)
	run("annotate", list, sources[2], "--variant", "v7")
	run("push", "--insecure", list)
	got, same := strings.SplitAfter(listed(t, list), "\n"), strings.SplitAfter(want, "\n")
	slices.Sort(got) // docker lists them in the order of its files
	slices.Sort(same)
	if !slices.Equal(got, same) {
		t.Errorf("docker manifest lists\n%s\nwe list\n%s", got, want)
	}
}

// TestIndexCreateTakesAttestedBuilds: what buildx pushes by default is an index
// with an attestation, which "docker manifest create" refuses ("… is a manifest
// list", docker/buildx#1509). Attestations come along with their images.
func TestIndexCreateTakesAttestedBuilds(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
	ref := tag(t, "1")
	args := []string{"index", "create", "-t", ref}
	for _, arch := range []string{"amd64", "arm64"} {
		buildx(t, dir, "build", "--platform", "linux/"+arch, "--provenance=true", "--push", "-t", tag(t, arch), ".")
		args = append(args, tag(t, arch))
	}
	mustExtpack(t, dir, args...)
	all := entries(t, ref)
	if len(all) != 4 {
		t.Fatalf("the index lists %v", all)
	}
	for i := range 2 {
		a := all[2+i]["annotations"].(fields)
		if a["vnd.docker.reference.type"] != "attestation-manifest" || a["vnd.docker.reference.digest"] != all[i]["digest"] {
			t.Errorf("entry %d is %v", 2+i, all[2+i])
		}
	}
	if out := buildx(t, dir, "imagetools", "inspect", ref, "--format", "{{json .Provenance}}"); !strings.Contains(out, "linux/arm64") {
		t.Errorf("buildx finds no provenance: %s", out)
	}

	t.Run("Remove", func(t *testing.T) {
		gone := all[1]["digest"]
		mustExtpack(t, dir, "index", "remove", ref, "linux/aarch64")
		for _, e := range entries(t, ref) {
			if a, _ := e["annotations"].(fields); e["digest"] == gone || a["vnd.docker.reference.digest"] == gone {
				t.Errorf("the index still lists %v", e)
			}
		}
		if n := len(entries(t, ref)); n != 2 {
			t.Errorf("%d entries are left", n)
		}
	})
	t.Run("AddAgain", func(t *testing.T) {
		mustExtpack(t, dir, "index", "add", ref, args[len(args)-1])
		if n := len(entries(t, ref)); n != 4 {
			t.Errorf("%d entries", n)
		}
	})
	t.Run("Replace", func(t *testing.T) {
		r := extpack(t, dir, "index", "add", ref, at(ref, storeImage(t, ref, false, linux("arm64"))))
		if r.code != 2 || !strings.Contains(r.stderr, "linux/arm64") || !strings.Contains(r.stderr, "--replace") {
			t.Errorf("exit code %d\n%s", r.code, r.stderr)
		}
		mustExtpack(t, dir, "index", "add", "--replace", ref, at(ref, storeImage(t, ref, false, linux("arm64"))))
		if n := len(entries(t, ref)); n != 3 {
			t.Errorf("%d entries: the attestation of the image that was replaced is still there", n)
		}
	})
	t.Run("Docker", func(t *testing.T) {
		r := extpack(t, dir, "index", "annotate", ref, "--media-types", "docker")
		if r.code != 2 || !strings.Contains(r.stderr, "attestation") {
			t.Errorf("exit code %d\n%s", r.code, r.stderr)
		}
		mustExtpack(t, dir, "index", "create", "-t", tag(t, "docker"), "--no-attestations", "--media-types", "docker", ref)
	})
}

// TestIndexCreateFromEverywhere joins a package file, a layout, a digest of
// another repository, and writes all kinds of destinations.
func TestIndexCreateFromEverywhere(t *testing.T) {
	t.Parallel()
	work, other := t.TempDir(), tag(t, "x")
	other = strings.TrimSuffix(other, ":x") + "/other:x"
	mustExtpack(t, work, "build", example("hello"), "-q", "--target", "linux/amd64", "-o", "amd64.cnb")
	mustExtpack(t, work, "build", example("hello"), "-q", "--target", "linux/arm64", "-o", "arm64/")
	mustExtpack(t, work, "build", example("hello"), "-q", "--target", "linux/riscv64", "--single", "--push", "-t", other)
	raw, _ := get(t, other, "manifests")
	digest := other[:strings.LastIndex(other, ":")] + "@sha256:" + sha(raw)
	ref := tag(t, "1")
	out := mustExtpack(t, work, "index", "create", "-t", ref, "-t", tag(t, "latest"), "-o", "all.cnb", "-o", "all/", "amd64.cnb", "arm64", digest)
	p := fetch(t, ref)
	want := "all.cnb\nall/\n" + ref + "@" + p.digest + "\n" + tag(t, "latest") + "@" + p.digest + "\n"
	if out != want {
		t.Errorf("stdout is %q, want %q", out, want)
	}
	checkCNB(t, filepath.Join(work, "all.cnb"), p)
	for _, name := range []string{ref, "all.cnb", "all"} {
		got := mustExtpack(t, work, "inspect", name, "--format", "{{.Extension.ID}}{{range .Platforms}} {{.Platform}}{{end}}")
		if got != "samples/hello linux/amd64 linux/arm64 linux/riscv64\n" {
			t.Errorf("%s contains %q", name, got)
		}
	}
	if got := p.index.Annotations["io.buildpacks.extension.id"]; got != "samples/hello" {
		t.Errorf("the annotations on which all indexes agree are lost: %v", p.index.Annotations)
	}
	t.Run("CopyIsExact", func(t *testing.T) {
		copied := tag(t, "1")
		mustExtpack(t, work, "index", "create", "-t", copied, ref)
		if got := fetch(t, copied).digest; got != p.digest {
			t.Errorf("the copy of one index is %s, not %s", got, p.digest)
		}
	})
	t.Run("DryRun", func(t *testing.T) {
		out := mustExtpack(t, work, "index", "create", "--dry-run", "-t", tag(t, "none"), "-o", "none.cnb", "--index-annotation", "a=b", ref)
		if got := parse[v1.Index](t, []byte(out)); got.Annotations["a"] != "b" || len(got.Manifests) != 3 {
			t.Errorf("stdout is %s", out)
		}
		if exists(t, tag(t, "none")) {
			t.Error("a dry run published")
		}
	})
	t.Run("Nested", func(t *testing.T) {
		nested, flat := tag(t, "nested"), tag(t, "flat")
		mustExtpack(t, work, "index", "create", "-t", nested, "--flatten=false", ref, "amd64.cnb")
		if got := entries(t, nested); got[0]["mediaType"] != v1.MediaTypeImageIndex || got[0]["digest"] != p.digest {
			t.Errorf("entries are %v", got)
		}
		mustExtpack(t, work, "index", "create", "-t", flat, nested)
		if got, want := listed(t, flat), listed(t, ref); got != want {
			t.Errorf("flattened: %s, want %s", got, want)
		}
	})
}

// TestIndexEditsAreIdempotent: an edit that changes nothing writes nothing, not
// even another digest, however the index was formatted.
func TestIndexEditsAreIdempotent(t *testing.T) {
	t.Parallel()
	ref := tag(t, "1")
	storeTwo(t, ref)
	pretty, err := json.MarshalIndent(document(t, ref), "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	send(t, "PUT", repositoryURL(ref)+"/manifests/1", v1.MediaTypeImageIndex, strings.NewReader(string(pretty)), int64(len(pretty)))
	before := entries(t, ref)
	want := ref + "@sha256:" + sha(pretty) + "\n"
	for _, args := range [][]string{
		{"add", ref, ref},
		{"add", ref, at(ref, before[0])},
		{"annotate", ref, "linux/arm64", "--arch", "aarch64"},
		{"annotate", ref, "--media-types", "oci"},
	} {
		if out := mustExtpack(t, t.TempDir(), append([]string{"index"}, args...)...); out != want {
			t.Errorf("%v gives %q, want %q", args, out, want)
		}
	}
	annotate := []string{"index", "annotate", ref, "linux/arm64", "--variant", "v9", "--annotation", "a=<&>", "--index-annotation", "b=c"}
	first := mustExtpack(t, t.TempDir(), annotate...)
	annotate[3] = "linux/arm64/v9"
	if again := mustExtpack(t, t.TempDir(), annotate...); again != first || first == want {
		t.Errorf("the second edit gives %q, the first %q", again, first)
	}
	if got := entries(t, ref)[0]; !reflect.DeepEqual(got, before[0]) {
		t.Errorf("the other entry changed to %v", got)
	}
}

// TestIndexFilesLeaveAttestationsOut: "index create" and "index add" on a file say
// that it does not contain the attestations of what they add, as build does.
func TestIndexFilesLeaveAttestationsOut(t *testing.T) {
	t.Parallel()
	dir, attested := t.TempDir(), tag(t, "attested")
	ext := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/left", linuxTargets), "bin/detect": script, "bin/generate": script})
	mustExtpack(t, dir, "build", ext, "--target", "linux/arm64", "--provenance", "--push", "-t", attested)
	mustExtpack(t, dir, "build", ext, "--target", "linux/amd64", "-o", "x.cnb")
	for file, args := range map[string][]string{
		"new.cnb": {"index", "create", "-o", "new.cnb", attested},
		"x.cnb":   {"index", "add", "./x.cnb", attested},
	} {
		r := extpack(t, dir, args...)
		if r.code != 0 || !strings.Contains(r.stderr, file+" does not contain 1 attestation: ") {
			t.Errorf("%q: exit code %d\n%s", args, r.code, r.stderr)
		}
		mustExtpack(t, dir, "verify", "./"+file)
	}
	r := extpack(t, dir, "index", "create", "-o", "layout/", attested)
	if r.code != 0 || strings.Contains(r.stderr, "attestation") {
		t.Errorf("a directory: exit code %d\n%s", r.code, r.stderr)
	}
}
