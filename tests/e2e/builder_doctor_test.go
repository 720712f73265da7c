package e2e_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// static is an extension whose files are the same everywhere.
func static(t *testing.T) string {
	t.Helper()
	return extensionDir(t, map[string]string{"extension.toml": descriptor("acme/static", linuxTargets), "bin/generate": script})
}

// compiled is an extension with a build stage on two platforms, neither of
// which a machine of these tests may be.
func compiled(t *testing.T, dockerfile string, platforms ...string) string {
	t.Helper()
	toml := "\n[metadata.extpack.build]\n"
	for _, p := range platforms {
		os, arch, _ := strings.Cut(p, "/")
		toml += fmt.Sprintf("\n[[targets]]\nos = %q\narch = %q\n", os, arch)
	}
	return extensionDir(t, map[string]string{"extension.toml": descriptor("acme/compiled", toml), "Dockerfile": dockerfile})
}

func TestDoctorFindsNothing(t *testing.T) {
	dir, ref := static(t), tag(t, "1")
	d := doctor(t, dir, nil, "-t", ref)
	d.healthy(t)
	if d.State != "ok" || d.Builder != world.Builder() {
		t.Errorf("%s, builder %s", d.State, d.Builder)
	}
	d.says(t, "plugin", "", "ok", "docker extpack")
	d.says(t, "buildx", "", "ok", "buildx v0.", "docker-buildx")
	d.says(t, "builder", world.Builder(), "ok", "remote", "1 node", "BUILDX_BUILDER")
	d.says(t, "node", "", "ok", "running", "linux/")
	d.says(t, "buildkit", "", "ok", "BuildKit v0.")
	d.says(t, "platforms", "acme/static@1.2.3", "ok", "linux/amd64, linux/arm64", "without emulation")
	d.says(t, "build", "", "ok", "trial build")
	d.says(t, "registry", "", "ok", "would be accepted", "plain HTTP")
	d.says(t, "disk", "", "ok", "temporary files")
	d.says(t, "clock", "", "ok", "agrees with "+world.Registry())
	if r := extpack(t, dir, "inspect", ref); r.code == 0 {
		t.Errorf("the registry has %s", r.stdout)
	}
}

func TestDoctorTable(t *testing.T) {
	r := extpack(t, static(t), "builder", "doctor", "-t", tag(t, "1"))
	if r.code != 0 || strings.Contains(r.stdout, "\x1b") || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	lines := strings.Split(r.stdout, "\n")
	if !strings.HasPrefix(lines[0], "STATE   CHECK ") || !strings.HasSuffix(r.stdout, "\n\na build will work\n") {
		t.Error(r.stdout)
	}
	if r = extpack(t, t.TempDir(), "builder", "doctor", "-q"); r.stdout+r.stderr != "" || r.code != 0 {
		t.Errorf("%+v", r)
	}
	r = extpack(t, t.TempDir(), "builder", "doctor", "--builder", "nobody")
	if r.code != 2 || r.stderr != "a build would fail: 1 error\n" || !strings.Contains(r.stdout, "\nbuilder nobody: run \"docker buildx ls\"") {
		t.Errorf("%+v", r)
	}
}

func TestDoctorDockerCLI(t *testing.T) {
	t.Parallel()
	t.Run("none", func(t *testing.T) {
		d := doctor(t, t.TempDir(), []string{"PATH=" + filepath.Dir(world.BuildxPath())})
		d.says(t, "docker", "", "ok", "docker CLI not found", "none is required")
		d.healthy(t)
	})
	t.Run("context that does not exist", func(t *testing.T) {
		d := doctor(t, t.TempDir(), []string{"DOCKER_CONTEXT=nope", "BUILDX_BUILDER="})
		d.says(t, "builder", "", "error", `docker context "nope" not found`, "docker context use default")
		if strings.Count(d.stderr, "\n") != 1 {
			t.Errorf("stderr is %q", d.stderr)
		}
	})
	t.Run("broken", func(t *testing.T) {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "bin", "docker"), "#!/bin/sh\necho 'unable to resolve docker endpoint: context \"x\": not found' >&2\nexit 1\n")
		d := doctor(t, t.TempDir(), []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")})
		d.says(t, "docker", "", "warning", "unable to resolve docker endpoint", "docker context ls")
	})
}

