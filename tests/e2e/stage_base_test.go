package e2e_test

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// busybox returns a busybox that needs no library: this machine's, or the one of
// the package, which is fetched with apt-get and not installed.
func busybox(t *testing.T) string {
	t.Helper()
	if name, err := exec.LookPath("busybox"); err == nil && isStatic(name) {
		return name
	}
	dir := t.TempDir()
	unpack(t, dir, "busybox-static", "./bin/busybox")
	name := filepath.Join(dir, "bin/busybox")
	if !isStatic(name) {
		t.Fatalf("the package busybox-static contains no static %s", name)
	}
	return name
}

// unpack fetches a package of the distribution, without installing it, and puts
// one of its files below dir.
func unpack(t *testing.T, dir, name, file string) {
	t.Helper()
	if err := tryUnpack(t.Context(), dir, name, file); err != nil {
		t.Fatal(err)
	}
}

func tryUnpack(ctx context.Context, dir, name, file string) error {
	const script = `apt-get -q download "$0" || { apt-get -q update && apt-get -q download "$0"; } && dpkg-deb --fsys-tarfile "$0"_*.deb | tar -x "$1"`
	cmd := exec.CommandContext(ctx, "sh", "-c", script, name, file)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetching %s: %w; install it\n%s", name, err, out)
	}
	return nil
}

func isStatic(name string) bool {
	f, err := elf.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}

// baseImages are images of this machine's platform in the sandbox registry,
// made once.
var baseImages struct {
	shell, golang sync.Once
}

// shellImage returns an image with a shell, for this machine's platform only.
func shellImage(t *testing.T) string {
	t.Helper()
	ref := world.Registry() + "/base/shell:1"
	baseImages.shell.Do(func() {
		dir := t.TempDir()
		copyFile(t, busybox(t), filepath.Join(dir, "busybox"))
		writeFile(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nCOPY --chmod=0755 busybox /bin/busybox\n"+
			"RUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nRUN [\"/bin/busybox\", \"mkdir\", \"-m\", \"1777\", \"/tmp\"]\nENV PATH=/bin\n")
		buildx(t, dir, "build", "--push", "--provenance=false", "-t", ref, ".")
	})
	return ref
}

// goImage returns an image with this machine's Go.
func goImage(t *testing.T) string {
	t.Helper()
	ref := world.Registry() + "/base/go:1"
	shell := shellImage(t)
	baseImages.golang.Do(func() {
		dir := t.TempDir()
		// runtime.GOROOT is empty in a test compiled with -trimpath.
		goroot := strings.TrimSpace(runCommand(t, exec.Command("go", "env", "GOROOT")).stdout)
		writeFile(t, filepath.Join(dir, "Dockerfile"), "FROM "+shell+"\n"+
			"COPY --from=goroot bin/go /usr/local/go/bin/go\nCOPY --from=goroot VERSION go.env /usr/local/go/\n"+
			"COPY --from=goroot pkg /usr/local/go/pkg\nCOPY --from=goroot --exclude=**/testdata --exclude=cmd src /usr/local/go/src\n"+
			"ENV PATH=/usr/local/go/bin:/bin GOTOOLCHAIN=local\n")
		// Compressing some hundred megabytes would take longer than compiling.
		buildx(t, dir, "build", "--output", "type=image,push=true,compression=uncompressed,name="+ref, "--provenance=false",
			"--build-context", "goroot="+goroot, ".")
	})
	return ref
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// freshBuilder starts a BuildKit without any cache.
func freshBuilder(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := world.AddBuilder(ctx, name); err != nil {
		t.Fatal(err)
	}
}
