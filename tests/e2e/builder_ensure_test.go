package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// home is a user without a Docker Engine: a docker configuration and a folder
// for state of their own, and BuildKit on PATH.
type home struct {
	t     *testing.T
	env   []string
	state string // of the builder "extpack"
	store string // of buildx
}

func newHome(t *testing.T) *home {
	t.Helper()
	dir, err := os.MkdirTemp("", "extpack-") // sockets want short paths
	if err != nil {
		t.Fatal(err)
	}
	config := ownConfig(t, world.BuildxPath())
	h := &home{
		t: t, state: filepath.Join(dir, "docker-extpack", "builders", "extpack"), store: filepath.Join(config, "buildx"),
		env: []string{"DOCKER_CONFIG=" + config, "XDG_STATE_HOME=" + dir, "BUILDX_BUILDER=", "DOCKER_HOST=unix://" + dir + "/docker.sock"},
	}
	t.Cleanup(func() {
		if pid := h.pid(); pid != 0 {
			_ = syscall.Kill(-pid, syscall.SIGTERM)
			h.gone(pid)
		}
		_ = os.RemoveAll(dir)
	})
	return h
}

func (h *home) run(args ...string) result {
	h.t.Helper()
	cmd := command(h.t.Context(), h.t.TempDir(), args...)
	cmd.Env = append(cmd.Env, h.env...)
	return runCommand(h.t, cmd)
}

// ensure runs "builder ensure", which must succeed, and returns what it said.
func (h *home) ensure(args ...string) string {
	h.t.Helper()
	r := h.run(append([]string{"builder", "ensure"}, args...)...)
	if r.code != 0 || r.stdout != "extpack\n" {
		h.t.Fatalf("ensure %q: %+v", args, r)
	}
	return r.stderr
}

func (h *home) buildx(args ...string) string {
	h.t.Helper()
	cmd := in(exec.CommandContext(h.t.Context(), world.BuildxPath(), args...), "")
	cmd.Env = append(cmd.Env, h.env...)
	r := runCommand(h.t, cmd)
	if r.code != 0 {
		h.t.Fatalf("buildx %q: %s", args, r.stderr)
	}
	return r.stdout
}

// pid is the process of the local BuildKit, or 0.
func (h *home) pid() int {
	data, _ := os.ReadFile(filepath.Join(h.state, "buildkitd.pid"))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}

// gone waits until a process has ended.
func (h *home) gone(pid int) {
	h.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || len(data) == 0 {
			return
		}
	}
	h.t.Errorf("process %d runs on", pid)
}

// fingerprint changes with anything that buildx keeps of builders, but for
// when they were used.
func (h *home) fingerprint() string {
	h.t.Helper()
	var out strings.Builder
	for _, pattern := range []string{"instances/*", "current", "defaults/*"} {
		names, _ := filepath.Glob(filepath.Join(h.store, pattern))
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				h.t.Fatal(err)
			}
			fmt.Fprintf(&out, "%s %x\n", name, sha256.Sum256(data))
		}
	}
	return out.String()
}

func (h *home) current() string {
	h.t.Helper()
	for line := range strings.Lines(h.buildx("ls", "--format", "json")) {
		var b struct {
			Name    string
			Current bool
		}
		if err := json.Unmarshal([]byte(line), &b); err != nil {
			h.t.Fatal(err)
		}
		if b.Current {
			return b.Name
		}
	}
	return ""
}

