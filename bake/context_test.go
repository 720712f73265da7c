package bake

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

func TestContextIsRelativeToTheFile(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	p := mustPlan(t, plan.Options{}, extensionDir(t, work, "a/b", "x", "", bin))
	for from, want := range map[string]string{"": "a/b", "a": "b", "a/b": ".", "a/b/bin": "..", "c/d": "../../a/b"} {
		dir := filepath.Join(work, from)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if got := *evaluate(t, mustFile(t, p, dir), "default")["x"].Context; got != want {
			t.Errorf("from %q: got %q, want %q", from, got, want)
		}
		checkEvaluated(t, p, dir)
	}
}

// The system goes up from the target of a link, not from the link.
func TestContextFromALinkedFolder(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	link := filepath.Join(work, "link")
	deep := filepath.Join(work, "d", "e", "e", "p")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(deep, link); err != nil {
		t.Fatal(err)
	}
	p := mustPlan(t, plan.Options{}, extensionDir(t, work, "x", "x", "", bin))
	checkEvaluated(t, p, link)
	// A folder below the file's own is named as the user names it.
	if err := os.Symlink(filepath.Join(work, "x"), filepath.Join(deep, "x")); err != nil {
		t.Fatal(err)
	}
	p = mustPlan(t, plan.Options{}, filepath.Join(link, "x"))
	checkEvaluated(t, p, link)
	if got := *evaluate(t, mustFile(t, p, link), "default")["x"].Context; got != "x" {
		t.Errorf("got %q", got)
	}
}

// A folder is a folder, also if its name is that of a repository.
func TestContextCalledLikeARepository(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	for name, want := range map[string]string{
		"github.com/acme/x": filepath.Join(work, "github.com/acme/x"), "git@r.example:x": filepath.Join(work, "git@r.example:x"),
		"github.com": "github.com", "a:b": "./a:b", "src/github.com/acme/x": "src/github.com/acme/x",
	} {
		p := bare([]plan.Image{{Root: "."}}, "x")
		p.Extensions[0].Dir = filepath.Join(work, name)
		if got := *evaluate(t, mustFile(t, p, work), "default")["x"].Context; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// bake would read another file than the one that is looked at here.
func TestDockerfileCalledLikeOneOfBake(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	if err := os.MkdirAll(filepath.Join(work, "x", "cwd:"), 0o755); err != nil {
		t.Skip(err) // not a name on this system
	}
	p := mustPlan(t, plan.Options{}, extensionDir(t, work, "x", "x", targetTOML("linux/amd64")+"[metadata.extpack.build]\ndockerfile = \"cwd:///a/Dockerfile\"\n",
		files{"cwd:/a/Dockerfile": "FROM scratch\n"}))
	if got := *evaluate(t, mustFile(t, p, work), "default")["x-build"].Dockerfile; got != "cwd:/a/Dockerfile" {
		t.Errorf("got %q", got)
	}
}

func TestContextThatHCLWouldChange(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	for _, name := range []string{"e\u0301", "a\xff"} {
		dir := filepath.Join(work, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Skip(err) // not a name on this system
		}
		p := bare([]plan.Image{{Root: "."}}, "x")
		p.Extensions[0].Dir = dir
		if _, err := File(p, work, FileOptions{}); !diag.IsInvalid(err) {
			t.Errorf("%q: got %v", name, err)
		}
	}
}
