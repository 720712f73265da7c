//go:build engine

package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// stranger is the number of a user whom no system has.
const stranger = 54321

// user has no root rights.
type user struct {
	dir string
}

// newUser makes a user with a home, the programs in bin, and what in
// /etc/subuid and /etc/subgid follows the name.
func newUser(t *testing.T, ranges string) user {
	t.Helper()
	// The test's own folder is for root only.
	dir, err := os.MkdirTemp("", "extpack-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	etc, bin, home := filepath.Join(dir, "etc"), filepath.Join(dir, "bin"), filepath.Join(dir, "home")
	for _, name := range []string{etc, bin, home} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(home, stranger, stranger)); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"subuid": ranges, "subgid": ranges,
		"passwd": fmt.Sprintf("root:x:0:0::/root:/bin/sh\nstranger:x:%[1]d:%[1]d::%[2]s:/bin/sh\n", stranger, home),
		"group":  fmt.Sprintf("root:x:0:\nstranger:x:%d:\n", stranger),
	} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	buildkitd := filepath.Join(filepath.Dir(world.BuildxPath()), "buildkitd")
	for _, program := range []string{world.plugin, world.BuildxPath(), buildkitd} {
		copyFile(t, program, filepath.Join(bin, filepath.Base(program)))
	}
	return user{dir}
}

// run runs the plugin as the user. Only it sees the user's /etc: nothing of the
// machine is changed.
func (u user) run(t *testing.T, dir string, args ...string) result {
	t.Helper()
	const script = `for name in subuid subgid passwd group; do
	mount --bind "$0/etc/$name" "/etc/$name" || exit 99
done
id=$1
shift
exec setpriv --reuid "$id" --regid "$id" --clear-groups "$0/bin/docker-extpack" "$@"`
	args = append([]string{"--mount", "sh", "-c", script, u.dir, strconv.Itoa(stranger)}, args...)
	cmd := exec.CommandContext(t.Context(), "unshare", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"HOME=" + filepath.Join(u.dir, "home"), "USER=root", // as setpriv, su and sudo may leave it
		"PATH=" + filepath.Join(u.dir, "bin") + ":/usr/sbin:/usr/bin:/sbin:/bin",
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// TestEnsureRootless starts BuildKit for a user without root rights.
func TestEnsureRootless(t *testing.T) {
	program(t, "rootlesskit", "rootlesskit")
	program(t, "newuidmap", "uidmap")
	u := newUser(t, "stranger:1000000:65536\n")
	home := filepath.Join(u.dir, "home")
	builders := filepath.Join(home, ".local", "state", "docker-extpack", "builders")
	must := func(args ...string) result {
		t.Helper()
		r := u.run(t, home, args...)
		if r.code != 0 {
			t.Fatalf("%q: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
		return r
	}
	defer u.run(t, home, "builder", "ensure", "--remove")
	must("builder", "ensure", "--bootstrap")
	pid, err := os.ReadFile(filepath.Join(builders, "extpack", "buildkitd.pid"))
	if err != nil {
		t.Fatal(err)
	}
	process := filepath.Join("/proc", strings.TrimSpace(string(pid)))
	info, err := os.Stat(process)
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != stranger {
		t.Errorf("BuildKit belongs to user %d, not %d", uid, stranger)
	}
	if r := must("builder", "ensure"); !strings.Contains(r.stderr, "nothing to do") {
		t.Error(r.stderr)
	}

	// A stage that runs something and leaves files of another user.
	dir := compiling(t)
	if r := must("builder", "doctor", "--builder", "extpack", dir); !strings.Contains(r.stdout, "programs run natively") {
		t.Error(r.stdout)
	}
	ref, other := tag(t, "rootless"), tag(t, "root")
	must("build", "--builder", "extpack", "--push", "-t", ref, dir)
	extpack(t, world.modern, dir, "build", "--builder", world.Builder(), "--push", "-t", other, ".")
	if without, with := published(t, ref), published(t, other); without != with {
		t.Errorf("without root rights %s, with them %s", without, with)
	}

	// Programs for arm64, which start others: QEMU is registered in the namespace of
	// the daemon where the kernel has registrations of namespaces.
	program(t, "qemu-aarch64-static", "qemu-user-static")
	images, err := world.TestImages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hello := filepath.Join(u.dir, "hello")
	if err := os.CopyFS(hello, os.DirFS("../../examples/hello")); err != nil {
		t.Fatal(err)
	}
	r := must("test", hello, "--case", "greets", "--builder", "extpack", "--builder-image", images.Builder, "--target", "linux/amd64", "--target", "linux/arm64")
	want := "2 passed, 0 failed, 0 not run\n"
	if out, err := exec.Command("unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "binfmt_misc", "none", "/proc/sys/fs/binfmt_misc").CombinedOutput(); err != nil {
		t.Logf("registrations of namespaces need Linux 6.7: %v %s", err, out)
		want = "1 passed, 0 failed, 1 not run\n  not run on linux/arm64: emulation of linux/arm64 cannot start a second program"
	}
	if !strings.Contains(r.stdout, want) {
		t.Errorf("got\n%swant %s", r.stdout, want)
	}

	// Another configuration, with which the cache stays.
	must("builder", "ensure", "--registry", "registry.test:5000=http")
	if r := must("build", "--builder", "extpack", "--progress", "plain", "--push", "-t", ref, "--force", dir); !strings.Contains(r.stderr, "CACHED") {
		t.Errorf("the restarted BuildKit remembers nothing:\n%s", r.stderr)
	}
	must("builder", "ensure", "--remove")
	if left, _ := filepath.Glob(filepath.Join(builders, "*", "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	// One that has not been waited for has no arguments.
	if arguments, _ := os.ReadFile(filepath.Join(process, "cmdline")); len(arguments) > 0 {
		t.Errorf("%s is left: %q", process, arguments)
	}
}

// TestEnsureRootlessRefused: the system assigned the user no numbers of other users.
func TestEnsureRootlessRefused(t *testing.T) {
	u := newUser(t, "")
	r := u.run(t, u.dir, "builder", "ensure")
	if r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "No subuid ranges found") || !strings.Contains(r.stderr, "add ranges for your user to /etc/subuid and /etc/subgid") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(u.dir, "home", ".local", "state", "docker-extpack", "builders", "*", "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// compiling makes an extension, readable for everybody, whose build stage runs
// a program.
func compiling(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "extpack-extension-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for name, content := range map[string]string{
		"extension.toml": "api = \"0.10\"\n\n[extension]\nid = \"samples/rootless\"\nversion = \"1.2.3\"\n\n" +
			"[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[metadata.extpack.build]\nstage = \"out\"\n",
		"Dockerfile": "FROM scratch AS work\nCOPY --chown=1234:1234 make /make\nRUN [\"/make\"]\n\nFROM scratch AS out\nCOPY --from=work /out /\n",
		"make.go": `package main

import (
	"errors"
	"os"
)

func main() {
	data := []byte("#!/bin/sh\n")
	err := errors.Join(os.MkdirAll("/out/bin", 0o755), os.WriteFile("/out/bin/detect", data, 0o755), os.WriteFile("/out/bin/generate", data, 0o755),
		os.Mkdir("/private", 0o700), os.Chown("/private", 33, 33), os.WriteFile("/private/file", nil, 0o600))
	if err != nil {
		panic(err)
	}
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", "make", "make.go")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
