package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// goBinary compiles a program for an architecture.
func goBinary(t *testing.T, arch, name string) {
	t.Helper()
	source := t.TempDir()
	writeFile(t, filepath.Join(source, "go.mod"), "module x\n\ngo 1.25\n")
	writeFile(t, filepath.Join(source, "main.go"), "package main\n\nfunc main() {}\n")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", name, ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestForeignBinaryIsRefused is what users see today as "image was found but
// does not match the specified platform".
func TestForeignBinaryIsRefused(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{
		"extension.toml":         descriptor("e2e/binaries", linuxTargets),
		"linux/amd64/bin/detect": script, "linux/arm64/bin/detect": script,
	})
	goBinary(t, "amd64", filepath.Join(dir, "linux/amd64/bin/generate"))
	goBinary(t, "amd64", filepath.Join(dir, "linux/arm64/bin/generate"))
	ref := tag(t, "1")
	r := extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref)
	if r.code != 2 || r.stdout != "" {
		t.Errorf("exit code %d, stdout %q", r.code, r.stdout)
	}
	for _, want := range []string{"linux/arm64", "bin/generate", "x86-64", "AArch64", "--allow-platform-mismatch"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("message lacks %q:\n%s", want, r.stderr)
		}
	}
	if exists(t, ref) {
		t.Error("a package that failed its checks was published")
	}
	if r := extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--allow-platform-mismatch"); r.code != 0 || !exists(t, ref) {
		t.Errorf("with --allow-platform-mismatch: exit code %d\n%s", r.code, r.stderr)
	}
	goBinary(t, "arm64", filepath.Join(dir, "linux/arm64/bin/generate"))
	mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", ref)
}

// TestFailedRunLeavesTheTag: what was published stays until all of the new
// package is there.
func TestFailedRunLeavesTheTag(t *testing.T) {
	ref := tag(t, "1")
	mustExtpack(t, t.TempDir(), "build", example("hello"), "--push", "-t", ref)
	before := fetch(t, ref).digest

	broken := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/broken", linuxTargets), "bin/detect": script,
	})
	if r := extpack(t, t.TempDir(), "build", broken, "--push", "-t", ref, "--set", "*.args.DEST=/elsewhere"); r.code != 2 {
		t.Errorf("layer in another folder: exit code %d\n%s", r.code, r.stderr)
	}
	if r := extpack(t, t.TempDir(), "build", broken, "--push", "-t", ref, "-t", "127.0.0.1:1/nobody:1"); r.code != 1 {
		t.Errorf("second registry down: exit code %d\n%s", r.code, r.stderr)
	}
	if got := fetch(t, ref).digest; got != before {
		t.Errorf("the tag moved from %s to %s", before, got)
	}
}

// TestBuildxMessageIsKept: a builder that does not exist.
func TestBuildxMessageIsKept(t *testing.T) {
	for _, quiet := range []string{"--quiet=false", "--quiet"} {
		r := extpack(t, t.TempDir(), "build", example("hello"), "--builder", "no-such-builder", quiet)
		if r.code != 1 || r.stdout != "" {
			t.Errorf("exit code %d, stdout %q", r.code, r.stdout)
		}
		if !strings.Contains(r.stderr, `no builder "no-such-builder" found`) || !strings.Contains(r.stderr, "docker buildx ls") {
			t.Errorf("%s: stderr lacks buildx's message or the hint:\n%s", quiet, r.stderr)
		}
	}
}

// TestInterrupt sends SIGINT while buildx waits for a builder that never
// answers: exit code 130, no file, no process and no temporary file left.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	address, accepted := muteServer(t)
	deaf := remoteBuilder(t, "deaf", address)
	for len(accepted) > 0 {
		<-accepted // of buildx create
	}
	work, temp := t.TempDir(), t.TempDir()
	cmd := command(t.Context(), work, "build", example("hello"), "--builder", "deaf")
	cmd.Env = append(append(cmd.Env, deaf.env...), "TMPDIR="+temp)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-accepted
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code is looked at below
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("still running a minute after the interrupt")
	}
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130\n%s", code, stderr.String())
	}
	for _, dir := range []string{work, temp} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("left behind: %v %v", entries, err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "pgrep", "-f", temp).Output(); err == nil {
		t.Errorf("processes left: %s", out)
	}
}

// TestNobodyReads: "docker extpack build 2>&1 | head" must not leave files.
func TestNobodyReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	temp, ref := t.TempDir(), tag(t, "1")
	cmd := command(t.Context(), t.TempDir(), "build", example("hello"), "--push", "-t", ref, "--progress", "plain")
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	_ = cmd.Wait() // the exit code is looked at below
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d (%v)", code, cmd.ProcessState)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
	if exists(t, ref) {
		t.Error("the tag was moved")
	}
}
