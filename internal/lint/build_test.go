package lint_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/plan"
)

// TestBuild reports errors, and warnings about secrets, each with its rule and a
// hint. An extension with an error is left out.
func TestBuild(t *testing.T) {
	t.Parallel()
	sound, secret, broken := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{sound, secret, broken} {
		id := "samples/" + filepath.Base(filepath.Dir(dir)) + filepath.Base(dir)
		write(t, filepath.Join(dir, "extension.toml"), strings.Replace(soundDescriptor, "samples/tool", strings.ToLower(id), 1))
		write(t, filepath.Join(dir, "bin/generate"), "#!/bin/sh\n")
	}
	write(t, filepath.Join(secret, "a/.env"), "A=1\n")
	write(t, filepath.Join(broken, "bin/detect"), "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00\x01\x00\x00\x00"+strings.Repeat("\x00", 40))
	for _, c := range []struct {
		opts  lint.BuildOptions
		clean int
		want  string
	}{
		{lint.BuildOptions{}, 2, "warning secret, error binary-platform"},
		{lint.BuildOptions{AllowSecrets: true}, 2, "error binary-platform"},
		{lint.BuildOptions{AllowMismatch: true}, 3, "warning secret"},
	} {
		p, _, err := plan.New(t.Context(), []string{sound, secret, broken}, plan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		clean, found, err := lint.Build(t.Context(), p, c.opts)
		if err != nil || len(clean) != c.clean {
			t.Errorf("%+v: %d extensions without errors, %v", c.opts, len(clean), err)
		}
		var got []string
		for _, d := range found {
			got = append(got, d.Severity.String()+" "+d.Rule)
			if !strings.HasSuffix(d.Message, " ["+d.Rule+"]") || d.Hint == "" {
				t.Errorf("%+v", d)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%+v: %v, want %s", c.opts, got, c.want)
		}
	}
}

// TestBuildOfNothing warns once of an extension that does nothing, and tells when
// an ignore file may be why.
func TestBuildOfNothing(t *testing.T) {
	t.Parallel()
	const second = "\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"detect only": {
			map[string]string{"bin/detect": "#!/bin/sh\n"},
			"DIR: warning: the extension has neither bin/generate nor a folder generate, so it has no effect [entry-point-missing]",
		},
		"excluded": {
			map[string]string{"bin/generate": "#!/bin/sh\n", ".dockerignore": "*\n!extension.toml\n"},
			"DIR: warning: the extension has neither bin/generate nor a folder generate, so it has no effect (does .dockerignore exclude bin/generate?) [entry-point-missing]",
		},
		"one platform": {
			map[string]string{"linux/amd64/bin/generate": "#!/bin/sh\n", "linux/arm64/bin/build": "#!/bin/sh\n"},
			"DIR: warning: linux/arm64 has neither bin/generate nor a folder generate, so it has no effect [entry-point-missing]",
		},
		"static": {map[string]string{"generate/run.Dockerfile": "ARG base_image\nFROM ${base_image}\n"}, ""},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "extension.toml"), soundDescriptor+second)
		for file, text := range c.files {
			write(t, filepath.Join(dir, file), text)
		}
		p, list, err := plan.New(t.Context(), []string{dir}, plan.Options{})
		if err != nil || len(list) > 0 {
			t.Fatal(name, list, err)
		}
		_, found, err := lint.Build(t.Context(), p, lint.BuildOptions{})
		var got []string
		for _, d := range found {
			got = append(got, strings.ReplaceAll(d.String(), dir, "DIR"))
		}
		if err != nil || strings.Join(got, "\n") != c.want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}
