package e2e_test

import (
	"path/filepath"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestPlainBakeIsNotCompressedForUs: docker extpack build asks BuildKit for zstd
// and makes gzip of it. A plain bake of the same files afterwards, which takes
// layers as the cache has them, must not find those.
func TestPlainBakeIsNotCompressedForUs(t *testing.T) {
	t.Parallel()
	dirs := map[string]string{
		"one layer": extensionDir(t, map[string]string{
			"extension.toml": descriptor("samples/one", linuxTargets), "linux/amd64/bin/detect": script, "linux/arm64/bin/detect": script + "# arm64\n",
		}),
		"made one of several": extensionDir(t, map[string]string{
			"extension.toml": descriptor("samples/several", linuxTargets+"\n[metadata.extpack]\nshared = [\"LICENSE\"]\n"),
			"LICENSE":        "text\n", "linux/amd64/bin/detect": script, "linux/arm64/bin/detect": script + "# arm64\n",
		}),
		"a stage": extensionDir(t, map[string]string{
			"extension.toml": descriptor("samples/stage", linuxTargets+"\n[metadata.extpack.build]\nstage = \"out\"\n"),
			"Dockerfile":     "FROM scratch AS out\nARG TARGETARCH\nCOPY detect /bin/detect\nCOPY detect /bin/generate\n",
			"detect":         script,
		}),
	}
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			mustExtpack(t, dir, "build", "-o", filepath.Join(t.TempDir(), "x.cnb"))
			mustExtpack(t, dir, "bake")
			out := t.TempDir()
			buildx(t, dir, "bake", "--allow", "fs.write="+out, "--set", "*.output=type=oci,tar=false,dest="+out)
			layers := 0
			for _, manifest := range manifestsIn(t, out) {
				for _, l := range manifest.Layers {
					layers++
					if l.MediaType != v1.MediaTypeImageLayerGzip {
						t.Errorf("a layer is of type %s", l.MediaType)
					}
				}
			}
			if layers != 2 {
				t.Errorf("%d layers", layers)
			}
		})
	}
}
