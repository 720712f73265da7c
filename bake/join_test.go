package bake

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	buildx "github.com/docker/buildx/bake"
	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/plan"
)

// mixed plans an extension with two images of one stage, one of another stage of
// the same Dockerfile, one of another Dockerfile, and one of a folder.
func mixed(t *testing.T, work string) *plan.Plan {
	t.Helper()
	opts := plan.Options{Tags: []string{"r.example/x:1"}, Grants: grants.Set{Allowed: all}}
	return mustPlan(t, opts, extensionDir(t, work, "x", "acme/x", targetTOML("linux/s390x", "linux/amd64", "linux/arm/v7", "linux/arm64", "linux/riscv64")+`[metadata.extpack]
shared = ["LICENSE"]
[metadata.extpack.build]
stage = "out"
target = { "linux/riscv64" = "slim" }
args = { A = "b" }
cache-from = ["type=registry,ref=r.example/cache"]
cache-to = ["type=registry,ref=r.example/cache"]
`, files{
		"Dockerfile": "FROM scratch AS slim\nFROM scratch AS out", "Dockerfile.arm64": "FROM scratch AS out",
		"linux/s390x/bin/generate": "", "LICENSE": "",
	}))
}

// completeFile returns the complete file of a plan with a single extension, with a
// different layer for each image.
func completeFile(t *testing.T, p *plan.Plan, dir string) []byte {
	t.Helper()
	e := p.Extensions[0]
	var ids []digest.Digest
	for i := range e.Images {
		ids = append(ids, digest.FromString(string(rune('a'+i))))
	}
	file, err := File(p, dir, FileOptions{DiffIDs: map[*plan.Extension][]digest.Digest{e: ids}})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestJoinSources(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	p := mixed(t, work)
	file := completeFile(t, p, work)
	golden := filepath.Join("testdata", "complete", "mixed.hcl")
	if *update {
		if err := os.WriteFile(golden, file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, want) {
		t.Errorf("got\n%s\nwant (rewrite it with -update)\n%s", file, want)
	}
	stages := map[string]string{
		"acme_x-linux-amd64-build": "Dockerfile out", "acme_x-linux-arm-v7-build": "Dockerfile out",
		"acme_x-linux-arm64-build": "Dockerfile.arm64 out", "acme_x-linux-riscv64-build": "Dockerfile slim",
	}
	checkJoined(t, evaluate(t, file, "default"), "acme_x", []string{"linux/s390x", "linux/amd64", "linux/arm/v7", "linux/arm64", "linux/riscv64"}, stages)
	lint(t, joinSources(p, mustTargets(t, p))[0])
	for _, one := range []string{"linux/s390x", "linux/arm/v7", "linux/riscv64"} {
		name := "acme_x-" + strings.ReplaceAll(one, "/", "-")
		linked := maps.Clone(stages)
		maps.DeleteFunc(linked, func(stage, _ string) bool { return stage != name+buildSuffix })
		checkJoined(t, evaluate(t, file, name), name, []string{one}, linked)
		// Nothing else is built where the platforms are narrowed.
		checkJoined(t, evaluateWith(t, file, map[string]string{"PLATFORMS": one}, "default"), "acme_x", []string{one}, linked)
	}
}

// checkJoined checks that one target for the platforms links these stages.
func checkJoined(t *testing.T, all map[string]*buildx.Target, name string, platforms []string, stages map[string]string) {
	t.Helper()
	got := all[name]
	if got == nil || len(all) != 1+len(stages) {
		t.Fatalf("%s builds %q, want %q too", name, slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(stages)))
	}
	equal(t, name, got.Platforms, platforms)
	if len(got.Contexts) != len(stages) || len(got.CacheFrom) != 1 || len(got.CacheTo) != 1 {
		t.Errorf("%s has the contexts %v, caches %v, %v", name, got.Contexts, got.CacheFrom, got.CacheTo)
	}
	for stage, source := range stages {
		token := strings.TrimSuffix(strings.TrimPrefix(stage, "acme_x-"), buildSuffix)
		s := all[stage]
		if link := got.Contexts[rootContext+"-"+token]; link != "target:"+stage || s == nil {
			t.Errorf("%s links %q for %s", name, link, token)
			continue
		}
		equal(t, stage, []string{s.Platforms[0], *s.Dockerfile + " " + *s.Target, *s.Args["A"]}, []string{strings.ReplaceAll(token, "-", "/"), source, "b"})
		if len(s.CacheFrom) != 1 || len(s.CacheTo) != 0 || len(s.Outputs) != 1 || s.Outputs[0].Type != "cacheonly" {
			t.Errorf("%s has the caches %v, %v, outputs %v", stage, s.CacheFrom, s.CacheTo, s.Outputs)
		}
	}
}
