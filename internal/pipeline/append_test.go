package pipeline_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
)

// appendTo appends one platform of an extension to a tag.
func appendTo(t *testing.T, tag registry.Reference, dir, target string, opts annotate.Options) error {
	t.Helper()
	p := planOf(t, dir)
	p.Extensions[0].Images = slices.DeleteFunc(p.Extensions[0].Images, func(i plan.Image) bool { return i.String() != target })
	to, _ := options(pipeline.Append{Client: registry.New(registry.Options{}), Tags: []registry.Reference{tag}})
	to.Annotate = opts
	_, err := pipeline.Run(t.Context(), p, &embedded.Engine{}, to)
	return err
}

// TestAppendChecksTheExtension: an index of another extension or version is not
// appended to. A Docker manifest list names its extension by labels only, and
// stays one.
func TestAppendChecksTheExtension(t *testing.T) {
	t.Parallel()
	host := newRegistry(t)
	one, other := extensionDir(t, "a/one", script), extensionDir(t, "a/other", script)
	newer := extensionDir(t, "a/one", script)
	file := filepath.Join(newer, "extension.toml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), `"1.0.0"`, `"2.0.0"`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]annotate.Options{"oci": {}, "docker": {Docker: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tag := parse(t, host+"/"+name+":1")
			if err := appendTo(t, tag, one, "linux/amd64", opts); err != nil {
				t.Fatal(err)
			}
			for want, dir := range map[string]string{"io.buildpacks.extension.id": other, "io.buildpacks.extension.version": newer} {
				if err := appendTo(t, tag, dir, "linux/arm64", opts); !diag.IsInvalid(err) || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %s", err, want)
				}
			}
			if err := appendTo(t, tag, one, "linux/arm64", opts); err != nil {
				t.Fatal(err)
			}
			src, err := registry.New(registry.Options{}).Open(t.Context(), tag)
			if err != nil {
				t.Fatal(err)
			}
			index, _, err := oci.ReadIndex(t.Context(), src, src.Root)
			if err != nil || len(index.Manifests) != 2 || (src.Root.MediaType == oci.MediaTypeDockerIndex) != opts.Docker {
				t.Errorf("got %s with %+v, %v", src.Root.MediaType, index.Manifests, err)
			}
		})
	}
}
