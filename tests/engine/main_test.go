//go:build engine

// Package engine_test runs docker-extpack against a real Docker Engine, with
// either of its image stores, and asks the engine's own API what it has then.
//
// The engine takes minutes to compile, so these tests are behind the build tag
// engine: run them with "make e2e-docker". Nothing in them is skipped.
package engine_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/extpack/extpack/tests/plugintest"
	"github.com/extpack/extpack/tests/sandbox"
)

// world is what all tests share.
var world struct {
	*sandbox.Sandbox
	plugin string
	// modern has the containerd image store, as Docker Engine 29 has by
	// default; old does not.
	modern, old *sandbox.Engine
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "extpack-engine-")
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
	if err := startEngines(ctx); err != nil {
		fail(err)
	} else {
		code = m.Run()
	}
	if err := world.Stop(); err != nil {
		return fail(err)
	}
	return code
}

func startEngines(ctx context.Context) (err error) {
	if world.modern, err = world.AddEngine(ctx, true); err != nil {
		return err
	}
	world.old, err = world.AddEngine(ctx, false)
	return err
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "engine:", err)
	return 1
}

type result struct {
	stdout, stderr string
	code           int
}

// on runs a program in dir with the engine as docker's own. A build of the plugin
// means buildx unless it says otherwise.
func on(t *testing.T, engine *sandbox.Engine, dir, program string, args ...string) result {
	t.Helper()
	if program == world.plugin && args[0] == "build" && !slices.Contains(args, "--engine") {
		args = append([]string{"build", "--engine", "buildx"}, args[1:]...)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), engine.Env()...)
	r := plugintest.Run(t, cmd)
	return result{r.Stdout, r.Stderr, r.Code}
}

// extpack runs the plugin, which must succeed.
func extpack(t *testing.T, engine *sandbox.Engine, dir string, args ...string) result {
	t.Helper()
	r := on(t, engine, dir, world.plugin, args...)
	if r.code != 0 {
		t.Fatalf("docker-extpack %s: exit code %d\n%s", strings.Join(args, " "), r.code, r.stderr)
	}
	return r
}

// api returns a client of an engine.
func api(t *testing.T, engine *sandbox.Engine) *client.Client {
	t.Helper()
	c, err := client.New(client.WithHost(engine.Host()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// image asks an engine for an image and the manifests it has of it.
func image(t *testing.T, engine *sandbox.Engine, name string) client.ImageInspectResult {
	t.Helper()
	var options []client.ImageInspectOption
	if engine == world.modern {
		options = append(options, client.ImageInspectWithManifests(true))
	}
	got, err := api(t, engine).ImageInspect(t.Context(), name, options...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// platforms returns those of which an engine has all content.
func platforms(image client.ImageInspectResult) []string {
	var all []string
	for _, m := range image.Manifests {
		if m.Available && m.ImageData != nil {
			p := m.ImageData.Platform
			all = append(all, strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/"))
		}
	}
	return all
}

// published returns the digest that a tag of the sandbox's registry has.
func published(t *testing.T, ref string) string {
	t.Helper()
	repository, tag, _ := strings.Cut(strings.TrimPrefix(ref, world.Registry()+"/"), ":")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://"+world.Registry()+"/v2/"+repository+"/manifests/"+tag, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", ref, resp.Status)
	}
	return resp.Header.Get("Docker-Content-Digest")
}

// tag returns a reference in the sandbox registry, in a repository of the test.
func tag(t *testing.T, tag string) string { return plugintest.Tag(t, world.Registry(), tag) }

// extension makes an extension for two platforms that differ. Text tells it
// from others.
func extension(t *testing.T, id, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"extension.toml":           fmt.Sprintf("api = \"0.10\"\n\n[extension]\nid = %q\nversion = \"1.2.3\"\n", id),
		"linux/amd64/bin/detect":   "#!/bin/sh\n# " + text + "\n",
		"linux/arm64/bin/detect":   "#!/bin/sh\n# " + text + " arm64\n",
		"linux/amd64/bin/generate": "#!/bin/sh\n",
		"linux/arm64/bin/generate": "#!/bin/sh\n# arm64\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.Contains(name, "/bin/") {
			mode = 0o755
		}
		if err := os.WriteFile(file, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
