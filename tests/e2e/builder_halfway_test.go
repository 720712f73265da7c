package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// One that fails after it waited for another takes away nothing of the other's.
func TestEnsureTogetherWithOneThatFails(t *testing.T) {
	h := newHome(t)
	var wg sync.WaitGroup
	var fine, failing result
	for into, args := range map[*result][]string{&fine: nil, &failing: {"--native", "arm64=tcp://127.0.0.1:1"}} {
		cmd := command(t.Context(), t.TempDir(), append([]string{"builder", "ensure"}, args...)...)
		cmd.Env = append(cmd.Env, h.env...)
		wg.Go(func() { *into = runCommand(t, cmd) })
	}
	wg.Wait()
	if fine.code != 0 || failing.code != 1 {
		t.Errorf("%+v, %+v", fine, failing)
	}
	contains(t, failing.stderr, "correct --native")
	contains(t, h.ensure(), "nothing to do")
}

// buildx may have written the builder down, or not, when an interrupt ends it.
func TestEnsureInterruptedInBuildx(t *testing.T) {
	h := newHome(t)
	dir := t.TempDir()
	wrapped := filepath.Join(dir, "bin", "docker-buildx")
	writeFile(t, wrapped, "#!/bin/sh\n"+world.BuildxPath()+" \"$@\" || exit\n[ \"$1\" != create ] || { touch "+dir+"/created; exec sleep 60; }\n")
	cmd := command(t.Context(), t.TempDir(), "builder", "ensure")
	cmd.Env = append(cmd.Env, h.env...)
	h.buildx("ls") // makes the folder
	config := ownConfig(t, wrapped)
	if err := os.Symlink(h.store, filepath.Join(config, "buildx")); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(cmd.Env, "DOCKER_CONFIG="+config)
	go func() {
		for ; ; time.Sleep(20 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(dir, "created")); err == nil {
				_ = cmd.Process.Signal(syscall.SIGINT)
				return
			}
		}
	}()
	if r := runCommand(t, cmd); r.code != 130 {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(h.state); err == nil || strings.Contains(h.buildx("ls", "--format", "{{.Name}}"), "extpack") {
		t.Error("half a builder is left")
	}
}
