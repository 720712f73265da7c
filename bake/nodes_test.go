package bake

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/plan"
)

// TestSpread asks buildx whether the targets that each platform gets are in the
// file, and what they build.
func TestSpread(t *testing.T) {
	t.Parallel()
	const node = `{"Nodes":[{},{}]}`
	env := []string{"BUILDX_CONFIG=" + filetest.Dir(t, map[string]string{"instances/two": node, "instances/one": `{"Nodes":[{}]}`})}
	engine := func(builder string) *Engine {
		return &Engine{Client: &buildx.Client{Env: env}, Options: RunOptions{Builder: builder}}
	}
	roots := files{"linux/amd64/bin/detect": "a", "linux/arm/v7/bin/detect": "b", "linux/arm64/bin/detect": "c"}
	toml := targetTOML("linux/amd64", "linux/arm/v7", "linux/arm64")
	distros := toml + "[[targets.distros]]\nname = \"u\"\nversion = \"1\"\n[[targets.distros]]\nname = \"u\"\nversion = \"2\"\n"
	distroRoots := maps.Clone(roots)
	distroRoots["linux/arm64/u@1/bin/detect"] = "d"
	staged := toml + "[metadata.extpack.build]\nstage = \"x\"\n"
	tests := []struct {
		name, toml string
		files      files
		want       map[string]string // nil when nothing is spread
	}{
		{"platform folders", toml, roots, map[string]string{
			"x-linux-amd64": "linux/amd64", "x-linux-arm-v7": "linux/arm/v7", "x-linux-arm64": "linux/arm64",
		}},
		{"a distro of its own", distros, distroRoots, map[string]string{
			"x-linux-amd64": "linux/amd64", "x-linux-arm-v7": "linux/arm/v7", "x-linux-arm64-u_1": "linux/arm64", "x-linux-arm64-u_2": "linux/arm64",
		}},
		{"a build stage", staged, files{"Dockerfile": "FROM scratch AS x\n"}, map[string]string{
			"x-linux-amd64": "linux/amd64", "x-linux-arm-v7": "linux/arm/v7", "x-linux-arm64": "linux/arm64",
			"x-linux-amd64-build": "linux/amd64", "x-linux-arm-v7-build": "linux/arm/v7", "x-linux-arm64-build": "linux/arm64",
		}},
		{"the same for all platforms, built for one", toml, bin, nil},
		{"one platform", targetTOML("linux/amd64"), bin, nil},
		{"the builder's platform", "", bin, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustPlan(t, plan.Options{}, extensionDir(t, t.TempDir(), "x", "x", tt.toml, tt.files))
			targets := mustTargets(t, p)
			if same, differ := engine("one").splitByNode(targets); differ || len(same) != len(targets) {
				t.Errorf("one node: %v, %v", same, differ)
			}
			spread, differ := engine("two").splitByNode(targets)
			if differ != (tt.want != nil) {
				t.Fatalf("spread: %v, %v", spread, differ)
			}
			if !differ {
				return
			}
			var names []string
			var images []int
			for _, target := range spread {
				names = append(names, target.Name)
				images = append(images, target.Images...)
			}
			if slices.Sort(images); !slices.Equal(images, []int{0, 1, 2, 3}[:len(p.Extensions[0].Images)]) {
				t.Errorf("the targets have the images %v", images)
			}
			got := map[string]string{}
			for name, target := range evaluate(t, mustFile(t, p, "."), names...) {
				got[name] = strings.Join(target.Platforms, " ")
			}
			if !maps.Equal(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
		})
	}
}
