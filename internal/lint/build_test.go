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
