package builder

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
)

// daemonEnv makes the test binary listen as BuildKit does.
const daemonEnv = "BUILDER_TEST_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(daemonEnv) == "" {
		os.Exit(m.Run())
	}
	at := slices.Index(os.Args, "--addr")
	listener, err := net.Listen("unix", strings.TrimPrefix(os.Args[at+1], "unix://"))
	if err != nil {
		os.Exit(1)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	listener.Close()
}

// programsOnPath replaces PATH by a folder with programs, of which BuildKit is
// this test, in addition to those of the system.
func programsOnPath(t *testing.T, programs map[string]string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{
		"buildkitd": daemonEnv + "=1 exec '" + self + "' -test.run=none -- \"$@\"\n", "runc": "exit 1\n", "rootlesskit": "shift\nexec \"$@\"\n",
		"qemu-s390x-static": "echo qemu-s390x version 7.2\n",
	}
	for name, script := range programs {
		all[name] = script
	}
	dir := t.TempDir()
	for name, script := range all {
		if script == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The shell and mount, but no other programs of the same folder.
	for _, name := range []string{"sh", "mount", "rm", "sleep"} {
		for _, place := range []string{"/bin", "/usr/bin"} {
			if _, err := os.Stat(filepath.Join(place, name)); err == nil {
				_ = os.Symlink(filepath.Join(place, name), filepath.Join(dir, name)) // the first one counts
			}
		}
	}
	t.Setenv("PATH", dir)
}

func localOptions(t *testing.T) Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "b") // sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return Options{Name: "x", Driver: buildx.DriverRemote, StateDir: dir, Log: t.Logf}
}

// TestLocal starts a daemon, leaves a good one alone, repairs one that died or has
// another configuration, and removes it with all that it made.
func TestLocal(t *testing.T) {
	programsOnPath(t, nil)
	s, o := &store{}, localOptions(t)
	d := daemon{dir: filepath.Join(o.StateDir, "x")}
	t.Cleanup(func() { _ = d.stop(t.Context()) })
	ensure := func(want bool) int {
		t.Helper()
		if changed, err := Ensure(t.Context(), s, o); changed != want || err != nil {
			t.Fatalf("changed %v, %v after %q", changed, diag.Text(err), s.commands)
		}
		if err := d.answers(t.Context()); err != nil {
			t.Fatal(err)
		}
		return d.pid()
	}
	first := ensure(true)
	if got := s.nodes("x"); got != "x0 remote "+d.endpoint() {
		t.Errorf("the nodes are %s", got)
	}
	if again := ensure(false); again != first {
		t.Errorf("started again: %d, %d", first, again)
	}
	if link, err := os.Readlink(filepath.Join(d.emulators(), "buildkit-qemu-s390x")); err != nil || filepath.Base(link) != "qemu-s390x-static" {
		t.Errorf("the emulator is %s, %v", link, err)
	}
	if data, err := os.ReadFile(d.handlerFile()); err != nil || !strings.Contains(string(data), ":docker-extpack-x-qemu-s390x:M:0:") {
		t.Errorf("the handlers are %q, %v", data, err)
	}
	if err := os.Remove(d.pidFile()); err != nil {
		t.Fatal(err)
	}
	if again := ensure(false); again != first {
		t.Errorf("started again without its file: %d, %d", first, again)
	}
	o.Registries = []Registry{{"h.test", ModeHTTP}}
	second := ensure(true)
	if config := LocalConfig(o.StateDir, d.endpoint()); second == first || !strings.Contains(string(config), "h.test") {
		t.Errorf("process %d after %d with\n%s", second, first, config)
	}
	if err := syscall.Kill(second, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for d.pid() != 0 {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	o.Registries = nil
	if third := ensure(true); third == second {
		t.Error("one that died was not started again")
	}
	if root, ok := LocalRoot(o.StateDir, d.endpoint()); !ok || root != d.root() {
		t.Errorf("the cache is in %s, %v", root, ok)
	}
	if found, err := Remove(t.Context(), s, o); !found || err != nil || s.nodes("x") != "none" {
		t.Errorf("removed: %v, %v, %s", found, err, s.nodes("x"))
	}
	if _, err := os.Stat(d.dir); !errors.Is(err, fs.ErrNotExist) || d.pid() != 0 {
		t.Errorf("left %v and process %d", err, d.pid())
	}
}

// TestLocalFails says why no daemon can be started, and leaves nothing behind.
func TestLocalFails(t *testing.T) {
	for name, tt := range map[string]struct {
		programs map[string]string
		long     bool
		change   func(*Options)
		want     string
	}{
		"no BuildKit": {map[string]string{"buildkitd": ""}, false, nil, "buildkitd is not on PATH"},
		"no runc":     {map[string]string{"runc": ""}, false, nil, "neither buildkit-runc nor runc is on PATH"},
		"ends":        {map[string]string{"buildkitd": "echo starting; echo 'buildkitd: no space'; echo a stack trace; exit 1\n"}, false, nil, "it exited immediately with:\n  buildkitd: no space"},
		"ends otherwise": {
			map[string]string{"buildkitd": "echo one; echo two; exit 1\n"}, false, nil, "it exited immediately with:\n  one\n  two",
		},
		"long name": {nil, true, nil, "is too long for a socket"},
		"container": {nil, false, func(o *Options) { o.Driver, o.Binfmt = buildx.DriverContainer, true }, "--binfmt: a BuildKit daemon of this machine is required"},
	} {
		t.Run(name, func(t *testing.T) {
			programsOnPath(t, tt.programs)
			s, o := &store{}, localOptions(t)
			if tt.long {
				o.StateDir = filepath.Join(o.StateDir, strings.Repeat("long", 30))
			}
			if tt.change != nil {
				tt.change(&o)
			}
			changed, err := Ensure(t.Context(), s, o)
			if err == nil || changed || !strings.Contains(err.Error(), tt.want) || diag.Hint(err) == "" && !strings.HasPrefix(name, "ends") {
				t.Errorf("got %v, %v, want %s", changed, diag.Text(err), tt.want)
			}
			if _, err := os.Stat(filepath.Join(o.StateDir, "x")); err == nil || s.nodes("x") != "none" {
				t.Errorf("left %v and %s", err, s.nodes("x"))
			}
		})
	}
}

func TestStateDir(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	if dir, err := StateDir(); dir != "/state/docker-extpack/builders" || err != nil {
		t.Errorf("%s, %v", dir, err)
	}
	t.Setenv("XDG_STATE_HOME", "relative") // which the specification ignores
	t.Setenv("HOME", "/home/x")
	if dir, err := StateDir(); dir != "/home/x/.local/state/docker-extpack/builders" || err != nil {
		t.Errorf("%s, %v", dir, err)
	}
	t.Setenv("HOME", "")
	if _, err := StateDir(); err == nil || diag.Hint(err) == "" {
		t.Errorf("without a home: %v", err)
	}
}
