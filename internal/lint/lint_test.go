package lint_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lint"
)

// garbage are a million bytes of each kind that are not input.
func garbage() map[string]string {
	const size = 1_000_000
	random := make([]byte, size)
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(random) // never fails
	return map[string]string{
		"random":   string(random),
		"one line": strings.Repeat("x", size),
		"brackets": strings.Repeat("[", size),
		"lines":    strings.Repeat("RUN x\n", size/6),
		"heredocs": strings.Repeat("RUN <<A\n", size/8),
		"commands": "ARG base_image\nFROM ${base_image}\n" + strings.Repeat("CMD x\nCOPY *.x /\n", size/16),
		"escapes":  strings.Repeat("RUN \\\n", size/6),
	}
}

// BenchmarkGarbage has garbage as a descriptor and as a Dockerfile, which must be
// refused, and soon.
func BenchmarkGarbage(b *testing.B) {
	for name, text := range garbage() {
		for _, file := range []string{"extension.toml", "generate/build.Dockerfile", "generate/extend-config.toml", "detect/plan.toml"} {
			b.Run(filepath.Base(file)+"/"+name, func(b *testing.B) {
				dir := b.TempDir()
				write(b, filepath.Join(dir, "extension.toml"), soundDescriptor)
				write(b, filepath.Join(dir, filepath.FromSlash(file)), text)
				for b.Loop() {
					refused(b, dir)
				}
			})
		}
	}
}

// TestGarbage checks that every kind of garbage is refused.
func TestGarbage(t *testing.T) {
	t.Parallel()
	for name, text := range garbage() {
		for _, file := range []string{"extension.toml", "generate/build.Dockerfile"} {
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) {
				dir := t.TempDir()
				write(t, filepath.Join(dir, "extension.toml"), soundDescriptor)
				write(t, filepath.Join(dir, filepath.FromSlash(file)), text)
				refused(t, dir)
			})
		}
	}
}

func BenchmarkDir(b *testing.B) {
	dir := b.TempDir()
	write(b, filepath.Join(dir, "extension.toml"), soundDescriptor)
	write(b, filepath.Join(dir, "bin/detect"), "#!/bin/sh\n")
	write(b, filepath.Join(dir, "bin/generate"), "#!/bin/sh\n")
	for b.Loop() {
		if _, err := lint.Dir(b.Context(), dir, ""); err != nil {
			b.Fatal(err)
		}
	}
}

const soundDescriptor = `api = "0.10"
[extension]
id = "samples/tool"
version = "0.0.1"
[[targets]]
os = "linux"
arch = "amd64"
`

func refused(t testing.TB, dir string) {
	t.Helper()
	r, err := lint.Dir(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if r.Findings.Err() == nil {
		t.Fatalf("nothing is wrong: %v", r.Findings)
	}
	for _, d := range r.Findings {
		if len(d.Message) > 1000 && d.Severity == diag.Error {
			t.Fatalf("a message of %d bytes", len(d.Message))
		}
	}
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Several exceptions, of which one is for nothing, and one path of two.
func TestExceptions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ignore := func(rule, path string) string {
		return fmt.Sprintf("[[metadata.extpack.lint.ignore]]\nrule = %q\npath = %q\nreason = \"a test\"\n", rule, path)
	}
	write(t, filepath.Join(dir, "extension.toml"), soundDescriptor+ignore("secret", "a")+ignore("secret", "gone")+ignore("dockerfile-stages", "generate"))
	write(t, filepath.Join(dir, "a/.env"), "A=1\n")
	write(t, filepath.Join(dir, "b/.env"), "A=1\n")
	write(t, filepath.Join(dir, "generate/run.Dockerfile"), "FROM x\nFROM y\n")
	r, err := lint.Dir(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range r.Findings {
		got = append(got, strings.TrimPrefix(d.File, dir+string(filepath.Separator))+" "+d.Rule)
	}
	want := "b/.env secret|generate/run.Dockerfile run-image-builder|extension.toml lint-exception"
	sorted := strings.Join(got, "|")
	for _, w := range strings.Split(want, "|") {
		if !strings.Contains(sorted, w) {
			t.Errorf("%s is not among %s", w, sorted)
		}
	}
	if len(got) != 3 {
		t.Errorf("got %s", sorted)
	}
}

// TestFix repairs files, and leaves what is none of the extension's alone.
func TestFix(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "script")
	write(t, outside, "#!/bin/sh\r\n")
	write(t, filepath.Join(dir, "extension.toml"), "# a comment\n"+strings.Replace(soundDescriptor, "api = \"0.10\"\n", "", 1)+"[[targets]]\nos = 'macos'\narch = \"aarch64\"\narch-variant = \"v8\"\n")
	write(t, filepath.Join(dir, "bin/generate"), "\ufeff#!/bin/sh\r\necho \r\n")
	var list diag.List
	for range 2 { // each repair may uncover another
		r, err := lint.Dir(t.Context(), dir, "")
		if err != nil {
			t.Fatal(err)
		}
		list = r.Findings
		if _, err := lint.Fix(list); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{
		"bin/generate": "#!/bin/sh\necho \n",
		"extension.toml": "# a comment\napi = \"0.10\"\n" + strings.Replace(soundDescriptor, "api = \"0.10\"\n", "", 1) +
			"[[targets]]\nos = 'macos'\narch = \"arm64\"\nvariant = \"v8\"\narch-variant = \"v8\"\n",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "bin/generate")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	if diff, err := lint.Fix(diag.List{{Position: diag.Position{File: link}, Rule: "script-interpreter"}}); err != nil || diff != "" {
		t.Errorf("a link was followed: %q, %v", diff, err)
	}
}

// A quarter of a megabyte is read, and must not take long or say much.
func TestManyFindings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "extension.toml"), soundDescriptor)
	write(t, filepath.Join(dir, "generate/context/a"), "")
	write(t, filepath.Join(dir, "generate/build.Dockerfile"), "ARG base_image\nFROM ${base_image}\n"+strings.Repeat("CMD x\nCOPY *.x y /\n", 12_000))
	r, err := lint.Dir(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Findings); n < 20 || n > 60 {
		t.Errorf("%d findings", n)
	}
}
