package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
)

// TestImage builds the image of the plugin, and copies the plugin out of it
// with COPY --from.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	buildx := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), world.BuildxPath(), args...)
		cmd.Dir = "../.."
		cmd.Env = append(append(os.Environ(), world.Env()...), "VERSION="+version, "SOURCE_DATE_EPOCH=1700000000", "PLATFORMS=linux/"+runtime.GOARCH)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("buildx %v: %v\n%s", args, err, out)
		}
	}
	layout := filepath.Join(dir, "image")
	buildx("bake", "--file", "docker-bake.hcl", "image", "--allow", "fs.read="+made, "--allow", "fs.write="+dir, "--provenance=false",
		"--set", "image.context="+filepath.Join(made, "binaries"), "--set", "image.output=type=oci,tar=false,rewrite-timestamp=true,dest="+layout)
	l, err := ocilayout.Open(layout)
	if err != nil {
		t.Fatal(err)
	}
	index, err := l.Index(t.Context())
	if err != nil || len(index.Manifests) != 2 { // one for each tag
		t.Fatalf("the layout has %d entries, %v", len(index.Manifests), err)
	}
	manifest, _, err := oci.ReadManifest(t.Context(), l, index.Manifests[0])
	if err != nil || len(manifest.Layers) != 1 {
		t.Fatalf("the image has %d layers, %v", len(manifest.Layers), err)
	}
	dockerfile := filepath.Join(dir, "use")
	if err := os.MkdirAll(dockerfile, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dockerfile, "Dockerfile"), []byte("FROM scratch\nCOPY --from=extpack /docker-extpack /usr/libexec/docker/cli-plugins/\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	buildx("build", dockerfile, "--build-context", "extpack=oci-layout://"+layout+"@"+index.Manifests[0].Digest.String(), "--output", out)
	installed := filepath.Join(out, "usr/libexec/docker/cli-plugins/docker-extpack")
	if got := command(t, installed, "version"); got != "docker extpack "+version+" "+revision+"\n" {
		t.Errorf("the plugin says %q", got)
	}
}
