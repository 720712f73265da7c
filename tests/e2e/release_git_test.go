package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gitIn runs git in a folder, and returns what it prints.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commitAll makes a repository of a folder.
func commitAll(t *testing.T, dir string) (commit string) {
	t.Helper()
	gitIn(t, dir, "init", "-q")
	gitIn(t, dir, "add", ".")
	gitIn(t, dir, "commit", "-qm", "first")
	return gitIn(t, dir, "rev-parse", "HEAD")
}

// TestVersionFromGit publishes the version of the tag, with commit and origin.
func TestVersionFromGit(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/curl/extension.toml", strings.Replace(descriptor("samples/curl", linuxTargets+"\n[metadata.extpack]\ngit = true\n"), "version = \"1.2.3\"\n", "", 1))
	writeFile(t, dir+"/curl/bin/detect", script)
	writeFile(t, dir+"/curl/bin/generate", script)
	commit := commitAll(t, dir)
	gitIn(t, dir, "remote", "add", "origin", "https://user:secret@example.com/acme/extensions.git")
	repository := strings.TrimSuffix(tag(t, ""), ":")
	args := []string{"build", "--engine", "embedded", "--push", "-t", repository + ":{{.Version}}", "--version-from", "git", filepath.Join(dir, "curl")}
	refuse := func(code int, says ...string) {
		t.Helper()
		r := extpack(t, t.TempDir(), args...)
		for _, s := range says {
			if r.code != code || r.stdout != "" || !strings.Contains(r.stderr, s) {
				t.Errorf("exit code %d, want %q\n%s", r.code, s, r.stderr)
			}
		}
	}
	refuse(2, "no tag of the commit "+commit[:12]+" is a version", "git fetch --tags")
	gitIn(t, dir, "tag", "curl/v4.5.6")
	writeFile(t, dir+"/curl/bin/detect", script+"# changed\n")
	refuse(2, "the working tree differs from the commit: M curl/bin/detect")
	gitIn(t, dir, "checkout", "-q", ".")
	mustExtpack(t, t.TempDir(), args...)
	p := fetch(t, repository+":4.5.6")
	if a := p.index.Annotations; a["org.opencontainers.image.revision"] != commit || a["org.opencontainers.image.source"] != "https://example.com/acme/extensions.git" || a["org.opencontainers.image.version"] != "4.5.6" {
		t.Errorf("annotations are %v", a)
	}
	if got := verifyJSON(t, 0, repository+":4.5.6"); len(got.Findings) > 0 {
		t.Errorf("verify finds %v", got.ids())
	}

	// A revision that files differ from is not pushed, unless that is allowed.
	writeFile(t, dir+"/curl/new", "x")
	args = []string{"build", "--engine", "embedded", "--push", "-t", repository + ":edge", "--version", "5.0.0", filepath.Join(dir, "curl")}
	refuse(2, "the revision "+commit[:12]+" cannot be pushed: the working tree differs from the commit: ?? new", "--allow-dirty")
	mustExtpack(t, t.TempDir(), append(args, "--allow-dirty")...)
	if a := fetch(t, repository+":edge").index.Annotations; a["org.opencontainers.image.revision"] != commit+"-dirty" {
		t.Errorf("annotations are %v", a)
	}
	mustExtpack(t, t.TempDir(), "build", "--engine", "embedded", "-o", "x.cnb", "--version", "5.0.0", filepath.Join(dir, "curl"))

	// Where there is no repository, the flag fails and the descriptor does not.
	bare := copyTree(t, filepath.Join(dir, "curl"), 0, 0)
	if r := extpack(t, t.TempDir(), "build", "--engine", "embedded", "--version", "5.0.0", bare); r.code != 0 || !strings.Contains(r.stderr, "source and revision are left out") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	if r := extpack(t, t.TempDir(), "build", "--engine", "embedded", "--version", "5.0.0", "--git", bare); r.code != 2 || !strings.Contains(r.stderr, "is not in a Git repository") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
}