func TestDoctorBuildx(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	t.Run("missing", func(t *testing.T) {
		for _, system := range []string{"/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"} {
			if _, err := os.Stat(system + "/docker/cli-plugins/docker-buildx"); err == nil {
				t.Logf("the docker CLI of this machine finds buildx in %s whatever is taken away", system)
				return
			}
		}
		d := doctor(t, static(t), []string{"DOCKER_CONFIG=" + empty, "PATH=" + empty}, "-t", tag(t, "1"))
		d.says(t, "buildx", "", "warning", "no docker-buildx", "github.com/docker/buildx", "--engine embedded")
		d.says(t, "registry", "", "ok") // the other organs are looked at
		if len(d.find("builder", "")) > 0 {
			t.Error("a builder without buildx")
		}
	})
	fake := func(t *testing.T, version string) string {
		path := filepath.Join(t.TempDir(), "bin", "docker-buildx")
		writeFile(t, path, fmt.Sprintf("#!/bin/sh\n[ \"$1\" = docker-cli-plugin-metadata ] || exec %q \"$@\"\necho '{\"SchemaVersion\":\"0.1.0\",\"Vendor\":\"x\",\"Version\":%q}'\n", world.BuildxPath(), version))
		return path
	}
	t.Run("too old", func(t *testing.T) {
		d := doctor(t, empty, []string{"DOCKER_CONFIG=" + ownConfig(t, fake(t, "v0.12.1"))})
		d.says(t, "buildx", "", "error", "v0.12.1", "too old", "v0.20.0")
	})
	t.Run("without a version", func(t *testing.T) {
		d := doctor(t, empty, []string{"DOCKER_CONFIG=" + ownConfig(t, fake(t, "v0.0.0+unknown")), "BUILDX_BUILDER=", "BUILDX_CONFIG=" + filepath.Join(world.Dir(), "docker", "buildx")}, "--builder", world.Builder())
		d.says(t, "buildx", "", "warning", "v0.0.0+unknown")
		d.says(t, "build", "", "ok")
	})
}

