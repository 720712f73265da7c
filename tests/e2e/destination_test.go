package e2e_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestEveryDestinationHoldsTheSamePackage: registry, package file, layout.
func TestEveryDestinationHoldsTheSamePackage(t *testing.T) {
	work := t.TempDir()
	ref, second := tag(t, "1"), tag(t, "again")
	out := mustExtpack(t, work, "build", example("hello"), "--push", "-t", ref, "-t", second, "-o", "hello.cnb", "-o", "layout/", "-q")
	p := fetch(t, ref)
	want := "hello.cnb\nlayout/\n" + ref + "@" + p.digest + "\n" + second + "@" + p.digest + "\n"
	if out != want {
		t.Errorf("stdout is %q, want %q", out, want)
	}
	if got := fetch(t, second).digest; got != p.digest {
		t.Errorf("second tag is %s, first %s", got, p.digest)
	}
	for _, name := range []string{ref, "hello.cnb", "layout"} {
		format := `{{.Digest}} {{.Extension.ID}} {{.Extension.Version}}{{range .Platforms}} {{.Platform}}{{end}}`
		got := mustExtpack(t, work, "inspect", name, "--format", format)
		want := p.digest + " samples/hello 0.0.1 linux/amd64 linux/arm64 linux/arm/v7 linux/riscv64\n"
		if got != want {
			t.Errorf("inspect %s says %q, want %q", name, got, want)
		}
	}
	raw := mustExtpack(t, work, "inspect", "--raw", ref)
	if "sha256:"+sha([]byte(raw)) != p.digest {
		t.Errorf("inspect --raw has digest %s", sha([]byte(raw)))
	}
	checkCNB(t, filepath.Join(work, "hello.cnb"), p)

	mustExtpack(t, work, "build", example("hello"), "-o", "layout/", "-q") // over itself
	if entries, err := os.ReadDir(work); err != nil || len(entries) != 2 {
		t.Errorf("working directory contains %v %v", entries, err)
	}
}

// checkCNB reads the file as pack does: an uncompressed tar whose index.json
// lists the image manifests themselves.
func checkCNB(t *testing.T, name string, p published) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	index := parse[v1.Index](t, files["index.json"])
	if len(index.Manifests) != len(p.images) {
		t.Fatalf("index.json lists %d manifests", len(index.Manifests))
	}
	for i, m := range index.Manifests {
		if m.MediaType != v1.MediaTypeImageManifest || m.Digest != p.images[i].descriptor.Digest || m.Platform == nil {
			t.Errorf("index.json lists %+v, want %+v", m, p.images[i].descriptor)
		}
		if files["blobs/sha256/"+m.Digest.Encoded()] == nil {
			t.Errorf("%s is missing", m.Digest)
		}
	}
}

// TestDefaultDestination: without flags a package file in the working directory.
func TestDefaultDestination(t *testing.T) {
	work := t.TempDir()
	if out := mustExtpack(t, work, "build", example("hello"), "-q"); out != "samples_hello-0.0.1.cnb\n" {
		t.Errorf("stdout is %q", out)
	}
	inside := copyTree(t, example("hello"), 0, 0)
	first := mustExtpack(t, inside, "build", "-q")
	digest := mustExtpack(t, inside, "inspect", strings.TrimSpace(first), "--format", "{{.Digest}}")
	mustExtpack(t, inside, "build", "-q")
	if again := mustExtpack(t, inside, "inspect", strings.TrimSpace(first), "--format", "{{.Digest}}"); again != digest {
		t.Error("the package file of the first build changed the second")
	}
}

