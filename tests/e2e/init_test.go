package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// answer runs init in a pseudo-terminal and answers its questions.
func answer(t *testing.T, dir string, lines ...string) string {
	t.Helper()
	cmd := command(t.Context(), dir, "init")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, nil, nil
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	var screen bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&screen, terminal) // the terminal ends with an error when the process does
	}()
	for _, line := range lines {
		if _, err := fmt.Fprintln(terminal, line); err != nil {
			t.Fatal(err)
		}
	}
	err = cmd.Wait()
	<-read
	if err != nil {
		t.Fatalf("init: %v\n%s", err, screen.String())
	}
	return screen.String()
}

// TestInit makes an extension of each kind in an empty directory, answering on a
// terminal, and takes it all the way to a registry.
func TestInit(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"sh", "go", "static"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			// The first id is invalid, so there is a second prompt; the name is the default.
			screen := answer(t, dir, "acme/my tool", "acme/my-tool-"+lang, "", "1.2.3", "linux/amd64 linux/arm64", lang)
			for _, want := range []string{"Id [", `id "acme/my tool" may contain only`, "Name [my-tool-" + lang + "]", "Version [0.0.1]", "Platforms [linux/amd64 linux/arm64]", "Made of (sh, go, static) [sh]", "wrote extension.toml"} {
				if !strings.Contains(screen, want) {
					t.Errorf("%q was not printed:\n%s", want, screen)
				}
			}
			if r := extpack(t, dir, "lint"); r.code != 0 || r.stdout != "" || !strings.Contains(r.stderr, "0 errors, 0 warnings, 0 notes") {
				t.Errorf("lint: %+v", r)
			}
			if r := extpack(t, dir, "bake", "--check"); r.code != 0 {
				t.Errorf("bake --check: %+v", r)
			}
			if lang != "go" { // its build stage needs an image of Go
				makeTest(t, dir)
			}
			ref := tag(t, "init-"+lang)
			args := []string{"build", "--engine", "embedded", "--push", "-t", ref}
			if lang == "go" {
				args = []string{"build", "--push", "-t", ref, "--build-context", "go=docker-image://" + goImage(t)}
			}
			if r := extpack(t, dir, args...); r.code != 0 || strings.Contains(r.stderr, "warning") {
				t.Fatalf("build: %+v", r)
			}
			if got := verifyJSON(t, 0, ref); len(got.Findings) != 0 || len(got.Platforms) != 2 || got.Extension == nil || got.Extension.ID != "acme/my-tool-"+lang {
				t.Errorf("verify: %+v", got)
			}
			if r := extpack(t, dir, "lint", ref); r.code != 0 || r.stdout != "" {
				t.Errorf("lint of the package: %+v", r)
			}
			if r := extpack(t, dir, "inspect", ref); r.code != 0 || !strings.Contains(r.stdout, "1.2.3") {
				t.Errorf("inspect: %+v", r)
			}
		})
	}
}

// makeTest runs the cases of a new extension as its Makefile does.
func makeTest(t *testing.T, dir string) {
	t.Helper()
	docker := filepath.Join(t.TempDir(), "bin", "docker")
	writeFile(t, docker, "#!/bin/sh\nshift\nexec "+world.plugin+" \"$@\" --target linux/amd64\n")
	test := in(exec.CommandContext(t.Context(), "make", "test", "BUILDER_IMAGE="+lab(t).Builder), dir)
	test.Env = append(test.Env, "PATH="+filepath.Dir(docker)+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := test.CombinedOutput(); err != nil || !strings.Contains(string(out), "2 passed, 0 failed, 0 not run") {
		t.Errorf("make test: %v\n%s", err, out)
	}
}

// TestInitOverwritesNothing without --force, not even one of many.
func TestInitOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := extpack(t, dir, "init", "--yes")
	if r.code != 2 || !strings.Contains(r.stderr, "README.md: already exists") {
		t.Errorf("init: %+v", r)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
	if r := extpack(t, dir, "init", "--yes", "--force"); r.code != 0 {
		t.Errorf("init --force: %+v", r)
	}
	if r := extpack(t, dir, "init"); r.code != 0 || !strings.Contains(r.stderr, "it exists") {
		t.Errorf("init of what init made: %+v", r)
	}
	if r := extpack(t, t.TempDir(), "init"); r.code != 125 || !strings.Contains(r.stderr, "not a terminal") {
		t.Errorf("init without a terminal: %+v", r)
	}
}

// TestInitAdopts repositories for pack and jam: what is added changes no byte of
// the package.
func TestInitAdopts(t *testing.T) {
	t.Parallel()
	const script = "#!/bin/sh\n"
	for name, files := range map[string]map[string]string{
		"pack": {
			"extension.toml": "api = \"0.10\"\n[extension]\nid = \"acme/pack\"\nversion = \"1.0.0\"\n",
			"package.toml":   "[extension]\nuri = \".\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
			"bin/generate":   script, "README.md": "hello",
		},
		"jam": {
			"extension.toml": "api = \"0.7\"\n[extension]\nid = \"acme/jam\"\nversion = \"{{.version}}\"\n[metadata]\ninclude-files = [\"bin/generate\", \"extension.toml\"]\npre-package = \"./build.sh\"\n",
			"bin/generate":   script, "build.sh": script,
		},
		"ignoring": {
			"extension.toml": "api = \"0.10\"\n[extension]\nid = \"acme/ignoring\"\nversion = \"1.0.0\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
			"bin/generate":   script, ".dockerignore": "*.md\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, data := range files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(data), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			before := packageDigest(t, dir)
			r := extpack(t, dir, "init")
			if r.code != 0 {
				t.Fatalf("init: %+v", r)
			}
			if after := packageDigest(t, dir); after != before {
				t.Errorf("the package was %s and is %s:\n%s", before, after, r.stderr)
			}
			for file, data := range files {
				if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != data {
					t.Errorf("%s is %q, %v", file, got, err)
				}
			}
			want := map[string][]string{
				"pack":     {"added Makefile: runs", "added .dockerignore: excludes", "added .github/workflows/extpack.yml", "note: package.toml is read"},
				"jam":      {"added Makefile: runs", "note: the version is a placeholder", "note: metadata.pre-package is not run", "note: metadata.include-files is respected"},
				"ignoring": {"did not add Makefile: it would become part of the package", "did not add .dockerignore: it exists"},
			}[name]
			for _, line := range want {
				if !strings.Contains(r.stderr, line) {
					t.Errorf("%q was not printed:\n%s", line, r.stderr)
				}
			}
			if again := extpack(t, dir, "init"); again.code != 0 || strings.Contains(again.stderr, "\nadded") || strings.HasPrefix(again.stderr, "added") {
				t.Errorf("init once more: %+v", again)
			}
		})
	}
}

// packageDigest builds the package and returns the digest of its index or image.
func packageDigest(t *testing.T, dir string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "layout") + "/"
	args := []string{"build", "--engine", "embedded", "-q", "-o", out}
	if data, err := os.ReadFile(filepath.Join(dir, "extension.toml")); err == nil && strings.Contains(string(data), "{{") {
		args = append(args, "--version", "1.0.0")
	}
	if r := extpack(t, dir, args...); r.code != 0 {
		t.Fatalf("build: %+v", r)
	}
	data, err := os.ReadFile(filepath.Join(out, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct{ Manifests []struct{ Digest string } }
	if err := json.Unmarshal(data, &index); err != nil || len(index.Manifests) == 0 {
		t.Fatalf("%v: %s", err, data)
	}
	return index.Manifests[0].Digest
}