func TestDoctorBuilder(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	t.Run("not there", func(t *testing.T) {
		t.Parallel()
		doctor(t, empty, nil, "--builder", "nobody").says(t, "builder", "nobody", "error", `builder "nobody" not found`, "docker buildx ls")
		doctor(t, empty, []string{"BUILDX_BUILDER=nobody"}).says(t, "builder", "nobody", "error", "from BUILDX_BUILDER")
	})
	t.Run("engine not running", func(t *testing.T) {
		t.Parallel()
		d := doctor(t, empty, []string{"BUILDX_BUILDER=", "DOCKER_HOST=unix://" + empty + "/docker.sock", "DOCKER_CONFIG=" + ownConfig(t, world.BuildxPath())})
		d.says(t, "builder", "default", "error", "start Docker Engine", "docker extpack builder ensure --use")
		d.says(t, "docker", "", "ok", "does not respond")
		d.says(t, "extension", "", "ok", "were not checked")
		// What is not compiled is packed without a builder.
		none := []string{"BUILDX_BUILDER=", "DOCKER_HOST=unix://" + empty + "/docker.sock", "DOCKER_CONFIG=" + ownConfig(t, world.BuildxPath())}
		d = doctor(t, static(t), none)
		d.says(t, "builder", "default", "warning", `"--engine embedded" needs none`)
		if d.code != 0 {
			t.Errorf("exit code %d: %s", d.code, d.stdout)
		}
		doctor(t, example("compiled"), none).says(t, "builder", "default", "error", "start Docker Engine")
	})
	t.Run("no home", func(t *testing.T) {
		t.Parallel()
		d := doctor(t, empty, []string{"HOME=", "XDG_STATE_HOME="})
		d.says(t, "state", "", "warning", "$HOME is not defined", "XDG_STATE_HOME")
		d.says(t, "builder", "", "ok")
	})
	t.Run("daemon killed", func(t *testing.T) {
		t.Parallel()
		const name = "doctor-killed"
		if err := world.AddBuilder(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		doctor(t, empty, nil, "--builder", name).healthy(t)
		if err := world.KillBuilder(name); err != nil {
			t.Fatal(err)
		}
		d := doctor(t, empty, nil, "--builder", name)
		d.says(t, "builder", name, "error", "does not respond: connect: ", "start the BuildKit at unix://")
	})
	t.Run("nothing behind the port", func(t *testing.T) {
		t.Parallel()
		remoteBuilder(t, "doctor-closed", "tcp://127.0.0.1:1").doctor(empty).says(t, "builder", "", "error", "connection refused")
	})
	t.Run("mute", func(t *testing.T) {
		t.Parallel()
		remoteBuilder(t, "doctor-mute", mute(t)).doctor(empty).says(t, "builder", "", "error", "accepts connections, but no BuildKit responded within 5s")
	})
	t.Run("one node of two", func(t *testing.T) {
		t.Parallel()
		const name = "doctor-half"
		half := remoteBuilder(t, name, "tcp://127.0.0.1:1")
		live := startBuildKit(t, filepath.Join(filepath.Dir(world.BuildxPath()), "buildkitd"), "")
		half.create("--append", "--node", "alive", "--driver", "remote", live)
		d := half.doctor(empty)
		d.says(t, "builder", name, "ok", "2 nodes")
		d.says(t, "node", "alive", "ok", "running")
		d.says(t, "node", name+"0", "error", "connection refused", "the build waits for it and fails", "--leave")
		if found := d.find("build", ""); len(found) > 0 {
			t.Errorf("one cause is told twice: %+v", found)
		}
	})
}

// mute returns the address of a server that accepts connections and never
// answers.
func mute(t *testing.T) string {
	t.Helper()
	address, _ := muteServer(t)
	return address
}

// muteServer is like mute, and reports each connection.
func muteServer(t *testing.T) (address string, accepted <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connections := make(chan struct{}, 1000)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			connections <- struct{}{}
		}
	}()
	return "tcp://" + l.Addr().String(), connections
}

// An interrupt ends the wait for a builder immediately.
func TestDoctorInterrupted(t *testing.T) {
	t.Parallel()
	address, accepted := muteServer(t)
	slow := remoteBuilder(t, "doctor-slow", address)
	for len(accepted) > 0 {
		<-accepted // of buildx create
	}
	cmd := plugin(t.Context(), t.TempDir(), slow.env, "builder", "doctor", "--builder", "doctor-slow")
	go func() {
		<-accepted
		_ = cmd.Process.Signal(syscall.SIGINT)
	}()
	if r := runCommand(t, cmd); r.code != 130 || r.stdout != "" || r.stderr != "interrupted\n" {
		t.Errorf("%+v", r)
	}
}

// The daemon is the pinned one, which says an older version of itself.
func TestDoctorOldBuildKit(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "buildkitd")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", bin,
		"-ldflags", "-s -w -X github.com/moby/buildkit/version.Version=v0.24.0", "github.com/moby/buildkit/cmd/buildkitd")
	build.Dir = world.root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	d := remoteBuilder(t, "doctor-old", startBuildKit(t, bin, "")).doctor(t.TempDir())
	d.says(t, "buildkit", "doctor-old0", "error", "BuildKit v0.24.0 is too old", "--exclude", "v0.25.0", "Docker Engine to 29")
	if len(d.find("build", "")) > 0 {
		t.Error("a trial build where it is known to fail")
	}
}

