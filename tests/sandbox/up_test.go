package sandbox

import (
	"bytes"
	"errors"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func pids(s *Sandbox) [2]int { return [2]int{s.registry.pid(), s.builders[0].daemon.pid()} }

func TestUpTwiceKeepsWhatRuns(t *testing.T) {
	var opts Options
	first := bringUp(t, &opts)
	var log bytes.Buffer
	second := upAgain(t, opts, &log)
	if pids(first) != pids(second) || first.Registry() != second.Registry() {
		t.Errorf("first %v %s, second %v %s", pids(first), first.Registry(), pids(second), second.Registry())
	}
	if log.Len() != 0 {
		t.Errorf("the second up did something:\n%s", &log)
	}
	buildAndPush(t, second, []string{"DOCKER_CONFIG=" + opts.DockerConfig, "BUILDX_BUILDER=" + second.Builder()}, "up")
	if !pushed(t, second, "up") {
		t.Error("the registry does not have what was pushed")
	}
}

func TestDownTwiceAndUpAgain(t *testing.T) {
	var opts Options
	first := bringUp(t, &opts)
	link := filepath.Join(opts.DockerConfig, "cli-plugins", "docker-buildx")
	if first.BuildxPath() == first.bin("buildx") {
		if _, err := os.Stat(link); err != nil {
			t.Errorf("docker does not find buildx: %v", err)
		}
	}
	for range 2 {
		if err := Down(t.Context(), opts); err != nil {
			t.Fatal(err)
		}
		if got := pids(first); got != [2]int{} {
			t.Fatalf("still running: %v", got)
		}
	}
	if _, err := os.Lstat(link); err == nil {
		t.Errorf("%s is still there", link)
	}
	if _, err := os.Stat(filepath.Join(opts.DockerConfig, "buildx", "instances", first.Builder())); err == nil {
		t.Error("the builder is still registered")
	}
	if _, err := Open(t.Context(), opts); !errors.Is(err, ErrNotUp) {
		t.Errorf("Open after Down: %v", err)
	}
	if second := upAgain(t, opts, new(bytes.Buffer)); second.Registry() != first.Registry() {
		t.Errorf("the port changed: %s, then %s", first.Registry(), second.Registry())
	}
}

func TestUpRecovers(t *testing.T) {
	var opts Options
	first := bringUp(t, &opts)
	tests := []struct {
		name   string
		damage func(t *testing.T)
	}{
		{"killed daemons", func(t *testing.T) {
			if err := errors.Join(first.KillRegistry(), first.KillBuilder(first.Builder())); err != nil {
				t.Fatal(err)
			}
		}},
		{"pid files of strangers", func(t *testing.T) {
			for _, d := range []*daemon{first.registry, first.builders[0].daemon} {
				if err := d.kill(); err != nil {
					t.Fatal(err)
				}
				write(t, d.pidPath(), strconv.Itoa(os.Getpid())+"\n")
			}
		}},
		{"lost pid files", func(t *testing.T) {
			for _, d := range []*daemon{first.registry, first.builders[0].daemon} {
				if err := d.forget(); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"unreadable state", func(t *testing.T) { write(t, first.statePath(), `{"port": 12`) }},
		{"builder removed by hand", func(t *testing.T) {
			if _, err := first.runBuildx(t.Context(), "rm", first.Builder()); err != nil {
				t.Fatal(err)
			}
		}},
		{"builder pointing elsewhere", func(t *testing.T) {
			for _, args := range [][]string{
				{"rm", first.Builder()},
				{"create", "--name", first.Builder(), "--driver", "remote", "unix:///nowhere.sock"},
			} {
				if _, err := first.runBuildx(t.Context(), args...); err != nil {
					t.Fatal(err)
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.damage(t)
			s := upAgain(t, opts, new(bytes.Buffer))
			if _, err := Open(t.Context(), opts); err != nil {
				t.Error(err)
			}
			if err := s.checkBuilder(t.Context(), s.Builder()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUpLeavesABusyPort(t *testing.T) {
	var opts Options
	first := bringUp(t, &opts)
	if err := Down(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", strings.Replace(first.Registry(), "localhost", "127.0.0.1", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	var log bytes.Buffer
	second := upAgain(t, opts, &log)
	if second.Registry() == first.Registry() {
		t.Errorf("two programs at %s", first.Registry())
	}
	contains(t, log.String(), "in use by another program")
	config, err := os.ReadFile(second.builders[0].config)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(config), second.Registry())
}

func TestUpLeavesOtherBuildersAndTheCurrentOne(t *testing.T) {
	opts := Options{DockerConfig: filepath.Join(t.TempDir(), "docker")}
	s := bringUp(t, &opts)
	if err := Down(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	create := exec.CommandContext(t.Context(), s.bin("buildx"), "create", "--name", "mine", "--use", "--driver", "remote", "unix:///nowhere.sock")
	create.Env = append(os.Environ(), "DOCKER_CONFIG="+opts.DockerConfig)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	current := filepath.Join(opts.DockerConfig, "buildx", "current")
	before, err := os.ReadFile(current)
	if err != nil {
		t.Fatal(err)
	}
	upAgain(t, opts, new(bytes.Buffer))
	if err := Down(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(current)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the current builder was %s and is %s (%v)", before, after, err)
	}
	if _, err := os.Stat(filepath.Join(opts.DockerConfig, "buildx", "instances", "mine")); err != nil {
		t.Errorf("the user's builder is gone: %v", err)
	}
}

func TestUpLeavesAnOldPluginAlone(t *testing.T) {
	opts := Options{DockerConfig: filepath.Join(t.TempDir(), "docker")}
	plugin := filepath.Join(opts.DockerConfig, "cli-plugins", "docker-buildx")
	if err := os.MkdirAll(filepath.Dir(plugin), 0o755); err != nil {
		t.Fatal(err)
	}
	const old = "#!/bin/sh\necho github.com/docker/buildx v0.12.1 30feaa1\n"
	if err := os.WriteFile(plugin, []byte(old), 0o755); err != nil {
		t.Fatal(err)
	}
	s := bringUp(t, &opts)
	if s.BuildxPath() != s.bin("buildx") {
		t.Errorf("uses %s", s.BuildxPath())
	}
	if err := Down(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(plugin); err != nil || string(now) != old {
		t.Errorf("the plugin is now %q (%v)", now, err)
	}
}

// What the user has is not compiled.
func TestUpNeeds(t *testing.T) {
	for name, c := range map[string]struct{ version, builder, want string }{
		"new buildx":       {"v0.30.1", "", "buildkitd registry"},
		"old buildx":       {"v0.12.1", "", "buildkitd buildx registry"},
		"buildx, builder":  {"v0.30.1", "mine", "registry"},
		"a builder, alone": {"v0.1.0", "mine", "buildx registry"},
	} {
		config := filepath.Join(t.TempDir(), "docker")
		plugin := filepath.Join(config, "cli-plugins", "docker-buildx")
		if err := os.MkdirAll(filepath.Dir(plugin), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(plugin, []byte("#!/bin/sh\necho github.com/docker/buildx "+c.version+" 30feaa1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		s, err := newSandbox(Options{Dir: t.TempDir(), DockerConfig: config, Builder: c.builder})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(s.neededForUp(t.Context()))), " "); got != c.want {
			t.Errorf("%s: needs %q, want %q", name, got, c.want)
		}
	}
}

func TestUpInADeepDirectory(t *testing.T) {
	opts := Options{Dir: filepath.Join(shortDir(t), strings.Repeat("deep/", 30))}
	s := bringUp(t, &opts)
	sockets := s.state.SocketDir
	if sockets == "" {
		t.Fatal("the sockets are in the deep directory")
	}
	if err := Down(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(sockets); err == nil {
		t.Errorf("%s is still there", sockets)
	}
}

func TestUpWithAnExistingBuilder(t *testing.T) {
	var theirs, ours Options
	other := bringUp(t, &theirs)
	ours.DockerConfig, ours.Builder = theirs.DockerConfig, other.Builder()
	s := bringUp(t, &ours)
	if s.Builder() != other.Builder() || len(s.builders) != 0 {
		t.Errorf("builder %s and %d daemons", s.Builder(), len(s.builders))
	}
	if err := Down(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	if err := other.checkBuilder(t.Context(), other.Builder()); err != nil {
		t.Errorf("down took the builder away: %v", err)
	}
	ours.Builder = "no-such-builder"
	_, err := Up(t.Context(), ours)
	if err == nil {
		t.Fatal("up accepted a builder that does not exist")
	}
	contains(t, err.Error(), "EXTPACK_BUILDER")
}
