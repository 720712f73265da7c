//go:build engine

package engine_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestContainerDriver builds in a container that buildx starts in the engine,
// from an image made of the sandbox's BuildKit instead of Docker Hub's.
func TestContainerDriver(t *testing.T) {
	image := tag(t, "buildkit")
	r := on(t, world.modern, buildkitRoot(t), world.BuildxPath(), "build", "--push", "-t", image, ".")
	if r.code != 0 {
		t.Fatalf("making the image of BuildKit: exit code %d\n%s", r.code, r.stderr)
	}
	create := on(t, world.modern, t.TempDir(), world.BuildxPath(), "create", "--name", "container", "--driver", "docker-container",
		"--driver-opt", "network=host", "--driver-opt", "image="+image)
	if create.code != 0 {
		t.Fatalf("buildx create: exit code %d\n%s", create.code, create.stderr)
	}
	defer on(t, world.modern, t.TempDir(), world.BuildxPath(), "rm", "container")

	dir := extension(t, "samples/container", t.Name())
	file, ref, other := filepath.Join(t.TempDir(), "x.cnb"), tag(t, "1"), tag(t, "other")
	built := extpack(t, world.modern, dir, "build", "--builder", "container", "--push", "-t", ref, "-o", file, "--load", ".")
	if !strings.Contains(built.stderr, "using docker-container driver") {
		t.Errorf("another builder was used:\n%s", built.stderr)
	}
	digest := published(t, ref)
	if want := file + "\n" + ref + "@" + digest + "\n" + ref + "@" + digest + "\n"; built.stdout != want {
		t.Errorf("stdout is\n%swant\n%s", built.stdout, want)
	}
	extpack(t, world.modern, dir, "build", "--push", "-t", other, ".")
	if got := published(t, other); got != digest {
		t.Errorf("the engine made %s, the container %s", got, digest)
	}
}

// library matches the files that ldd names.
var library = regexp.MustCompile(`/\S+\.so\S*`)

// buildkitRoot makes the context of an image with BuildKit and runc.
func buildkitRoot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "root", "usr", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", bin, "github.com/moby/buildkit/cmd/buildctl")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compiling buildctl: %v\n%s", err, out)
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{filepath.Join(filepath.Dir(world.BuildxPath()), "buildkitd"), runc} {
		copyFile(t, program, filepath.Join(bin, filepath.Base(program)))
		// A static program has none, which ldd calls a failure.
		libraries, _ := exec.CommandContext(t.Context(), "ldd", program).Output()
		for _, name := range library.FindAllString(string(libraries), -1) {
			copyFile(t, name, filepath.Join(dir, "root", name))
		}
	}
	const dockerfile = "FROM scratch\nCOPY root /\nWORKDIR /tmp\nENV PATH=/usr/bin\nENTRYPOINT [\"buildkitd\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(dst, src); err != nil {
		t.Fatal(err)
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
}