func TestDoctorBuildFails(t *testing.T) {
	t.Parallel()
	buildkitd := filepath.Join(filepath.Dir(world.BuildxPath()), "buildkitd")
	t.Run("the builder's disk is full", func(t *testing.T) {
		root := tmpfs(t, "64m")
		full := remoteBuilder(t, "doctor-full", startBuildKit(t, buildkitd, root))
		fill(t, root)
		d := full.doctor(t.TempDir())
		d.says(t, "build", "", "error", "no space left on device", "docker buildx prune --builder doctor-full")
	})
	t.Run("no room for temporary files", func(t *testing.T) {
		small := tmpfs(t, "8m")
		d := doctor(t, static(t), []string{"TMPDIR=" + small})
		d.says(t, "disk", small, "error", "8.39MB", "TMPDIR")
		fill(t, small)
		d = doctor(t, static(t), []string{"TMPDIR=" + small})
		d.says(t, "disk", small, "error", "0B")
		d.says(t, "build", "", "error", "no space left on device", "TMPDIR")
	})
	t.Run("little room for temporary files", func(t *testing.T) {
		small := tmpfs(t, "100m")
		doctor(t, static(t), []string{"TMPDIR=" + small}).says(t, "disk", small, "warning", "only", "TMPDIR")
	})
	t.Run("no folder for temporary files", func(t *testing.T) {
		gone := filepath.Join(t.TempDir(), "gone")
		d := doctor(t, static(t), []string{"TMPDIR=" + gone})
		d.says(t, "disk", gone, "warning", "no such file or directory")
		d.says(t, "build", "", "error", "TMPDIR")
	})
}

func TestDoctorPlatforms(t *testing.T) {
	t.Parallel()
	image := world.Registry() + "/" + "no/image:1"
	t.Run("cross-compiled", func(t *testing.T) {
		dir := compiled(t, "FROM --platform=$BUILDPLATFORM "+image+" AS build\nRUN make\nFROM scratch\nCOPY --from=build /out /\n", "linux/amd64", "linux/ppc64le")
		d := doctor(t, dir, nil)
		d.says(t, "platforms", "", "ok", "run no programs on them")
		d.healthy(t)
	})
	t.Run("QEMU is missing", func(t *testing.T) {
		dir := compiled(t, "FROM "+image+"\nRUN make\n", "linux/amd64", "linux/ppc64le")
		d := doctor(t, dir, nil)
		d.says(t, "platforms", "", "ok", "runs programs on linux/amd64, linux/ppc64le")
		d.says(t, "emulation", "linux/ppc64le", "error", "QEMU is missing", "qemu-user-static", "FROM --platform=$BUILDPLATFORM", "--native ppc64le=ssh://")
		d.says(t, "emulation", "linux/amd64", "ok", "natively")
	})
	t.Run("for a smoke test", func(t *testing.T) {
		dir := compiled(t, "FROM scratch\nCOPY x /bin/generate\n", "linux/amd64", "linux/ppc64le")
		doctor(t, dir, nil).healthy(t)
		d := doctor(t, dir, nil, "--smoke", image)
		d.says(t, "platforms", "", "ok", "--smoke runs programs on each")
		d.says(t, "emulation", "linux/ppc64le", "error", "QEMU is missing")
		d.says(t, "emulation", "linux/amd64", "ok", "natively")
		d.says(t, "builder-registry", world.Registry(), "ok")
	})
	t.Run("no way to tell", func(t *testing.T) {
		d := doctor(t, compiled(t, "FROM "+image+"\nRUN make\n", "linux/mips64le"), nil)
		d.says(t, "emulation", "linux/mips64le", "warning", "unknown", "--native mips64le=ssh://")
	})
}

func TestDoctorExtension(t *testing.T) {
	d := doctor(t, t.TempDir(), nil, extensionDir(t, map[string]string{"extension.toml": "api = 1\n\n[extension]\nid = \"a/b\"\nversion = \"1.0.0\"\n"}))
	d.says(t, "extension", "", "error", "extension.toml:1:7")
	d.says(t, "build", "", "ok") // the machine is still checked
}