func contains(t *testing.T, s string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(s, part) {
			t.Errorf("%q does not contain %q", s, part)
		}
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.buildx("create", "--timeout", "1s", "--name", "mine", "--use", "--driver", "remote", "tcp://127.0.0.1:1")
	mine := h.fingerprint()

	contains(t, h.ensure(), "started BuildKit for the builder extpack at unix://", "created the builder extpack")
	pid := h.pid()
	if after := h.fingerprint(); !strings.Contains(after, strings.TrimSpace(strings.Split(mine, "\n")[0])) || h.current() != "mine" {
		t.Errorf("other builders: %s, then %s; current %s", mine, after, h.current())
	}

	before := h.fingerprint()
	for range 2 {
		if said := h.ensure("--bootstrap"); said != "nothing to do: the builder extpack needs no repair\n" {
			t.Error(said)
		}
	}
	if said := h.ensure("-q"); said != "" {
		t.Error(said)
	}
	if h.fingerprint() != before || h.pid() != pid {
		t.Error("a second ensure changed something")
	}

	// Every step of a build works with it, and the doctor agrees.
	ref := tag(t, "1")
	r := h.run("build", static(t), "--builder", "extpack", "--push", "-t", ref)
	if r.code != 0 || !strings.HasPrefix(r.stdout, ref+"@sha256:") {
		t.Errorf("%+v", r)
	}
	d := doctor(t, static(t), h.env, "--builder", "extpack")
	d.healthy(t)
	d.says(t, "disk", h.state, "ok", "cache of extpack0")

	contains(t, h.ensure("--use"), "selected the builder extpack")
	if h.current() != "extpack" {
		t.Errorf("current is %s", h.current())
	}
	contains(t, h.ensure("--use"), "nothing to do")

	r = h.run("builder", "ensure", "--remove")
	if r.code != 0 || r.stdout != "" || r.stderr != "removed the builder extpack\n" {
		t.Errorf("%+v", r)
	}
	h.gone(pid)
	if _, err := os.Stat(h.state); err == nil {
		t.Error("its folder is still there")
	}
	contains(t, h.run("builder", "ensure", "--remove").stderr, "nothing to do")
	if list := h.buildx("ls", "--format", "{{.Name}}"); strings.Contains(list, "extpack") || !strings.Contains(list, "mine") {
		t.Error(list)
	}
}

func TestEnsureRepairs(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.ensure()
	for name, damage := range map[string]func(){
		"killed": func() {
			pid := h.pid()
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			h.gone(pid)
			d := doctor(t, t.TempDir(), h.env, "--builder", "extpack")
			d.says(t, "builder", "extpack", "error", "docker extpack builder ensure extpack")
		},
		"pid file of a stranger": func() {
			pid := h.pid()
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			h.gone(pid)
			writeFile(t, filepath.Join(h.state, "buildkitd.pid"), strconv.Itoa(os.Getpid())+"\n")
		},
		"number lost": func() { writeFile(t, filepath.Join(h.state, "buildkitd.pid"), "?") },
		"number lost, and the configuration changed": func() {
			pid := h.pid()
			writeFile(t, filepath.Join(h.state, "buildkitd.pid"), "")
			h.ensure("--registry", fmt.Sprintf("r%d.test=http", pid))
			h.gone(pid)
		},
		"removed from buildx": func() { h.buildx("rm", "extpack") },
	} {
		damage()
		h.ensure()
		contains(t, h.ensure(), "nothing to do")
		doctor(t, static(t), h.env, "--builder", "extpack").healthy(t)
		t.Log(name)
	}
}

// Two runs in parallel make one builder.
func TestEnsureTogether(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	var wg sync.WaitGroup
	results := make([]result, 3)
	for i := range results {
		cmd := command(t.Context(), t.TempDir(), "builder", "ensure")
		cmd.Env = append(cmd.Env, h.env...)
		wg.Go(func() { results[i] = runCommand(t, cmd) })
	}
	wg.Wait()
	for _, r := range results {
		if r.code != 0 {
			t.Errorf("%+v", r)
		}
	}
	contains(t, h.ensure(), "nothing to do")
}

func TestEnsureNative(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	other := startBuildKit(t, filepath.Join(filepath.Dir(world.BuildxPath()), "buildkitd"), "")

	// A node that is dead leaves no builder behind, no daemon and no file.
	r := h.run("builder", "ensure", "--native", "arm64=tcp://127.0.0.1:1")
	if r.code != 1 || r.stdout != "" {
		t.Errorf("%+v", r)
	}
	contains(t, r.stderr, "the node extpack-arm64 of the builder extpack at tcp://127.0.0.1:1 does not respond", "failed; rolling back")
	if _, err := os.Stat(h.state); err == nil || strings.Contains(h.buildx("ls", "--format", "{{.Name}}"), "extpack") {
		t.Error("half a builder is left")
	}

	contains(t, h.ensure("--native", "arm64="+other), "created the builder", "appended the node extpack-arm64 for linux/arm64")
	before := h.fingerprint()
	for _, args := range [][]string{{"--native", "linux/arm64=" + other}, nil} {
		contains(t, h.ensure(args...), "nothing to do")
	}
	d := doctor(t, t.TempDir(), h.env, "--builder", "extpack")
	d.healthy(t)
	d.says(t, "builder", "", "ok", "2 nodes")
	d.says(t, "node", "extpack-arm64", "ok", other, "linux/arm64")

	// A second one that is dead takes nothing away from what there is.
	config := readFile(t, filepath.Join(h.state, "buildkitd.toml"))
	if r := h.run("builder", "ensure", "--native", "s390x=tcp://127.0.0.1:1", "--registry", "r.test=http"); r.code != 1 || h.fingerprint() != before {
		t.Errorf("%+v", r)
	}
	if now := readFile(t, filepath.Join(h.state, "buildkitd.toml")); !bytes.Equal(now, config) {
		t.Errorf("BuildKit keeps the configuration\n%s", now)
	}
	// One that moved is moved.
	moved := startBuildKit(t, filepath.Join(filepath.Dir(world.BuildxPath()), "buildkitd"), "")
	contains(t, h.ensure("--native", "arm64="+moved), "moved the node extpack-arm64", other, moved)
	doctor(t, t.TempDir(), h.env, "--builder", "extpack").says(t, "node", "extpack-arm64", "ok", moved)
}