// TestDockerMediaTypes: a manifest list, Docker types throughout, without
// annotations, which the format does not have.
func TestDockerMediaTypes(t *testing.T) {
	ref := tag(t, "1")
	r := extpack(t, t.TempDir(), "build", example("hello"), "--push", "-t", ref, "--media-types", "docker", "--annotation", "manifest-descriptor:a=b")
	if r.code != 0 || strings.Count(r.stderr, "has no annotations; left out: a, io.buildpacks.") != 1 {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	p := fetch(t, ref)
	const docker = "application/vnd.docker."
	if p.index.MediaType != docker+"distribution.manifest.list.v2+json" || len(p.index.Annotations) > 0 {
		t.Errorf("index is %s with annotations %v", p.index.MediaType, p.index.Annotations)
	}
	for _, image := range p.images {
		if len(image.descriptor.Annotations) > 0 {
			t.Errorf("an entry has annotations %v", image.descriptor.Annotations)
		}
		for _, got := range []string{image.descriptor.MediaType, image.manifest.Config.MediaType, image.manifest.Layers[0].MediaType} {
			if !strings.HasPrefix(got, docker) {
				t.Errorf("media type %s", got)
			}
		}
	}
}

// TestDockerListDistros: without annotations, os.version tells apart the images
// of one platform, for --append and for the index commands.
func TestDockerListDistros(t *testing.T) {
	t.Parallel()
	ref, work := tag(t, "1"), t.TempDir()
	distros := func(list string) []string {
		return []string{"build", example("hello"), "--push", "-q", "-t", ref, "--target", "linux/amd64:" + list}
	}
	mustExtpack(t, work, append(distros("ubuntu@22.04"), "--media-types", "docker")...)
	mustExtpack(t, work, append(distros("ubuntu@24.04"), "--append")...)
	mustExtpack(t, work, append(distros("ubuntu@24.04"), "--append", "--media-types", "docker")...)
	p := fetch(t, ref)
	if len(p.images) != 2 || !strings.Contains(p.index.MediaType, "docker") || len(p.index.Annotations)+len(p.images[1].descriptor.Annotations) > 0 {
		t.Fatalf("%d images in %s", len(p.images), p.index.MediaType)
	}
	if got := p.images[1].descriptor.Platform.OSVersion; got != "24.04" {
		t.Errorf("the second image is for os.version %q", got)
	}
	mustExtpack(t, work, "verify", ref)
	mustExtpack(t, work, "index", "remove", ref, "linux/amd64:ubuntu@24.04")
	if left := fetch(t, ref).images; len(left) != 1 || left[0].descriptor.Platform.OSVersion != "22.04" {
		t.Errorf("%d images are left", len(left))
	}
}

// TestSingle: one platform without an index, which then carries the
// annotations itself.
func TestSingle(t *testing.T) {
	ref := tag(t, "1")
	mustExtpack(t, t.TempDir(), "build", example("hello"), "--push", "-t", ref, "--single", "--target", "linux/aarch64")
	raw, _ := get(t, ref, "manifests")
	m := parse[v1.Manifest](t, raw)
	if m.MediaType != v1.MediaTypeImageManifest || m.Annotations["io.buildpacks.extension.id"] != "samples/hello" {
		t.Errorf("manifest is %s", raw)
	}
	got := mustExtpack(t, t.TempDir(), "inspect", ref, "--format", "{{range .Platforms}}{{.Platform}}{{end}}")
	if got != "linux/arm64\n" {
		t.Errorf("platform is %q", got)
	}
}

// TestSeveralExtensions builds two in one run, each under its own tag.
func TestSeveralExtensions(t *testing.T) {
	base := tag(t, "x")
	base = base[:strings.LastIndex(base, ":")]
	pattern := base + "/{{.Slug}}:{{.Version}}"
	out := mustExtpack(t, t.TempDir(), "build", example("hello"), example("platform-roots"), "--push", "-t", pattern)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], base+"/samples_hello:0.0.1@") || !strings.HasPrefix(lines[1], base+"/samples_platform-roots:0.0.1@") {
		t.Errorf("stdout is %q", out)
	}
}

