package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

const useZstd = "\n[metadata.extpack.build]\ncompression = \"zstd\"\n"

// printedDigest returns the digest of the only reference that a build printed.
func printedDigest(t *testing.T, stdout string) string {
	t.Helper()
	_, digest, ok := strings.Cut(strings.TrimSpace(stdout), "@")
	if !ok || strings.Contains(digest, "\n") {
		t.Fatalf("not one reference: %q", stdout)
	}
	return digest
}

// TestCompression: the digest depends only on the compression of the output, not
// on the engine or the number of processors. The layer of amd64 has several
// blocks of either compression.
func TestCompression(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"extension.toml":         descriptor("samples/compressed", linuxTargets),
		"linux/amd64/bin/detect": script, "linux/arm64/bin/detect": script,
	}
	var data strings.Builder
	for i := range 700_000 {
		data.WriteString(strings.Repeat("x", i*i%17))
	}
	files["linux/amd64/data"] = data.String()
	byFlag := extensionDir(t, files)
	files["extension.toml"] = descriptor("samples/compressed", linuxTargets+useZstd+"compression-level = 7\n")
	declared := extensionDir(t, files)
	digests := map[string]string{}
	for name, c := range map[string]struct {
		dir, mediaType string
		args           []string
	}{
		"gzip":     {byFlag, v1.MediaTypeImageLayerGzip, nil},
		"gzip 9":   {byFlag, v1.MediaTypeImageLayerGzip, []string{"--compression-level", "9"}},
		"zstd":     {byFlag, v1.MediaTypeImageLayerZstd, []string{"--compression", "zstd"}},
		"declared": {declared, v1.MediaTypeImageLayerZstd, nil},
		"override": {declared, v1.MediaTypeImageLayerGzip, []string{"--compression", "gzip"}},
	} {
		ref := tag(t, strings.ReplaceAll(name, " ", "-"))
		args := append([]string{"build", c.dir, "-q", "--push", "--force", "-t", ref}, c.args...)
		digest := printedDigest(t, mustExtpack(t, t.TempDir(), append(args, "--engine", "buildx")...))
		for _, m := range fetch(t, ref).images {
			if got := m.manifest.Layers[0].MediaType; got != c.mediaType {
				t.Errorf("%s: a layer is of type %s", name, got)
			}
		}
		one := command(t.Context(), t.TempDir(), append(args, "--engine", "embedded")...)
		one.Env = append(one.Env, "GOMAXPROCS=1")
		r := runCommand(t, one)
		if r.code != 0 {
			t.Fatalf("%s: exit code %d\n%s", name, r.code, r.stderr)
		}
		if got := printedDigest(t, r.stdout); got != digest {
			t.Errorf("%s: the embedded engine made %s, buildx %s", name, got, digest)
		}
		digests[digest] = name
		if r := extpack(t, t.TempDir(), "verify", ref); r.code != 0 {
			t.Errorf("%s: verify: exit code %d\n%s%s", name, r.code, r.stdout, r.stderr)
		}
	}
	if len(digests) != 5 {
		t.Errorf("some are equal: %v", digests)
	}
	ref := tag(t, "unchanged")
	build := []string{"build", byFlag, "--push", "-t", ref, "--engine", "embedded", "--compression", "zstd"}
	mustExtpack(t, t.TempDir(), build...)
	if r := extpack(t, t.TempDir(), build...); !strings.Contains(r.stderr, "nothing to do") {
		t.Errorf("the same again: %s", r.stderr)
	}
	if r := extpack(t, t.TempDir(), append(build, "--compression", "gzip")...); strings.Contains(r.stderr, "nothing to do") {
		t.Errorf("another compression: %s", r.stderr)
	}
}

// TestCompressionOfStages: what BuildKit builds and attests has the compression
// too, and so has a plain bake.
func TestCompressionOfStages(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("samples/compressed", linuxTargets+useZstd+"stage = \"out\"\n"),
		"Dockerfile":     "FROM scratch AS out\nARG TARGETARCH\nCOPY detect /bin/detect\nCOPY detect /bin/generate\n",
		"detect":         script,
	})
	mustExtpack(t, dir, "bake")
	file, err := os.ReadFile(filepath.Join(dir, "docker-bake.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	_, output, _ := strings.Cut(string(file), "output = [\"type=image,")
	output, _, ok := strings.Cut(output, "\"")
	if !ok || !strings.Contains(output, "compression=zstd") {
		t.Fatalf("no compression in\n%s", file)
	}
	for name, build := range map[string]func(out string){
		"built": func(out string) { mustExtpack(t, dir, "build", "-o", out+"/") },
		"attested": func(out string) {
			mustExtpack(t, dir, "build", "-o", out+"/", "--provenance=true", "-t", tag(t, "1"))
		},
		"baked": func(out string) {
			buildx(t, dir, "bake", "--allow", "fs.write="+out, "--set", "*.output=type=oci,tar=false,dest="+out+","+output)
		},
	} {
		out := t.TempDir()
		build(out)
		layers := 0
		for _, m := range manifestsIn(t, out) {
			for _, l := range m.Layers {
				if l.MediaType == v1.MediaTypeImageLayerZstd {
					layers++
				}
			}
		}
		if layers != 2 {
			t.Errorf("%s: %d zstd layers", name, layers)
		}
	}
	for want, args := range map[string][]string{
		"which pack cannot read in package files":                 {"-o", "x.cnb"},
		"Docker's format has no media type":                       {"-o", t.TempDir() + "/x/", "--media-types", "docker"},
		"compression level 23 is not supported: zstd has 0 to 22": {"-o", "x/", "--compression-level", "23"},
		`"high" is not a number`:                                  {"-o", "x/", "--compression-level", "high"},
		`compression "xz" is not supported`:                       {"-o", "x/", "--compression", "xz"},
	} {
		if r := extpack(t, dir, append([]string{"build"}, args...)...); r.code != 2 || !strings.Contains(r.stderr, want) {
			t.Errorf("%v: exit code %d\n%s", args, r.code, r.stderr)
		}
	}
}