// An interrupt takes back what was done, like any failure.
func TestEnsureInterrupted(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	address, accepted := muteServer(t)
	cmd := command(t.Context(), t.TempDir(), "builder", "ensure", "--native", "arm64="+address)
	cmd.Env = append(cmd.Env, h.env...)
	go func() {
		<-accepted
		_ = cmd.Process.Signal(syscall.SIGINT)
	}()
	if r := runCommand(t, cmd); r.code != 130 {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(h.state); err == nil || strings.Contains(h.buildx("ls", "--format", "{{.Name}}"), "extpack") {
		t.Error("half a builder is left")
	}
}

// A registry whose certificate is not trusted: the builder cannot pull the base
// image, doctor says so, ensure says how, and then the build works.
func TestEnsureRegistry(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	registry := startRegistry(t, false, true, "127.0.0.1:0")
	base := registry.host + "/base:1"
	if r := h.run("build", static(t), "--engine", "embedded", "--push", "--insecure", "-t", base); r.code != 0 {
		t.Fatal(r.stderr)
	}
	dir := compiled(t, "FROM "+base+" AS base\nFROM scratch\nCOPY --from=base / /copied\nCOPY bin /bin\n", "linux/amd64", "linux/arm64")
	writeFile(t, filepath.Join(dir, "bin", "generate"), script)
	build := func() result {
		return h.run("build", dir, "--builder", "extpack", "-o", filepath.Join(t.TempDir(), "x.cnb"))
	}
	h.ensure()
	d := doctor(t, dir, h.env, "--builder", "extpack")
	d.says(t, "builder-registry", registry.host, "error", "is not configured in the builder", "docker extpack builder ensure extpack --registry "+registry.host+"=insecure")
	if r := build(); r.code == 0 {
		t.Error("the base image could be pulled all the same")
	}
	pid := h.pid()
	contains(t, h.ensure("--registry", registry.host), "has a certificate that is not trusted", "started BuildKit")
	h.gone(pid)
	config, err := os.ReadFile(filepath.Join(h.state, "buildkitd.toml"))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(config), registry.host, "insecure = true")
	doctor(t, dir, h.env, "--builder", "extpack").healthy(t)
	if r := build(); r.code != 0 {
		t.Error(r.stderr)
	}
	pid = h.pid()
	for _, args := range [][]string{{"--registry", registry.host + "=insecure"}, nil} {
		contains(t, h.ensure(args...), "nothing to do") // and what was said before holds
	}
	if h.pid() != pid {
		t.Error("BuildKit was restarted for nothing")
	}
	r := h.run("builder", "ensure", "--registry", "localhost:1")
	if r.code != 1 || h.pid() != pid {
		t.Errorf("%+v", r)
	}
	contains(t, r.stderr, "connection refused", "--registry localhost:1=http")
}

// QEMU that is installed later is found, under the distribution's names and
// without binfmt_misc.
func TestEnsureFindsEmulators(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	dir := compiled(t, "FROM x\nRUN make\n", "linux/s390x")
	path := filepath.Dir(world.BuildxPath()) + ":" + withoutQEMU(t)
	h.env = append(h.env, "PATH="+path)
	h.ensure()
	d := doctor(t, dir, h.env, "--builder", "extpack")
	d.says(t, "emulation", "linux/s390x", "error", "QEMU is missing", `then run "docker extpack builder ensure extpack"`)
	qemu := t.TempDir()
	unpack(t, qemu, "qemu-user-static", "./usr/bin")
	h.env = append(h.env, "PATH="+filepath.Join(qemu, "usr", "bin")+":"+path)
	contains(t, h.ensure(), "started BuildKit")
	contains(t, h.ensure(), "nothing to do")
	d = doctor(t, dir, h.env, "--builder", "extpack")
	d.says(t, "emulation", "linux/s390x", "warning", "cannot start a second program", "docker extpack builder ensure extpack --binfmt")
}

