package embedded

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/plan"
)

// BenchmarkBuild packs one platform with a file of that size, half of it bytes
// that compress like nothing.
func BenchmarkBuild(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20, 20 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			p := benchPlan(b, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				dir, err := os.MkdirTemp(b.TempDir(), "")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := (&Engine{}).Build(b.Context(), p, dir); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDiffIDs(b *testing.B) {
	const size = 20 << 20
	p := benchPlan(b, size)
	b.SetBytes(size)
	for b.Loop() {
		if _, err := (&Engine{}).DiffIDs(b.Context(), p.Extensions[0]); err != nil {
			b.Fatal(err)
		}
	}
}

func benchPlan(b *testing.B, size int) *plan.Plan {
	b.Helper()
	dir := b.TempDir()
	toml := "api = \"0.10\"\n\n[extension]\nid = \"bench/layer\"\nversion = \"0.0.1\"\n\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data[:size/2]) // never fails
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		b.Fatal(err)
	}
	for name, content := range map[string][]byte{"extension.toml": []byte(toml), "bin/detect": []byte("#!/bin/sh\n"), "data": data} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	p, _, err := plan.New(b.Context(), []string{dir}, plan.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return p
}
