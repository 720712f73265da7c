package bake

import (
	"fmt"
	"testing"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
)

func BenchmarkFile(b *testing.B) {
	p, _, err := plan.New(b.Context(), []string{"../examples/platform-roots"}, plan.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := File(p, ".", FileOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// manyExtensions returns extensions with a platform each, and manyDistros one
// with several distros for each of its platforms.
func manyExtensions(n int) *plan.Plan {
	p := &plan.Plan{}
	for i := range n {
		p.Extensions = append(p.Extensions, many(fmt.Sprintf("e%d", i), 1, 1))
	}
	return p
}

func manyDistros(n int) *plan.Plan {
	return &plan.Plan{Extensions: []*plan.Extension{many("e", n, 2)}}
}

func many(id string, platforms, distros int) *plan.Extension {
	d := &extension.Descriptor{File: "extension.toml", Info: extension.Info{ID: id, Version: "1.0.0"}}
	e := &plan.Extension{Dir: ".", Slug: id, Descriptor: d}
	for i := range platforms {
		for j := range distros {
			image := plan.Image{Root: "."}
			image.Platform.OS, image.Platform.Architecture = "linux", fmt.Sprintf("a%d", i)
			if distros > 1 {
				image.Distros = []extension.Distro{{Name: "d", Version: fmt.Sprint(j)}}
			}
			e.Images = append(e.Images, image)
		}
	}
	return e
}

// BenchmarkMany shows that the time of a file grows with its number of targets.
func BenchmarkMany(b *testing.B) {
	for name, plans := range map[string]func(int) *plan.Plan{"extensions": manyExtensions, "distros": manyDistros} {
		for _, n := range []int{100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				p := plans(n)
				for b.Loop() {
					if _, err := File(p, ".", FileOptions{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
