package grants

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/safefile"
)

// git runs git, whose word on repositories is the one that counts.
func git(t *testing.T, dir string, args ...string) (string, bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err == nil
}

func mustGit(t *testing.T, dir string, args ...string) {
	t.Helper()
	if _, ok := git(t, dir, args...); !ok {
		t.Fatalf("git %q failed", args)
	}
}

// TestRepository compares with git, over what a .git can be and whose it is.
func TestRepository(t *testing.T) {
	const stranger = 12345
	asRoot := os.Geteuid() == 0
	for name, tt := range map[string]struct {
		make   func(t *testing.T, dir string) // makes dir/repo, in which dir/repo/a/b is looked at
		config string
		sudo   string
		root   bool // only root can make it
		want   string
	}{
		"plain":      {make: func(t *testing.T, dir string) { mustGit(t, dir, "init", "-q", "repo") }, want: "repo"},
		"nothing":    {make: func(*testing.T, string) {}, want: "repo/a/b"},
		"empty .git": {make: func(t *testing.T, dir string) { mkdir(t, dir, "repo/.git") }, want: "repo/a/b"},
		"empty .git below a repository": {make: func(t *testing.T, dir string) {
			mustGit(t, dir, "init", "-q", "repo")
			mkdir(t, dir, "repo/a/.git")
		}, want: "repo"},
		"linked worktree": {make: func(t *testing.T, dir string) {
			mustGit(t, dir, "init", "-q", "main")
			mustGit(t, dir+"/main", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x")
			if err := os.RemoveAll(dir + "/repo"); err != nil {
				t.Fatal(err)
			}
			mustGit(t, dir+"/main", "worktree", "add", "-q", "../repo")
			mkdir(t, dir, "repo/a/b")
		}, want: "repo"},
		"file that leads nowhere": {make: func(t *testing.T, dir string) {
			if err := os.WriteFile(dir+"/repo/.git", []byte("gitdir: /nowhere\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, want: "repo/a/b"},
		"another user's .git": {root: true, make: func(t *testing.T, dir string) {
			mustGit(t, dir, "init", "-q", "repo")
			chown(t, dir+"/repo/.git", stranger)
		}, want: "repo/a/b"},
		"another user's folder": {root: true, make: func(t *testing.T, dir string) {
			mustGit(t, dir, "init", "-q", "repo")
			chown(t, dir+"/repo", stranger)
		}, want: "repo/a/b"},
		"that of who called sudo": {root: true, sudo: "12345", make: func(t *testing.T, dir string) {
			mustGit(t, dir, "init", "-q", "repo")
			chown(t, dir+"/repo", stranger)
			chown(t, dir+"/repo/.git", stranger)
		}, want: "repo"},
		"that of who did not call sudo": {root: true, sudo: "12346", make: func(t *testing.T, dir string) {
			mustGit(t, dir, "init", "-q", "repo")
			chown(t, dir+"/repo/.git", stranger)
		}, want: "repo/a/b"},
		"safe by its name": {root: true, config: "[safe]\n\tdirectory = DIR/repo\n", make: func(t *testing.T, dir string) {
			mustGit(t, dir, "init", "-q", "repo")
			chown(t, dir+"/repo/.git", stranger)
		}, want: "repo"},
		"safe as all are": {root: true, config: "[safe]\n\tdirectory = *\n", make: func(t *testing.T, dir string) {
			mustGit(t, dir, "init", "-q", "repo")
			chown(t, dir+"/repo/.git", stranger)
		}, want: "repo"},
		"not safe any more": {root: true, config: "[safe]\n\tdirectory = *\n\tdirectory =\n", make: func(t *testing.T, dir string) {
			mustGit(t, dir, "init", "-q", "repo")
			chown(t, dir+"/repo/.git", stranger)
		}, want: "repo/a/b"},
		"another one is safe": {root: true, config: "[safe]\n\tdirectory = DIR/repo/a\n", make: func(t *testing.T, dir string) {
			mustGit(t, dir, "init", "-q", "repo")
			chown(t, dir+"/repo/.git", stranger)
		}, want: "repo/a/b"},
		"safe by its own configuration": {root: true, make: func(t *testing.T, dir string) {
			mustGit(t, dir, "init", "-q", "repo")
			mustGit(t, dir+"/repo", "config", "safe.directory", "*")
			chown(t, dir+"/repo/.git", stranger)
		}, want: "repo/a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.root && !asRoot {
				t.Skip("only root can give files to another user")
			}
			dir, err := safefile.Real(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			home := t.TempDir()
			t.Setenv("HOME", home)
			t.Setenv("XDG_CONFIG_HOME", home)
			t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			t.Setenv("GIT_CEILING_DIRECTORIES", dir)
			t.Setenv("SUDO_UID", tt.sudo)
			if err := os.WriteFile(home+"/.gitconfig", []byte(strings.ReplaceAll(tt.config, "DIR", dir)), 0o644); err != nil {
				t.Fatal(err)
			}
			mkdir(t, dir, "repo/a/b")
			tt.make(t, dir)
			at := filepath.Join(dir, "repo/a/b")
			got, disowned := RepositoryOf(at)
			if got != filepath.Join(dir, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			said, ok := git(t, at, "rev-parse", "--show-toplevel")
			if ok != (got != at) || ok && said != got {
				t.Errorf("git says %q, %v", said, ok)
			}
			if foreign := tt.root && tt.want == "repo/a/b"; foreign != (disowned != "") {
				t.Errorf("disowned is %q", disowned)
			}
		})
	}
}

// A home directory under version control is not a repository of what is in it.
func TestRepositoryIsNotTheHome(t *testing.T) {
	home, err := safefile.Real(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	mustGit(t, home, "init", "-q")
	mkdir(t, home, "x")
	if got, _ := RepositoryOf(home + "/x"); got != home+"/x" {
		t.Errorf("got %s", got)
	}
}

func mkdir(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
		t.Fatal(err)
	}
}

func chown(t *testing.T, name string, id int) {
	t.Helper()
	if err := os.Chown(name, id, id); err != nil {
		t.Fatal(err)
	}
}

// TestRepositoryOfTemporary: what was fetched into a temporary folder is not part
// of the repository around it.
func TestRepositoryOfTemporary(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"HEAD", "objects/x", "refs/x"} {
		file := filepath.Join(dir, ".git", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	within := filepath.Join(dir, ".extpack-1", "extension", "curl")
	if err := os.MkdirAll(within, 0o755); err != nil {
		t.Fatal(err)
	}
	if root, _ := RepositoryOf(filepath.Join(dir, "other")); root != dir {
		t.Errorf("the repository is %s", root)
	}
	if root, _ := RepositoryOf(within); root != within {
		t.Errorf("the repository of what was fetched is %s", root)
	}
}
