package grants

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/scratch"
)

// maxGitFile bounds what is read of a file that contains a path.
const maxGitFile = 64 << 10

// RepositoryOf returns the root of the Git repository that contains dir, or dir
// itself. dir must be absolute, without symbolic links.
//
// It follows git's rules since CVE-2022-24765 (git-config, "safe.directory"):
// the first .git that refers to a repository is used if its parent, itself, and
// its target belong to the current user. A repository of another user is not
// used; then disowned is its root. Neither is one at a home directory, which
// contains the configuration of programs.
func RepositoryOf(dir string) (root, disowned string) {
	home, err := os.UserHomeDir()
	if err == nil {
		home, _ = safefile.Real(home)
	}
	for at := dir; at != filepath.Dir(at) && at != home; at = filepath.Dir(at) {
		if temporary, _ := filepath.Match(scratch.Pattern, filepath.Base(at)); temporary {
			break // what was fetched or extracted has nothing in common with what is around
		}
		gitDir, ok := gitDirOf(filepath.Join(at, ".git"))
		if !ok {
			continue
		}
		for _, name := range []string{at, filepath.Join(at, ".git"), gitDir} {
			if !ownedByUser(name) && !safeDirectory(at) {
				return dir, at
			}
		}
		return at, ""
	}
	return dir, ""
}

// gitDirOf returns the Git directory for a .git directory or file.
func gitDirOf(name string) (string, bool) {
	info, err := os.Stat(name)
	if err != nil {
		return "", false
	}
	if info.Mode().IsRegular() {
		// gitrepository-layout: "a plain text file … containing gitdir: <path>".
		data, err := safefile.ReadNamed(name, maxGitFile)
		target, ok := bytes.CutPrefix(data, []byte("gitdir: "))
		if err != nil || !ok {
			return "", false
		}
		path := strings.TrimRight(string(target), "\r\n")
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(name), path)
		}
		name = path
	}
	return name, isGitDir(name)
}

// isGitDir reports whether git would accept a folder as a repository
// (gitrepository-layout): it has HEAD, objects and refs. A linked working tree
// shares the latter two with the main one.
func isGitDir(name string) bool {
	if _, err := os.Lstat(filepath.Join(name, "HEAD")); err != nil {
		return false
	}
	common := name
	if data, err := safefile.ReadNamed(filepath.Join(name, "commondir"), maxGitFile); err == nil {
		common = strings.TrimRight(string(data), "\r\n")
		if !filepath.IsAbs(common) {
			common = filepath.Join(name, common)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	for _, folder := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(common, folder)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// safeDirectory reports whether the user's git configuration declares the
// repository in dir safe. git runs outside any repository, so that it only
// reads the configuration of the user and the system.
func safeDirectory(dir string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", "config", "-z", "--type=path", "--get-all", "safe.directory")
	cmd.Dir = string(filepath.Separator)
	cmd.Env = append(os.Environ(), "GIT_DIR="+os.DevNull)
	out, err := cmd.Output()
	if err != nil {
		return false // git is not installed, or has no such setting
	}
	safe := false
	for value := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		switch prefix, all := strings.CutSuffix(value, "/*"); {
		case value == "":
			safe = false // an empty value resets the list
		case value == "*":
			safe = true
		case all:
			root, err := safefile.Real(prefix)
			safe = safe || err == nil && root != dir && safefile.Within(root, dir)
		default:
			root, err := safefile.Real(value)
			safe = safe || filepath.IsAbs(value) && err == nil && root == dir
		}
	}
	return safe
}
