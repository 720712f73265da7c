//go:build engine

package engine_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/extpack/extpack/tests/sandbox"
)

// sshHost starts an SSH server whose users find the engine as docker's own, as
// on another machine, and returns its address. The client on PATH, which the
// docker CLI starts, knows the server and has a key for it.
func sshHost(t *testing.T, engine *sandbox.Engine) (host string, stop func()) {
	t.Helper()
	sshd := program(t, "sshd", "openssh-server")
	ssh := program(t, "ssh", "openssh-client")
	docker := program(t, "docker", "docker-ce-cli or docker.io") // "docker system dial-stdio" is what a client asks for
	dir := t.TempDir()
	for _, name := range []string{"host", "user"} {
		key := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name))
		if out, err := key.CombinedOutput(); err != nil {
			t.Fatalf("making a key: %v\n%s", err, out)
		}
	}
	port := freePort(t)
	hostKey, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "ssh_config")
	for name, content := range map[string]string{
		"known_hosts": fmt.Sprintf("[127.0.0.1]:%[1]d %[2]s[localhost]:%[1]d %[2]s", port, hostKey),
		"ssh_config": fmt.Sprintf("UserKnownHostsFile %[1]s/known_hosts\nIdentityFile %[1]s/user\nIdentitiesOnly yes\nBatchMode yes\n", dir) +
			"ControlMaster no\n",
		"sshd_config": fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %[2]s/host\nPidFile none\nAuthorizedKeysFile %[2]s/user.pub\n", port, dir) +
			"StrictModes no\nAllowUsers root\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n" +
			fmt.Sprintf("SetEnv DOCKER_HOST=%s PATH=%s:/usr/bin:/bin\n", engine.Host(), filepath.Dir(docker)),
		"bin/ssh": fmt.Sprintf("#!/bin/sh\nexec %s -F %s \"$@\"\n", ssh, config),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	// Where the service never ran, its folder is missing.
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), sshd, "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("the SSH server says:\n%s", log.String())
		}
	})
	return fmt.Sprintf("ssh://root@127.0.0.1:%d", port), stop
}

// program returns the absolute path of a program, without which sshd does not start.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: install %s", err, pkg)
	}
	return path
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// loadBuildKit makes the image of BuildKit in both engines, and returns its folder.
func loadBuildKit(t *testing.T) string {
	t.Helper()
	root := buildkitRoot(t)
	for _, engine := range []*sandbox.Engine{world.modern, world.old} {
		r := on(t, engine, root, world.BuildxPath(), "build", "--load", "-t", "moby/buildkit:buildx-stable-1", ".")
		if r.code != 0 {
			t.Fatalf("making the image of BuildKit: exit code %d\n%s", r.code, r.stderr)
		}
	}
	return root
}

// TestNativeNodes builds linux/arm64 on a second machine, over SSH.
func TestNativeNodes(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	host, stop := sshHost(t, world.old)
	root := loadBuildKit(t)
	ensure := []string{"builder", "ensure", "farm", "--native", "arm64=" + host, "--registry", world.Registry(), "--bootstrap"}
	defer on(t, world.modern, root, world.plugin, "builder", "ensure", "farm", "--remove") // where a check before that ended the test
	made := extpack(t, world.modern, root, ensure...)
	if !strings.Contains(made.stderr, "appended the node farm-arm64 for linux/arm64 at "+host) {
		t.Errorf("ensure says:\n%s", made.stderr)
	}
	if again := extpack(t, world.modern, root, ensure...); !strings.Contains(again.stderr, "nothing to do") {
		t.Errorf("ensure says:\n%s", again.stderr)
	}

	dir, ref, one := extension(t, "samples/native", t.Name()), tag(t, "1"), tag(t, "2")
	extpack(t, world.modern, dir, "build", "--builder", "farm", "--push", "-t", ref, ".")
	want := map[string][]string{"farm0": {"linux/amd64"}, "farm-arm64": {"linux/arm64"}}
	if got := built(t, world.modern, "farm"); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the nodes built %v, want %v", got, want)
	}
	extpack(t, world.modern, dir, "build", "--push", "-t", one, ".")
	if two, one := published(t, ref), published(t, one); two != one {
		t.Errorf("two machines made %s and one made %s", two, one)
	}

	checks := doctor(t, world.modern, 0, "--builder", "farm", "-t", one)
	says(t, checks, "builder", "ok ", "docker-container", "2 nodes")
	says(t, checks, "build", "ok ")

	stranger := strings.Replace(host, "root", "nobody", 1)
	r := on(t, world.modern, root, world.plugin, "builder", "ensure", "other", "--native", "arm64="+stranger)
	if want := stranger + " cannot be used: nobody@127.0.0.1: Permission denied (publickey)"; r.code != 1 || !strings.Contains(r.stderr, want) {
		t.Errorf("a key that is not accepted: exit code %d\n%s", r.code, r.stderr)
	}

	stop()
	refused := host + " cannot be used: connect to host 127.0.0.1 port "
	try := "\n  make sure that this works without a prompt: ssh " + host + " docker version\n"
	checks = doctor(t, world.modern, 2, "--builder", "farm")
	says(t, checks, "node", "warning "+refused, "Connection refused", "docker buildx create --leave --name farm --node farm-arm64")
	says(t, checks, "build", "error ", refused, strings.TrimSpace(try))
	for _, args := range [][]string{
		{"build", "--builder", "farm", "--push", "-t", tag(t, "3"), dir},
		{"builder", "ensure", "other", "--native", "arm64=" + host},
	} {
		if r := on(t, world.modern, root, world.plugin, args...); r.code != 1 || !strings.Contains(r.stderr, refused) || !strings.HasSuffix(r.stderr, try) {
			t.Errorf("%q: exit code %d\n%s", args, r.code, r.stderr)
		}
	}
	r = on(t, world.modern, root, world.plugin, "builder", "ensure", "farm", "--remove")
	left := "docker --host " + host + " rm --force buildx_buildkit_farm-arm64"
	if r.code != 1 || !strings.Contains(r.stderr, refused) || !strings.Contains(r.stderr, left) {
		t.Errorf("removing a builder of a node that does not respond: exit code %d\n%s", r.code, r.stderr)
	}
	if r := on(t, world.modern, root, world.plugin, "builder", "ensure", "farm", "--remove"); r.code != 0 || !strings.Contains(r.stderr, "nothing to do") {
		t.Errorf("removing it again: exit code %d\n%s", r.code, r.stderr)
	}
}

// platformLine is a line of what "buildx history inspect" prints.
var platformLine = regexp.MustCompile(`(?m)^Platforms:\s+(\S.*)$`)

// built returns the platforms of extensions that each node of a builder says it
// has built.
func built(t *testing.T, engine *sandbox.Engine, builder string) map[string][]string {
	t.Helper()
	history := func(args ...string) string {
		r := on(t, engine, t.TempDir(), world.BuildxPath(), append([]string{"history"}, args...)...)
		if r.code != 0 {
			t.Fatalf("buildx history %q: %s", args, r.stderr)
		}
		return r.stdout
	}
	platforms := map[string][]string{}
	for line := range strings.Lines(history("ls", "--builder", builder, "--format", "json")) {
		var record struct{ Ref, Name string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		inspected := history("inspect", "--builder", builder, filepath.Base(record.Ref))
		match := platformLine.FindStringSubmatch(inspected)
		if match == nil {
			t.Logf("%s names no platforms:\n%s", record.Ref, inspected)
			continue
		}
		node := filepath.Base(filepath.Dir(record.Ref))
		platforms[node] = append(platforms[node], match[1])
	}
	return platforms
}
