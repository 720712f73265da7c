//go:build engine

package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/tests/page"
	"github.com/extpack/extpack/tests/plugintest"
)

// TestDocsCommands runs the blocks of the documentation that need a Docker
// Engine, here or on machines behind SSH.
func TestDocsCommands(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	host, _ := sshHost(t, world.old)
	loadBuildKit(t)
	blocks, err := page.WithNeed(plugintest.Root(), "engine")
	if err != nil {
		t.Fatal(err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	if err := page.ReadersExtension(filepath.Join(dir, "my-extension"), page.BuildStage); err != nil {
		t.Fatal(err)
	}
	plugins := map[string]string{"extpack": world.plugin, "buildx": world.BuildxPath()}
	if err := page.Dispatcher(bin, plugins, program(t, "docker", "docker-ce-cli or docker.io")); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), world.modern.Env()...)
	env = append(env, "BUILDX_BUILDER=", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	defer func() { // while the SSH server runs
		if out, err := page.Shell(dir, env, "docker buildx rm farm"); err != nil {
			t.Errorf("removing the farm: %v\n%s", err, out)
		}
	}()
	// buildx refuses two nodes at one address.
	names := strings.NewReplacer(
		"ssh://ci@amd64.example.com", host, "ssh://ci@arm64.example.com", strings.Replace(host, "127.0.0.1", "localhost", 1),
		"ssh://user@arm.example.com", host, "registry.internal:5000", world.Registry(), "ghcr.io/", world.Registry()+"/docs/",
	)
	for _, b := range blocks {
		if out, err := page.Shell(filepath.Join(dir, b.In), env, names.Replace(b.Text)); err != nil {
			t.Errorf("%s: %v\n%s\n%s", b, err, b.Text, out)
		}
	}
	published(t, world.Registry()+"/docs/acme/my-extension:1.2.3")
}
