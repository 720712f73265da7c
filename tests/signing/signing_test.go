// Package signing_test signs packages with cosign as the documentation says. As
// cosign takes minutes to compile, EXTPACK_TORTURE=full has to be set.
package signing_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/page"
	"github.com/extpack/extpack/tests/plugintest"
	"github.com/extpack/extpack/tests/sandbox"
)

// TestDocsCommands runs the blocks of the documentation that sign, and copies
// what is signed. What cosign sends to a public log is left out.
func TestDocsCommands(t *testing.T) {
	if os.Getenv("EXTPACK_TORTURE") != "full" {
		t.Skip("compiling cosign takes minutes: make e2e-signing")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	world, err := sandbox.Start(ctx, sandbox.Options{Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.Stop(); err != nil {
			t.Error(err)
		}
	})
	cosign, err := world.Cosign(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	plugin, err := plugintest.Build(ctx, bin)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := page.WithNeed(plugintest.Root(), "cosign")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(plugintest.Root(), "examples"))); err != nil {
		t.Fatal(err)
	}
	if err := page.Dispatcher(bin, map[string]string{"extpack": plugin}, ""); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ncase $1 in\nsign) set -- \"$@\" --tlog-upload=false ;;\nverify) set -- \"$@\" --insecure-ignore-tlog ;;\nesac\nexec " + cosign + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "cosign"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	env := append(append(os.Environ(), world.Env()...), "COSIGN_PASSWORD=", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	run := func(script string) string {
		t.Helper()
		out, err := page.Shell(dir, env, script)
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		return out
	}
	run("cosign generate-key-pair")
	repository := world.Registry() + "/docs/"
	for _, b := range blocks {
		if out := run(strings.ReplaceAll(b.Text, "ghcr.io/", repository)); !strings.Contains(out, "The signatures were verified against the specified public key") {
			t.Errorf("%s: cosign says\n%s", b, out)
		}
	}
	// A copy has the digest, and the signatures once they are copied.
	staging, stable := repository+"acme/staging/hello:0.0.1", repository+"acme/stable/hello:0.0.1"
	run("docker extpack index create -t " + stable + " " + staging)
	if out, err := page.Shell(dir, env, "cosign verify --key cosign.pub "+stable); err == nil {
		t.Errorf("a copy without signatures is verified:\n%s", out)
	}
	run("cosign copy --force " + staging + " " + stable + " && cosign verify --key cosign.pub " + stable)
}
