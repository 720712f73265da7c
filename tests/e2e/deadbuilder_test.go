package e2e_test

import (
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestDeadBuilder has a builder that refuses connections, named by a flag and
// selected by "buildx use". buildx tries it for 20 seconds and more.
func TestDeadBuilder(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "tcp://" + listener.Addr().String()
	listener.Close() // the address is free
	env := []string{"BUILDX_CONFIG=" + t.TempDir(), "BUILDX_BUILDER="}
	create := in(exec.CommandContext(t.Context(), world.BuildxPath(), "create", "--timeout", "1s", "--name", "dead", "--driver", "remote", "--use", address), t.TempDir())
	create.Env = append(create.Env, env...)
	if r := runCommand(t, create); r.code != 0 {
		t.Fatal(r.stderr)
	}
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/dead", linuxTargets), "bin/detect": script})
	run := func(args ...string) (result, time.Duration) {
		t.Helper()
		cmd := command(t.Context(), dir, append([]string{"build", "--output", t.TempDir() + "/", "--force"}, args...)...)
		cmd.Env = append(cmd.Env, env...)
		begin := time.Now()
		r := runCommand(t, cmd)
		return r, time.Since(begin)
	}
	for _, args := range [][]string{{"--builder", "dead"}, {"--engine", "auto", "--builder", "dead"}, {"--engine", "buildx"}} {
		r, took := run(args...)
		if r.code != 1 || !strings.Contains(r.stderr, "the builder dead does not respond at "+address) || !strings.Contains(r.stderr, "builder doctor") || took > 15*time.Second {
			t.Errorf("%q: exit code %d after %s\n%s", args, r.code, took, r.stderr)
		}
	}

	if r, took := run("--engine", "auto"); r.code != 0 || !strings.Contains(r.stderr, "packing without a builder: the builder dead does not respond at "+address) || took > 15*time.Second {
		t.Errorf("--engine auto: exit code %d after %s\n%s", r.code, took, r.stderr)
	}
}
