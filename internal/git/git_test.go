package git

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// repository returns a working tree with one commit, and a function that runs
// git in it.
func repository(t *testing.T) (string, func(args ...string)) {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "tag.gpgSign=false", "-c", "commit.gpgSign=false"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	write(t, filepath.Join(dir, "curl", "extension.toml"), "a")
	write(t, filepath.Join(dir, "other"), "a")
	git("add", ".")
	git("commit", "-qm", "first")
	return dir, git
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string) *Tree {
	t.Helper()
	tree, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		tags []string
		want string
		says string
	}{
		"plain":             {[]string{"v1.2.3"}, "1.2.3", ""},
		"both spellings":    {[]string{"v1.2.3", "1.2.3", "release"}, "1.2.3", ""},
		"of the extension":  {[]string{"v1.2.3", "curl/v2.0.0"}, "2.0.0", ""},
		"with a dash":       {[]string{"curl-v2.0.0", "wget-v3.0.0"}, "2.0.0", ""},
		"none":              {[]string{"nightly", "v1.2"}, "", "no tag of the commit"},
		"of another":        {[]string{"wget/v1.2.3"}, "", "no tag of the commit"},
		"several":           {[]string{"v1.2.3", "v1.2.4"}, "", "tags for the versions 1.2.3 and 1.2.4"},
		"a leading zero":    {[]string{"v1.02.3"}, "", "no tag of the commit"},
		"pre-release":       {[]string{"v1.2.3-rc1"}, "", "no tag of the commit"},
		"an annotated one":  {[]string{"-amx v1.2.3"}, "1.2.3", ""},
		"of an earlier one": {[]string{"v0.0.9 HEAD~1"}, "", "the last one is v0.0.9"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, git := repository(t)
			git("commit", "-qm", "second", "--allow-empty")
			for _, tag := range tc.tags {
				git(append([]string{"tag"}, strings.Fields(tag)...)...)
			}
			got, err := open(t, filepath.Join(dir, "curl")).Version(t.Context(), []string{"curl"}, nil)
			if got != tc.want || (err != nil) != (tc.says != "") || err != nil && (!diag.IsInvalid(err) || !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	dir, git := repository(t)
	git("tag", "v1.2.3")
	tree := open(t, filepath.Join(dir, "curl"))
	ignore := func(name string) bool { return strings.HasSuffix(name, ".cnb") }
	changes := func() []string {
		t.Helper()
		all, err := tree.Changes(t.Context(), ignore)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	write(t, filepath.Join(dir, "untracked elsewhere"), "")
	write(t, filepath.Join(dir, "curl", "x.cnb"), "")
	write(t, filepath.Join(dir, ".git", "info", "exclude"), "*.log\n")
	write(t, filepath.Join(dir, "curl", "x.log"), "")
	if got := changes(); len(got) > 0 {
		t.Errorf("changes are %q", got)
	}
	write(t, filepath.Join(dir, "curl", "new file"), "")
	write(t, filepath.Join(dir, "other"), "changed")
	if got := changes(); !slices.Equal(got, []string{"M other", "?? new file"}) {
		t.Errorf("changes are %q", got)
	}
	if _, err := tree.Version(t.Context(), nil, ignore); err == nil || !strings.Contains(err.Error(), "differs from the commit: M other, ?? new file") {
		t.Errorf("Version returns %v", err)
	}
}

// TestOpenRunsNoProgram: a repository of a stranger names programs.
func TestOpenRunsNoProgram(t *testing.T) {
	t.Parallel()
	dir, git := repository(t)
	ran := filepath.Join(t.TempDir(), "ran")
	program := filepath.Join(t.TempDir(), "program")
	write(t, program, "#!/bin/sh\necho \"$0\" >> "+ran+"\ncat\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, ".gitattributes"), "* filter=evil diff=evil\n")
	git("add", ".gitattributes")
	git("commit", "-qm", "attributes")
	for _, name := range []string{"core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.command", "core.pager", "core.editor", "core.sshCommand", "gpg.program", "credential.helper", "core.askPass"} {
		git("config", name, program)
	}
	git("config", "filter.evil.required", "true")
	write(t, filepath.Join(dir, "other"), "b") // same size, so git reads it
	tree := open(t, dir)
	if _, err := tree.Commit(t.Context()); err != nil {
		t.Error(err)
	}
	if got, err := tree.Changes(t.Context(), nil); err != nil || !slices.Equal(got, []string{"M other"}) {
		t.Errorf("changes are %q, %v", got, err)
	}
	if _, err := tree.Tags(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := tree.Origin(t.Context()); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(ran); err == nil {
		t.Errorf("git ran programs of the repository: %s", data)
	}
}

// TestOpenFindsEveryFilter: a repository has several files of settings, and names
// that end early where an argument is split.
func TestOpenFindsEveryFilter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		filter string
		config []string
		says   string
	}{
		"of the working tree": {"evil", []string{"--worktree"}, ""},
		"of an included file": {"evil", []string{"--file", ".git/more"}, ""},
		"with a sign":         {"a=b", nil, `the filter setting "filter.a=b.clean", which cannot be turned off`},
	} {
		dir, git := repository(t)
		ran, program := filepath.Join(t.TempDir(), "ran"), filepath.Join(t.TempDir(), "program")
		write(t, program, "#!/bin/sh\necho \"$0\" >> "+ran+"\ncat\n")
		if err := os.Chmod(program, 0o755); err != nil {
			t.Fatal(err)
		}
		git("config", "core.repositoryFormatVersion", "1")
		git("config", "extensions.worktreeConfig", "true")
		git("config", "include.path", "more")
		git(append(append([]string{"config"}, tc.config...), "filter."+tc.filter+".clean", program)...)
		write(t, filepath.Join(dir, ".gitattributes"), "* filter="+tc.filter+"\n")
		write(t, filepath.Join(dir, "other"), "b") // same size, so git reads it
		tree, err := Open(t.Context(), dir)
		if tc.says != "" {
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: got %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Changes(t.Context(), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if data, err := os.ReadFile(ran); err == nil {
			t.Errorf("%s: git ran a program of the repository: %s", name, data)
		}
	}
}

// TestOpenFetchesNothing: a partial clone fetches what it lacks from a remote that
// its own configuration names, which may be a program.
func TestOpenFetchesNothing(t *testing.T) {
	dir, git := repository(t)
	ran := filepath.Join(t.TempDir(), "ran")
	program := filepath.Join(t.TempDir(), "program")
	write(t, program, "#!/bin/sh\necho \"$0\" >> "+ran+"\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	tree := open(t, dir)
	id, err := tree.run(t.Context(), "rev-parse", "HEAD^{tree}")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"core.repositoryFormatVersion": "1", "extensions.partialClone": "origin", "remote.origin.promisor": "true", "remote.origin.url": "ext::" + program + " x",
		"remote.origin.uploadpack": program, "core.sshCommand": program, "protocol.ext.allow": "always", "protocol.allow": "always",
	} {
		git("config", name, value)
	}
	if err := os.Remove(filepath.Join(dir, ".git", "objects", id[:2], id[2:])); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"ext::" + program + " x", "ssh://host/x", filepath.Dir(program)} {
		git("config", "remote.origin.url", url)
		if changes, err := tree.Changes(t.Context(), nil); err == nil {
			t.Errorf("%s: changes are %q without the tree of the commit", url, changes)
		}
		if data, err := os.ReadFile(ran); err == nil {
			t.Errorf("%s: git ran programs of the repository: %s", url, data)
		}
		// What the test would see.
		cmd := exec.Command("git", "status")
		cmd.Dir = dir
		_ = cmd.Run() // it fails, the program is not a server
		if _, err := os.ReadFile(ran); err != nil {
			t.Errorf("%s: plain git ran nothing", url)
		}
		_ = os.Remove(ran)
	}
}

func TestOpenElsewhere(t *testing.T) {
	t.Parallel()
	if _, err := Open(t.Context(), t.TempDir()); !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), "is not in a Git repository\n  ") {
		t.Errorf("got %v", err)
	}
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	if _, err := open(t, dir).Commit(t.Context()); !diag.IsInvalid(err) || !strings.Contains(err.Error(), "has no commit") {
		t.Errorf("got %v", err)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"https://user:secret@example.com/acme/x.git":  "https://example.com/acme/x.git",
		"https://token@example.com/acme/x.git":        "https://example.com/acme/x.git",
		"https://example.com/x.git?token=secret#frag": "https://example.com/x.git",
		"ssh://git:secret@example.com:22/acme/x.git":  "ssh://git@example.com:22/acme/x.git",
		"git@example.com:acme/x.git":                  "git@example.com:acme/x.git",
		"example.com:acme/x.git":                      "example.com:acme/x.git",
		"git://example.com/acme/x.git":                "git://example.com/acme/x.git",
		"/home/me/x.git":                              "",
		"../x.git":                                    "",
		"file:///home/me/x.git":                       "",
		`C:\x`:                                        "",
		"":                                            "",
	} {
		if got := Clean(remote); got != want {
			t.Errorf("%q: got %q, want %q", remote, got, want)
		}
	}
}
