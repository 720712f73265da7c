// Package peers_test runs pack, compiled from its Go module, as the writer and
// as the reader of packages, beside docker-extpack: what one writes the other reads.
package peers_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/plugintest"
	"github.com/extpack/extpack/tests/sandbox"
)

// world is what all tests share.
var world struct {
	*sandbox.Sandbox
	plugin, pack string
	peers        string // the folder with the tools of others
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "extpack-peers-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if world.plugin, err = plugintest.Build(ctx, dir); err != nil {
		return fail(err)
	}
	if world.Sandbox, err = sandbox.Start(ctx, sandbox.Options{Log: os.Stderr}); err != nil {
		return fail(err)
	}
	code := 1
	if bin, err := world.Peers(ctx); err != nil {
		fail(err)
	} else {
		world.peers, world.pack = bin, filepath.Join(bin, "pack")
		code = m.Run()
	}
	if err := world.Stop(); err != nil {
		return fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "peers:", err)
	return 1
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	code           int
}

func runIn(t *testing.T, dir, program string, args ...string) result {
	t.Helper()
	return runWith(t, nil, dir, program, args...)
}

// runWith is runIn with more environment variables.
func runWith(t *testing.T, env []string, dir, program string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), world.Env()...)
	cmd.Env = append(append(cmd.Env, "PACK_HOME="+filepath.Join(world.Dir(), "pack")), env...)
	r := plugintest.Run(t, cmd)
	return result{r.Stdout, r.Stderr, r.Code}
}

func must(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	r := runIn(t, dir, program, args...)
	if r.code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s%s", filepath.Base(program), strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

func extpack(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return must(t, dir, world.plugin, args...)
}

func pack(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return must(t, dir, world.pack, append(args, "--no-color")...)
}

// tag returns a reference of this test into the sandbox's registry.
func tag(t *testing.T, tag string) string { return plugintest.Tag(t, world.Registry(), tag) }

// writeFiles makes files below dir, executable in folders called bin.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := plugintest.WriteFiles(dir, files); err != nil {
		t.Fatal(err)
	}
}

func buildx(t *testing.T, dir string, args ...string) {
	t.Helper()
	must(t, dir, world.BuildxPath(), args...)
}
