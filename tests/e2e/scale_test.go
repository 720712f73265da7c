package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/plugintest"
)

// manyTargets makes an extension of that many targets, which differ in their
// distro.
func manyTargets(t *testing.T, count int) string {
	t.Helper()
	dir := t.TempDir()
	var toml strings.Builder
	toml.WriteString("api = \"0.10\"\n[extension]\nid = \"samples/many\"\nversion = \"1.0.0\"\n")
	for i := range count {
		fmt.Fprintf(&toml, "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n[[targets.distros]]\nname = \"d%d\"\nversion = \"%[1]d\"\n", i)
	}
	writeFile(t, dir+"/extension.toml", toml.String())
	writeFile(t, dir+"/generate/build.Dockerfile", "ARG base_image\nFROM ${base_image}\n")
	return dir
}

// TestInterruptWhileComputing: an interrupt soon ends each step of a build of
// 2,000 targets, and no files are left.
func TestInterruptWhileComputing(t *testing.T) {
	dir := manyTargets(t, 2000)
	for _, after := range []time.Duration{200 * time.Millisecond, 2 * time.Second, 5 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			work, temp := t.TempDir(), t.TempDir()
			cmd := command(t.Context(), work, "build", dir, "--engine", "embedded", "-o", "out.cnb")
			cmd.Env = append(cmd.Env, "TMPDIR="+temp)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(after)
			begin := time.Now()
			_ = cmd.Process.Signal(os.Interrupt)
			_ = cmd.Wait() // the exit code says how it ended
			t.Logf("took %s to end", time.Since(begin))
			if code := cmd.ProcessState.ExitCode(); code != 130 {
				t.Errorf("exit code %d\n%s", code, stderr.String())
			}
			for _, dir := range []string{work, temp} {
				if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
					t.Errorf("left in %s: %v %v", dir, left, err)
				}
			}
		})
	}
}

// TestThousandTargets: what the images of a package have in common takes memory
// and time once, and the package is within the limits of its readers.
func TestThousandTargets(t *testing.T) {
	work := t.TempDir()
	for _, args := range [][]string{
		{"build", manyTargets(t, 1000), "--engine", "embedded", "-o", "out.cnb"},
		{"verify", "out.cnb"},
		{"inspect", "out.cnb"},
	} {
		cmd := command(t.Context(), work, args...)
		r, memory := plugintest.Measure(t, cmd)
		if r.Code != 0 {
			t.Fatalf("%s: exit code %d\n%s", args[0], r.Code, r.Stderr)
		}
		took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		t.Logf("%s: %s of CPU, %d MiB", args[0], took, memory)
		if took > 15*time.Second || memory > 160 {
			t.Errorf("%s took %s of CPU and %d MiB", args[0], took, memory)
		}
	}
}

// TestFiftyThousandFiles: what is kept of each file is little more than its name.
func TestFiftyThousandFiles(t *testing.T) {
	dir, work := t.TempDir(), t.TempDir()
	writeFile(t, dir+"/extension.toml", descriptor("samples/files", ""))
	for i := range 50_000 {
		writeFile(t, fmt.Sprintf("%s/files/%d/%d", dir, i%1000, i), "x")
	}
	cmd := command(t.Context(), work, "build", dir, "--engine", "embedded", "-o", "out.cnb", "--target", "linux/amd64")
	r, memory := plugintest.Measure(t, cmd)
	if r.Code != 0 {
		t.Fatalf("exit code %d\n%s", r.Code, r.Stderr)
	}
	took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	t.Logf("%s of CPU, %d MiB", took, memory)
	if took > 15*time.Second || memory > 64 { // 53 where nothing else runs; the collector may be late
		t.Errorf("%s of CPU, %d MiB", took, memory)
	}
}

// TestTooManyTargets: what registries would refuse is refused before anything
// is built, and what is large on purpose is noted.
func TestTooManyTargets(t *testing.T) {
	dir := manyTargets(t, 1000)
	args := []string{"build", dir, "--engine", "embedded", "-o", "out.cnb", "--dry-run"}
	r := extpack(t, t.TempDir(), append(args, "--annotation", "manifest-descriptor:x="+strings.Repeat("x", 5000))...)
	if r.code != 2 || !strings.Contains(r.stderr, "would list 1000 images in 5.") || !strings.Contains(r.stderr, "registries accept at most 4 MiB") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	r = extpack(t, t.TempDir(), args...)
	if r.code != 0 || !strings.Contains(r.stderr, "1000 images whose labels list all 1000 targets each") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
}
