package e2e_test

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// fromBuildKit are the paths of what BuildKit writes: images of a complete bake
// file differ there from those of docker extpack build, as docs/guides/bake.md
// says, and nowhere else.
var fromBuildKit = map[string]func(any) bool{
	"config.config.Env": func(env any) bool {
		return reflect.DeepEqual(env, []any{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
	},
	"config.config.WorkingDir": func(dir any) bool { return dir == "/" || dir == "\\" },
	"config.created":           func(created any) bool { return created == "1970-01-01T00:00:00Z" },
	"config.history": func(history any) bool {
		return !slices.ContainsFunc(history.([]any), func(entry any) bool { return entry.(map[string]any)["created"] != "1970-01-01T00:00:00Z" })
	},
	"layers[].annotations": func(annotations any) bool {
		return reflect.DeepEqual(annotations, map[string]any{"buildkit/rewritten-timestamp": "0"})
	},
}

// fromGzip are the paths of a layer of more than 1 MiB, which BuildKit and
// docker extpack compress to other bytes (docs/adr/0007).
var fromGzip = []string{"layers[].digest", "layers[].size"}

// tree returns the documents below a tag: those of images, and in them those of
// their configs, are in the place of their digests and sizes.
func tree(t *testing.T, ref string) (index map[string]any, images []map[string]any) {
	t.Helper()
	at := ref[:strings.LastIndex(ref, ":")] + "@"
	expand := func(raw []byte) map[string]any {
		manifest := parse[map[string]any](t, raw)
		desc := manifest["config"].(map[string]any)
		config, _ := get(t, at+desc["digest"].(string), "blobs")
		manifest["config"], manifest["config of"] = parse[any](t, config), desc["mediaType"]
		return manifest
	}
	raw, header := get(t, ref, "manifests")
	index = parse[map[string]any](t, raw)
	index["Content-Type"] = header.Get("Content-Type")
	list, ok := index["manifests"].([]any)
	if !ok {
		return nil, []map[string]any{expand(raw)}
	}
	for _, entry := range list {
		desc := entry.(map[string]any)
		image, _ := get(t, at+desc["digest"].(string), "manifests")
		images = append(images, expand(image))
		delete(desc, "digest")
		delete(desc, "size")
	}
	return index, images
}

// difference is what two documents have at a path.
type difference struct{ got, want any }

// differ returns where two documents differ, by path without numbers.
func differ(path string, got, want any) map[string]difference {
	all := map[string]difference{}
	g, _ := got.(map[string]any)
	w, _ := want.(map[string]any)
	if _, whole := fromBuildKit[path]; !whole && g != nil && w != nil {
		keys := maps.Clone(g)
		maps.Copy(keys, w)
		for key := range keys {
			maps.Copy(all, differ(strings.TrimPrefix(path+"."+key, "."), g[key], w[key]))
		}
		return all
	}
	gotList, _ := got.([]any)
	wantList, _ := want.([]any)
	if _, whole := fromBuildKit[path]; !whole && gotList != nil && len(gotList) == len(wantList) {
		for i := range gotList {
			maps.Copy(all, differ(path+"[]", gotList[i], wantList[i]))
		}
		return all
	}
	if !reflect.DeepEqual(got, want) {
		all[path] = difference{got, want}
	}
	return all
}

// checkDiffers compares every document of two packages. Images differ in what
// BuildKit writes and at these further paths, and nowhere else.
func checkDiffers(t *testing.T, baker, baked, built string, further ...string) {
	t.Helper()
	gotIndex, got := tree(t, baked)
	wantIndex, want := tree(t, built)
	if len(got) != len(want) {
		t.Fatalf("%s: %d images, want %d", baker, len(got), len(want))
	}
	leftOut := func(path string, _ difference) bool {
		return baker == "oldest" && strings.HasSuffix(path, "os.version")
	} // before 0.37
	found := differ("", gotIndex, wantIndex)
	maps.DeleteFunc(found, leftOut)
	if len(found) > 0 {
		t.Errorf("%s: the index differs: %v", baker, found)
	}
	for i := range want {
		found := differ("", got[i], want[i])
		maps.DeleteFunc(found, leftOut)
		paths := slices.Collect(maps.Keys(fromBuildKit))
		if config := want[i]["config"].(map[string]any); config["os"] == "windows" {
			paths = slices.DeleteFunc(paths, func(path string) bool { return path == "config.config.Env" })
		}
		paths = append(paths, further...)
		slices.Sort(paths)
		if at := slices.Sorted(maps.Keys(found)); !slices.Equal(at, paths) {
			t.Errorf("%s: image %d differs at %v, want %v", baker, i, at, paths)
		}
		for path, is := range fromBuildKit {
			if d, differs := found[path]; differs && !is(d.got) {
				t.Errorf("%s: image %d has the %s %v", baker, i, path, d.got)
			}
		}
	}
}

// checkPackReads has pack's own code read a package for the platform of each
// image, as "pack builder create" does, and compares what it takes.
func checkPackReads(t *testing.T, ref string, built published) {
	t.Helper()
	bin, err := world.Peers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, image := range built.images {
		p := image.config.Platform
		fmt.Fprintf(&lines, "image %s %s\n", ref, strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/"))
	}
	cmd := in(exec.CommandContext(t.Context(), filepath.Join(bin, "packreader")), t.TempDir())
	cmd.Stdin = strings.NewReader(lines.String())
	r := runCommand(t, cmd)
	answers := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if r.code != 0 || len(answers) != len(built.images) {
		t.Fatalf("pack's code exits with %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for i, image := range built.images {
		got := parse[struct {
			Error string
			Files map[string]string
		}](t, []byte(answers[i]))
		want := map[string]string{}
		for name, e := range image.files {
			want[name] = e.FileInfo().Mode().String() + " " + e.Linkname
			if e.FileInfo().Mode().IsRegular() {
				want[name] += sha([]byte(e.content))
			}
		}
		if got.Error != "" || !maps.Equal(got.Files, want) {
			t.Errorf("pack takes other files of image %d: %s\ngot  %v\nwant %v", i, got.Error, got.Files, want)
		}
	}
}
