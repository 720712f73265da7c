package e2e_test

import (
	"encoding/csv"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// dice is an extension whose stage comes out differently whenever it is run,
// so that an equal package proves that it was not run.
func dice(t *testing.T) string {
	t.Helper()
	return extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/dice", linuxTargets+"\n[metadata.extpack.build]\ncontexts = { base = \"docker-image://"+shellImage(t)+"\" }\n"),
		"Dockerfile": "FROM --platform=$BUILDPLATFORM base AS make\nARG TARGETARCH\n" +
			"RUN mkdir -p /out/bin && (echo '#!/bin/sh'; echo \"# $TARGETARCH\"; cat /proc/sys/kernel/random/uuid) > /out/bin/generate\n" +
			"FROM scratch\nCOPY --from=make /out /\n",
	})
}

// TestCaches builds on one BuildKit and again on one that has nothing but the
// cache in a registry.
func TestCaches(t *testing.T) {
	t.Parallel()
	dir := dice(t)
	freshBuilder(t, "cold")
	for _, tt := range []struct{ name, from, to string }{
		{"registry", "type=registry,ref=CACHE", "type=registry,ref=CACHE,mode=max"},
		{"inline", "type=registry,ref=TAG", "type=inline"},
		{"local", "type=local,src=DIR", "type=local,dest=DIR,mode=max"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ref, folder := tag(t, "1"), t.TempDir()
			expand := strings.NewReplacer("CACHE", tag(t, "cache-{{.Slug}}"), "TAG", ref, "DIR", folder).Replace
			mustExtpack(t, dir, "build", "--no-cache", "--push", "-t", ref, "--cache-to", expand(tt.to))
			want := layersAt(t, ref)
			if err := world.Prune(t.Context(), "cold"); err != nil {
				t.Fatal(err)
			}
			other := tag(t, "2")
			mustExtpack(t, dir, "build", "--push", "-t", other, "--builder", "cold", "--cache-from", expand(tt.from))
			if got := layersAt(t, other); got != want {
				t.Errorf("with the cache the layers are %s, without %s", got, want)
			}
			if err := world.Prune(t.Context(), "cold"); err != nil {
				t.Fatal(err)
			}
			mustExtpack(t, dir, "build", "--push", "-t", other, "--builder", "cold")
			if layersAt(t, other) == want {
				t.Error("the stage gives the same without a cache, so this test proves nothing")
			}
		})
	}
}

// TestCachesOfNodes: two nodes write one cache setting, and neither loses what
// the other wrote.
func TestCachesOfNodes(t *testing.T) {
	t.Parallel()
	builder, dir := addNodes(t, "linux/amd64", "linux/arm64"), dice(t)
	first, second, cache := tag(t, "1"), tag(t, "2"), "type=registry,ref="+tag(t, "cache")
	mustExtpack(t, dir, "build", "--push", "-t", first, "--builder", builder, "--cache-to", cache+",mode=max")
	buildx(t, dir, "prune", "--builder", builder, "--all", "--force")
	mustExtpack(t, dir, "build", "--push", "-t", second, "--builder", builder, "--cache-from", cache)
	if got, want := layersAt(t, second), layersAt(t, first); got != want {
		t.Errorf("with the cache the layers are %s, without %s", got, want)
	}
}

// TestCacheOfTheDescriptor: the settings are in extension.toml, and plain
// buildx reads them too.
func TestCacheOfTheDescriptor(t *testing.T) {
	t.Parallel()
	repository := strings.TrimSuffix(tag(t, "1"), "1")
	dir := dice(t)
	writeFile(t, filepath.Join(dir, "extension.toml"), descriptor("e2e/dice", linuxTargets+"\n[metadata.extpack.build]\n"+
		"contexts = { base = \"docker-image://"+shellImage(t)+"\" }\n"+
		"cache-from = [\"type=registry,ref="+repository+"{{.Slug}}\"]\ncache-to = [\"type=registry,ref="+repository+"{{.Slug}},mode=max\"]\n"))
	mustExtpack(t, dir, "build", "--push", "-t", repository+"package")
	if raw, _ := get(t, repository+"e2e_dice", "manifests"); !strings.Contains(string(raw), "buildkit.cacheconfig") {
		t.Errorf("not a cache: %s", raw)
	}
	printed := mustExtpack(t, dir, "bake", "--print", "--allow", "cache-from=*", "--allow", "cache-to=type=registry,ref="+repository+"e2e_dice,mode=max")
	// From for the stage and the package, to for the package.
	if n := strings.Count(printed, "\"ref\": \""+repository+"e2e_dice\""); n != 3 {
		t.Errorf("buildx reads the cache %d times:\n%s", n, printed)
	}
}

func layersAt(t *testing.T, ref string) string {
	t.Helper()
	var all []string
	for _, image := range fetch(t, ref).images {
		all = append(all, image.diffID)
	}
	return strings.Join(all, " ")
}

// TestCacheBackends has buildx read settings of backends that are not here: it
// must get all of them, and nothing else.
func TestCacheBackends(t *testing.T) {
	t.Parallel()
	// With all that buildx would take from the environment.
	settings := []string{
		"type=gha,scope=s,url=https://x?a=b,url_v2=https://y,token=t", "type=s3,region=eu,bucket=b,name=${n},access_key_id=k,secret_access_key=s", "type=azblob,name=n,account_url=https://x", `type=registry,ref=r.example/a,"x=1,2"`,
	}
	dir := dice(t)
	for _, s := range settings {
		t.Run(strings.TrimPrefix(strings.Split(s, ",")[0], "type="), func(t *testing.T) {
			list := fmt.Sprintf("[%q]\n", s)
			writeFile(t, filepath.Join(dir, "extension.toml"), descriptor("e2e/dice", linuxTargets+"\n[metadata.extpack.build]\ncache-from = "+list+"cache-to = "+list))
			fields, err := csv.NewReader(strings.NewReader(s)).Read()
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			for _, f := range fields {
				key, value, _ := strings.Cut(f, "=")
				want[key] = value
			}
			type target struct {
				From []map[string]string `json:"cache-from"`
				To   []map[string]string `json:"cache-to"`
			}
			printed := parse[struct{ Target map[string]target }](t, []byte(mustExtpack(t, dir, "bake", "--print", "--allow", "cache-from=*", "--allow", "cache-to=*")))
			packs, build := printed.Target["e2e_dice"], printed.Target["e2e_dice-build"]
			for _, got := range [][]map[string]string{packs.From, packs.To, build.From} {
				if len(got) != 1 || !maps.Equal(got[0], want) {
					t.Errorf("buildx reads %v, want %v", got, want)
				}
			}
		})
	}
}

// TestCacheNowhere writes the cache to a registry that does not run, which need
// not stop a build.
func TestCacheNowhere(t *testing.T) {
	mustExtpack(t, dice(t), "build", "--push", "-t", tag(t, "1"), "--cache-to", "type=registry,ref=127.0.0.1:1/cache,ignore-error=true")
}
