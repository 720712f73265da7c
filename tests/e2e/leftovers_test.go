package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// largeExtension takes long enough to pack that a build can be stopped in it.
func largeExtension(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "extension")
	data := make([]byte, 8<<20)
	_, _ = rand.Read(data) // never fails
	for name, content := range map[string]string{
		"extension.toml": descriptor("e2e/leftovers", linuxTargets), "bin/generate": script, "data": string(data),
	} {
		writeFile(t, filepath.Join(dir, name), content)
	}
	return dir
}

// withTemp prepares the plugin to make its temporary files in temp.
func withTemp(ctx context.Context, temp, dir string, args ...string) *exec.Cmd {
	cmd := command(ctx, dir, args...)
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	return cmd
}

func wantEntries(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s contains %q, want %q", dir, got, want)
	}
}

// waitFor waits until dir contains something.
func waitFor(t *testing.T, dir string) {
	t.Helper()
	for range 500 {
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("nothing was made in %s", dir)
}

// TestKilledBuildsLeaveNothing: the files that killed builds and their buildx left
// in the temporary folder and next to outputs are removed by the next build.
// Temporary files are next to an output on another file system.
func TestKilledBuildsLeaveNothing(t *testing.T) {
	shm, err := os.MkdirTemp("/dev/shm", "extpack-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(shm) })
	for name, temp := range map[string]string{"one file system": t.TempDir(), "another file system": shm} {
		for _, engine := range []string{"buildx", "embedded"} {
			t.Run(name+", "+engine, func(t *testing.T) {
				dir := largeExtension(t)
				out := filepath.Join(t.TempDir(), "out")
				for n := range 8 {
					cmd := withTemp(t.Context(), temp, dir, "build", "--engine="+engine, "-o", "x.cnb", "-o", out+"/", "--metadata-file", "../m.json")
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Duration(20+n*60) * time.Millisecond)
					if err := cmd.Process.Kill(); err != nil {
						t.Fatal(err)
					}
					_ = cmd.Wait() // was killed
				}
				r := runCommand(t, withTemp(t.Context(), temp, dir, "build", "--engine="+engine, "-o", "x.cnb", "-o", out+"/", "--metadata-file", "../m.json"))
				if r.code != 0 {
					t.Fatalf("exit code %d\n%s", r.code, r.stderr)
				}
				wantEntries(t, temp)
				wantEntries(t, filepath.Dir(dir), "extension", "m.json")
				wantEntries(t, dir, "bin", "data", "extension.toml", "x.cnb")
				wantEntries(t, filepath.Dir(out), "out")
			})
		}
	}
}

// TestClosedTerminal: a terminal that closes sends SIGHUP twice, and what
// ends a service may send SIGTERM again.
func TestClosedTerminal(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		dir, temp := largeExtension(t), t.TempDir()
		cmd := withTemp(t.Context(), temp, dir, "build")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, temp)
		for range 3 {
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		_ = cmd.Wait() // the exit code is looked at
		if code := cmd.ProcessState.ExitCode(); code != 130 {
			t.Errorf("%s: exit code %d", signal, code)
		}
		wantEntries(t, temp)
		wantEntries(t, dir, "bin", "data", "extension.toml")
	}
}

// TestBuildsInOneFolder: parallel builds whose outputs are in the extension, the
// default place. None packs the file that another build is writing.
func TestBuildsInOneFolder(t *testing.T) {
	shm, err := os.MkdirTemp("/dev/shm", "extpack-e2e-") // so that temporary files are near the outputs
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(shm) })
	dir := largeExtension(t)
	var want []byte
	for round := range 3 {
		var group sync.WaitGroup
		for _, engine := range []string{"buildx", "embedded", "embedded"} {
			for _, name := range []string{"a", "same"} {
				output := fmt.Sprintf("%s-%s.cnb", name, engine)
				group.Go(func() {
					cmd := withTemp(t.Context(), shm, dir, "build", "--engine="+engine, "-o", output)
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Errorf("round %d: %v\n%s", round, err, out)
					}
				})
			}
		}
		group.Wait()
		for _, name := range []string{"a-buildx.cnb", "a-embedded.cnb", "same-buildx.cnb", "same-embedded.cnb"} {
			got, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = got
			}
			if !bytes.Equal(got, want) {
				t.Errorf("round %d: %s is another package", round, name)
			}
		}
	}
	wantEntries(t, filepath.Dir(dir), "extension")
}

