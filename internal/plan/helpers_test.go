package plan

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/platform"
)

const head = "api = \"0.10\"\n[extension]\nid = \"samples/x\"\nversion = \"0.0.1\"\n"

const entryPoint = "#!/bin/sh\n"

// files maps names to contents; a name ending in "/" is a folder, "-> x" as
// content a link to x. Without an extension.toml it gets the smallest one.
type files map[string]string

func write(t *testing.T, dir string, f files) { t.Helper(); filetest.Fill(t, dir, f) }

// extensionDir makes an extension; its toml is what follows the smallest head.
func extensionDir(t *testing.T, toml string, f files) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, f)
	write(t, dir, files{extension.DescriptorFile: head + toml})
	return dir
}

func target(os, arch, variant string, rest ...string) string {
	toml := fmt.Sprintf("[[targets]]\nos = %q\narch = %q\n", os, arch)
	if variant != "" {
		toml += fmt.Sprintf("variant = %q\n", variant)
	}
	return toml + strings.Join(rest, "\n") + "\n"
}

func distros(names ...string) string {
	var list []string
	for _, n := range names {
		name, version, _ := strings.Cut(n, "@")
		list = append(list, fmt.Sprintf("{ name = %q, version = %q }", name, version))
	}
	return "distros = [" + strings.Join(list, ", ") + "]"
}

func flags(t *testing.T, specs ...string) Options {
	t.Helper()
	var opts Options
	for _, s := range specs {
		parsed, err := platform.ParseTarget(s)
		if err != nil {
			t.Fatal(err)
		}
		opts.Targets = append(opts.Targets, parsed)
	}
	return opts
}

// mustPlan plans one extension without any warning but those of the lists.
func mustPlan(t *testing.T, dir string, opts Options) *Extension {
	t.Helper()
	p, list, err := New(t.Context(), []string{dir}, opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) > 0 {
		t.Errorf("unexpected warnings: %v", list)
	}
	return p.Extensions[0]
}

// describe returns a line per image: name, os.version, distros, root.
func describe(e *Extension) []string {
	var out []string
	for _, image := range e.Images {
		name := "builder"
		switch {
		case image.Any:
			name = "any"
		case !platform.IsZero(image.Platform):
			name = platform.Format(image.Platform)
		}
		if image.Platform.OSVersion != "" {
			name += "(" + image.Platform.OSVersion + ")"
		}
		for _, d := range image.Distros {
			name += " " + d.String()
		}
		out = append(out, name+" in "+image.Root)
	}
	return out
}

// packed returns what an image holds, package name → source, folders left out.
func packed(t *testing.T, dir string, image Image) map[string]string {
	t.Helper()
	tree, err := content.Read(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	all, err := tree.Apply(image.Steps)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, f := range all {
		if !f.Mode.IsDir() {
			out[name] = f.Source
		}
	}
	return out
}

// wantInvalid checks that there are exactly these messages, in which DIR is dir.
func wantInvalid(t *testing.T, dir string, err error, want ...string) {
	t.Helper()
	if !diag.IsInvalid(err) {
		t.Fatalf("got %v (%T), want a *diag.InvalidError", err, err)
	}
	got := strings.ReplaceAll(diag.Text(err), dir, "DIR")
	if got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