// withoutQEMU returns a folder with the programs of PATH except emulators.
func withoutQEMU(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, from := range filepath.SplitList(os.Getenv("PATH")) {
		programs, _ := os.ReadDir(from) // PATH may name folders that do not exist
		for _, p := range programs {
			if strings.Contains(p.Name(), "qemu-") {
				continue
			}
			if err := os.Symlink(filepath.Join(from, p.Name()), filepath.Join(dir, p.Name())); err != nil && !os.IsExist(err) {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// What is missing is named, and nothing is left behind.
func TestEnsureWithoutMeans(t *testing.T) {
	t.Parallel()
	bin := filepath.Dir(world.BuildxPath())
	only := func(t *testing.T, names ...string) string {
		dir := t.TempDir()
		for _, name := range names {
			if err := os.Symlink(filepath.Join(bin, name), filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		return "PATH=" + dir
	}
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, h *home)
		texts   []string
	}{
		"no BuildKit": {func(t *testing.T, h *home) { h.env = append(h.env, only(t)) }, []string{"buildkitd is not on PATH", "start Docker Engine"}},
		"no runc":     {func(t *testing.T, h *home) { h.env = append(h.env, only(t, "buildkitd")) }, []string{"neither buildkit-runc nor runc"}},
		"a folder too deep": {func(_ *testing.T, h *home) {
			h.env = append(h.env, "XDG_STATE_HOME=/tmp/"+strings.Repeat("deep/", 20))
		}, []string{"too long for a socket", "XDG_STATE_HOME"}},
		"a daemon that ends": {func(t *testing.T, h *home) {
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "bin", "buildkitd"), "#!/bin/sh\necho 'no cgroups here' >&2\nexit 1\n")
			h.env = append(h.env, "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
		}, []string{"it exited immediately", "no cgroups here"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			tc.prepare(t, h)
			r := h.run("builder", "ensure")
			if r.code != 1 || r.stdout != "" {
				t.Errorf("%+v", r)
			}
			contains(t, r.stderr, tc.texts...)
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(h.state), "extpack")); len(left) > 0 || strings.Contains(h.buildx("ls", "--format", "{{.Name}}"), "extpack") {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	t.Run("a configuration that is broken", func(t *testing.T) {
		h := newHome(t)
		h.ensure()
		pid := h.pid()
		writeFile(t, filepath.Join(h.state, "buildkitd.toml"), "[registry\n")
		r := h.run("builder", "ensure", "--registry", "localhost:1=http")
		if r.code != 1 || h.pid() != pid {
			t.Errorf("%+v", r)
		}
		contains(t, r.stderr, "reading buildkitd.toml", "repair or remove")
	})
}

// Builders of others are not repaired, configured or removed behind their back.
func TestEnsureLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	other := startBuildKit(t, filepath.Join(filepath.Dir(world.BuildxPath()), "buildkitd"), "")
	h.buildx("create", "--timeout", "1s", "--name", "dead", "--driver", "remote", "tcp://127.0.0.1:1")
	h.buildx("create", "--name", "alive", "--driver", "remote", other)
	h.buildx("ls") // the first look makes buildx write down what is current
	before := h.fingerprint()
	for _, tc := range []struct {
		args string
		code int
		text string
	}{
		{"dead", 1, "was not started by docker extpack"},
		{"alive --registry localhost:1=http", 1, `[registry."localhost:1"] http = true`},
		{"alive --driver docker-container", 2, "alive has the driver remote"},
		{"--remove alive", 2, "docker buildx rm alive"},
		{"alive", 0, "nothing to do"},
		{"default", 2, "buildx reserves the name"},
		{"A_", 2, "is not a valid builder name"},
		{"--driver kubernetes", 2, "use docker-container or remote"},
		{"--native arm64", 2, "has no platform and endpoint"},
		{"--native quantum=tcp://a", 2, `"linux/quantum" is not a platform`},
		{"--registry a=http --registry a=insecure", 2, "--registry names a twice, and differently"},
		{"--native arm64=tcp://a --native linux/arm64=tcp://b", 2, "twice"},
		{"--registry http://a", 2, "has no registry"},
		{"--registry a=b", 2, "neither"},
		{"--remove --use", 125, "cannot be used together"},
		{"a b", 125, "at most one name"},
	} {
		r := h.run(append([]string{"builder", "ensure"}, strings.Fields(tc.args)...)...)
		if r.code != tc.code || !strings.Contains(r.stderr, tc.text) {
			t.Errorf("ensure %s: %+v, want %d and %q", tc.args, r, tc.code, tc.text)
		}
		if after := h.fingerprint(); after != before || h.pid() != 0 {
			t.Fatalf("ensure %s changed something: %s, then %s", tc.args, before, after)
		}
	}
}

// A container needs an engine, and the way without one is named.
func TestEnsureContainerWithoutAnEngine(t *testing.T) {
	h := newHome(t)
	r := h.run("builder", "ensure", "--driver", "docker-container")
	if r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, ": no Docker Engine responds at unix://") || !strings.Contains(r.stderr, "leave out --driver") {
		t.Errorf("%+v", r)
	}
}

// A build that needs no builder does not wait for a builder that does not
// respond.
func TestBuildWithADeadBuilder(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.buildx("create", "--timeout", "1s", "--name", "dead", "--driver", "remote", "tcp://127.0.0.1:1")
	dead := *h
	dead.env = append(h.env[:len(h.env):len(h.env)], "BUILDX_BUILDER=dead")
	h.buildx("create", "--timeout", "1s", "--name", "quiet", "--driver", "remote", mute(t))
	quiet := *h
	quiet.env = append(h.env[:len(h.env):len(h.env)], "BUILDX_BUILDER=quiet")
	none := *h // the builder of the docker context, whose engine does not run
	digests := map[string]bool{}
	for why, h := range map[string]*home{
		"packing without a builder: the builder dead does not respond at tcp://127.0.0.1:1\n": &dead,
		"packing without a builder: no Docker Engine responds at unix://":                     &none,
		"packing without a builder: the builder quiet accepts connections at tcp://":          &quiet,
	} {
		dir := static(t)
		begun := time.Now()
		r := h.run("build", dir, "--engine", "auto", "-o", filepath.Join(t.TempDir(), "x.cnb"))
		took := time.Since(begun)
		if r.code != 0 || !strings.HasPrefix(r.stderr, why) || strings.Count(r.stderr, "\n") != 2 {
			t.Errorf("%+v, want %q and one line", r, why)
		}
		if took > 15*time.Second { // buildx by itself waits for 20
			t.Errorf("took %s", took)
		}
		layout := filepath.Join(t.TempDir(), "layout") + "/"
		if r := h.run("build", dir, "--engine", "auto", "-q", "-o", layout); r.code != 0 || r.stderr != "" {
			t.Errorf("quiet: %+v", r)
		}
		digests[h.run("inspect", "--format", "{{.digest}}", layout).stdout] = true
	}
	if len(digests) != 1 {
		t.Errorf("digests %v", digests)
	}
	// What asks for a builder gets one or fails.
	for _, flags := range [][]string{{"--engine=auto", "--set", "*.pull=true"}, {"--engine=auto", "--provenance"}, {"--engine=buildx"}} {
		r := none.run(append([]string{"build", static(t), "-o", filepath.Join(t.TempDir(), "x.cnb")}, flags...)...)
		if r.code != 1 || strings.Contains(r.stderr, "packing without a builder") || !strings.Contains(r.stderr, "no Docker Engine responds at unix://") {
			t.Errorf("%q: %+v", flags, r)
		}
	}
	compiled := none.run("build", example("compiled"), "--engine", "auto", "-o", filepath.Join(t.TempDir(), "x.cnb"))
	if compiled.code != 1 || strings.Contains(compiled.stderr, "packing without a builder") {
		t.Errorf("a build stage: %+v", compiled)
	}
}

// Where the builder answers, it builds.
func TestBuildChoosesBuildx(t *testing.T) {
	args := []string{"build", static(t), "--progress", "plain", "-o", filepath.Join(t.TempDir(), "x.cnb")}
	r := runCommand(t, in(exec.CommandContext(t.Context(), world.plugin, args...), t.TempDir()))
	if r.code != 0 || !strings.Contains(r.stderr, "using remote driver") || strings.Contains(r.stderr, "packing without") {
		t.Errorf("%+v", r)
	}
}