// TestAttestationsFollowTheirImage: an attestation asked of buildx names the
// final image in every place, and buildx's own tool finds it.
func TestAttestationsFollowTheirImage(t *testing.T) {
	ref := tag(t, "1")
	mustExtpack(t, t.TempDir(), "build", example("hello"), "--push", "-t", ref, "--set", "*.attest=type=provenance,mode=max")
	p := fetch(t, ref)
	attested := 0
	for _, d := range p.index.Manifests {
		if d.Annotations["vnd.docker.reference.type"] != "attestation-manifest" {
			continue
		}
		subject := d.Annotations["vnd.docker.reference.digest"]
		i := strings.LastIndex(ref, ":")
		raw, _ := get(t, ref[:i]+"@"+d.Digest.String(), "manifests")
		m := parse[v1.Manifest](t, raw)
		if m.Subject != nil && m.Subject.Digest.String() != subject {
			t.Errorf("manifest's subject is %s, annotation says %s", m.Subject.Digest, subject)
		}
		statement, _ := get(t, ref[:i]+"@"+m.Layers[0].Digest.String(), "blobs")
		for _, s := range parse[struct {
			Subject []struct{ Digest map[string]string }
		}](t, statement).Subject {
			if "sha256:"+s.Digest["sha256"] != subject {
				t.Errorf("statement is about %s, want %s", s.Digest["sha256"], subject)
			}
		}
		for _, image := range p.images {
			if image.descriptor.Digest.String() == subject {
				attested++
			}
		}
	}
	if attested != len(p.images) {
		t.Errorf("%d of %d images are attested", attested, len(p.images))
	}
	out := buildx(t, t.TempDir(), "imagetools", "inspect", ref, "--format", "{{json .Provenance}}")
	if !strings.Contains(out, "linux/riscv64") || !strings.Contains(out, "buildType") {
		t.Errorf("imagetools finds no provenance: %s", out)
	}
}

// dockerCLI returns this machine's docker CLI, or the distribution's, which is
// fetched and not installed.
func dockerCLI(t *testing.T) string {
	t.Helper()
	if docker, err := exec.LookPath("docker"); err == nil {
		return docker
	}
	dir := t.TempDir()
	// Debian 13 moved it to another package.
	if err := tryUnpack(t.Context(), dir, "docker-cli", "./usr/bin/docker"); err != nil {
		t.Log(err)
		unpack(t, dir, "docker.io", "./usr/bin/docker")
	}
	return filepath.Join(dir, "usr", "bin", "docker")
}

// TestDockerPlugin runs the plugin through the docker CLI.
func TestDockerPlugin(t *testing.T) {
	docker := dockerCLI(t)
	plugins := t.TempDir()
	if err := os.MkdirAll(filepath.Join(plugins, "cli-plugins"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"docker-extpack": world.plugin, "docker-buildx": world.BuildxPath()} {
		if err := os.Symlink(target, filepath.Join(plugins, "cli-plugins", name)); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) result {
		cmd := in(exec.CommandContext(t.Context(), docker, append([]string{"--config", plugins}, args...)...), t.TempDir())
		return runCommand(t, cmd)
	}
	if r := run("--help"); !strings.Contains(r.stdout, "extpack*") {
		t.Errorf("docker --help does not list the plugin:\n%s", r.stdout)
	}
	if r := run("extpack", "version"); r.code != 0 || !strings.HasPrefix(r.stdout, "docker extpack ") {
		t.Errorf("docker extpack version: exit code %d, %q %q", r.code, r.stdout, r.stderr)
	}
	if r := run("extpack", "build", "/no/such/dir"); r.code != 2 {
		t.Errorf("exit code through docker is %d, want 2\n%s", r.code, r.stderr)
	}
	// BUILDX_BUILDER names a builder of another configuration: --config must
	// reach buildx, which then knows no such builder.
	if r := run("extpack", "build", "--engine", "buildx", example("hello")); r.code != 1 || !strings.Contains(r.stderr, "no builder") {
		t.Errorf("docker --config did not reach buildx: exit code %d\n%s", r.code, r.stderr)
	}
}