// TestWritersOfOneLayout: each of the parallel builds replaces the whole layout.
func TestWritersOfOneLayout(t *testing.T) {
	dir, out := largeExtension(t), filepath.Join(t.TempDir(), "out")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 3 {
				if out, err := command(t.Context(), dir, "build", "--engine=embedded", "-o", out+"/").CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			}
		})
	}
	group.Wait()
	mustExtpack(t, dir, "verify", out)
	wantEntries(t, filepath.Dir(out), "out")
}

// TestLongOutputNames: a file may have as long a name as the file system takes,
// and one that is longer is refused before anything is built.
func TestLongOutputNames(t *testing.T) {
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/names", linuxTargets), "bin/generate": script})
	for _, n := range []int{243, 244, 250, 255, 256, 300} {
		name := filepath.Join(t.TempDir(), strings.Repeat("n", n-len(".cnb"))+".cnb")
		r := extpack(t, dir, "build", "--engine=embedded", "-o", name)
		_, err := os.Stat(name)
		if n <= 255 && (r.code != 0 || err != nil) || n > 255 && (r.code == 0 || !strings.Contains(r.stderr, "too long") || strings.Contains(r.stderr, "verified")) {
			t.Errorf("%d bytes: exit code %d, %v\n%.300s", n, r.code, err, r.stderr)
		}
	}
}

// TestUnwritableIsFoundBeforeTheBuild names the flag or variable, and has
// started nothing by then.
func TestUnwritableIsFoundBeforeTheBuild(t *testing.T) {
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/unwritable", linuxTargets), "bin/generate": script})
	for name, tc := range map[string]struct {
		args []string
		env  string
		want string
	}{
		"package":       {[]string{"-o", "/proc/x.cnb"}, "", "--output: writing /proc/x.cnb: "},
		"layout":        {[]string{"-o", "/proc/x/"}, "", "--output: writing /proc/x: "},
		"metadata file": {[]string{"--metadata-file", "/proc/m.json"}, "", "--metadata-file: writing /proc/m.json: "},
		"TMPDIR":        {nil, "TMPDIR=/proc", "creating a temporary folder in /proc (set by TMPDIR): "},
	} {
		for _, engine := range []string{"buildx", "embedded"} {
			cmd := command(t.Context(), dir, append([]string{"build", "--engine=" + engine}, tc.args...)...)
			cmd.Env = append(cmd.Env, tc.env)
			if r := runCommand(t, cmd); r.code != 1 || !strings.Contains(r.stderr, tc.want) || strings.Contains(r.stderr, "building") {
				t.Errorf("%s, %s: exit code %d\n%s", name, engine, r.code, r.stderr)
			}
		}
	}
}

// TestSparseFileIsRefusedByBoth: what "build" publishes, "verify" accepts.
func TestSparseFileIsRefusedByBoth(t *testing.T) {
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/sparse", linuxTargets), "bin/generate": script, "disk": ""})
	if err := os.Truncate(filepath.Join(dir, "disk"), 512<<20); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(t.TempDir(), "x.cnb")
	r := extpack(t, dir, "build", "--engine=embedded", "-o", output)
	if r.code != 2 || !strings.Contains(r.stderr, "expands beyond the limit") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	if _, err := os.Stat(output); err == nil {
		t.Error("the package was written")
	}
}

// TestSocketIsLeftOut: both engines leave out sockets, and say so.
func TestSocketIsLeftOut(t *testing.T) {
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/socket", linuxTargets), "bin/generate": script, "run/x": ""})
	plain := extpack(t, dir, "bake", "-o", "-").stdout
	var packages [][]byte
	for _, sockets := range []bool{false, true} {
		if sockets {
			for _, name := range []string{"s", "run/a socket", "run/agent.sock"} {
				listener, err := net.Listen("unix", filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				defer listener.Close()
			}
		}
		for _, engine := range []string{"buildx", "embedded"} {
			output := filepath.Join(t.TempDir(), "x.cnb")
			r := extpack(t, dir, "build", "--engine="+engine, "-o", output)
			if r.code != 0 || strings.Contains(r.stderr, "run/a socket: warning: is a socket and was left out") != sockets {
				t.Fatalf("exit code %d\n%s", r.code, r.stderr)
			}
			data, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			packages = append(packages, data)
		}
	}
	for i, p := range packages {
		if !bytes.Equal(p, packages[0]) {
			t.Errorf("package %d differs", i)
		}
	}
	if got := extpack(t, dir, "bake", "-o", "-").stdout; got != plain {
		t.Errorf("the bake file depends on sockets:\n%s", got)
	}
}
