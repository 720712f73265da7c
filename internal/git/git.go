// Package git runs the user's git to read what a working tree was checked out
// of: the commit, its tags, whether files differ from it, and the origin.
//
// A repository may come from a stranger, as part of an archive. git then runs
// with its hooks and monitors turned off, and without the filters that the
// repository itself configures, because all of these are programs.
package git

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// Tree is a directory of a working tree.
type Tree struct {
	dir    string
	config []string
}

// Open returns the working tree that contains dir. The error is a
// [*diag.HintError] if there is none, or git does not trust it.
func Open(ctx context.Context, dir string) (*Tree, error) {
	t := &Tree{dir: dir, config: inert}
	inside, err := t.run(ctx, "rev-parse", "--is-inside-work-tree")
	if err != nil {
		return nil, err
	}
	if inside != "true" {
		return nil, diag.WithHint(diag.Invalidf("%s is not in a working tree of Git", dir), "run it in a clone, or leave out the options that read Git")
	}
	filters, err := t.filters(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range filters {
		value := ""
		if strings.HasSuffix(name, ".required") {
			value = "false"
		}
		t.config = append(slices.Clip(t.config), "-c", name+"="+value)
	}
	return t, nil
}

// filters returns the names of the settings of filters that the repository
// itself configures, in .git/config, in .git/config.worktree, or in files that
// these include. Those of the user, such as Git LFS, stay.
func (t *Tree) filters(ctx context.Context) ([]string, error) {
	out, err := t.run(ctx, "config", "--includes", "--show-scope", "--name-only", "--get-regexp", `^filter\.`)
	if err != nil && !isExit(err, 1) { // there are none
		return nil, err
	}
	var names []string
	for line := range strings.Lines(out) {
		scope, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case scope == "system", scope == "global", scope == "command":
			continue
		case strings.Contains(name, "="):
			// -c would take the name up to here.
			return nil, diag.WithHint(fmt.Errorf("the Git repository of %s configures the filter setting %q, which cannot be turned off", t.dir, name), "remove it from the configuration of the repository, or leave out the options that read Git")
		}
		names = append(names, name)
	}
	return names, nil
}

// inert are settings under which reading a repository starts no program of it.
var inert = []string{"-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.pager=cat"}

// offline are variables under which git fetches nothing, not even the missing
// objects of a partial clone, whose remote is the choice of a stranger. Old
// versions do not know GIT_NO_LAZY_FETCH.
var offline = []string{"GIT_ALLOW_PROTOCOL="}

// Commit returns the digest of the commit that is checked out.
func (t *Tree) Commit(ctx context.Context) (string, error) {
	return t.run(ctx, "rev-parse", "--verify", "HEAD^{commit}")
}

// Changes returns what differs from the commit, as "git status" lists it:
// tracked files anywhere, and in the directory also others that are not ignored.
// ignore, if not nil, is called for the latter, with the path relative to the
// directory.
func (t *Tree) Changes(ctx context.Context, ignore func(name string) bool) ([]string, error) {
	var all []string
	tracked, err := t.run(ctx, "status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=dirty", "--no-renames")
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(tracked, "\x00") {
		if line != "" {
			all = append(all, strings.TrimSpace(line))
		}
	}
	others, err := t.run(ctx, "ls-files", "-z", "--others", "--exclude-standard", "--", ".")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(others, "\x00") {
		if name != "" && (ignore == nil || !ignore(name)) {
			all = append(all, "?? "+name)
		}
	}
	return all, nil
}

// Tags returns the tags of the commit that is checked out.
func (t *Tree) Tags(ctx context.Context) ([]string, error) {
	out, err := t.run(ctx, "tag", "--points-at", "HEAD")
	if err != nil {
		return nil, err
	}
	return strings.Fields(out), nil
}

// Origin returns the URL of the remote called origin, without credentials, or ""
// if there is none that others can reach.
func (t *Tree) Origin(ctx context.Context) (string, error) {
	out, err := t.run(ctx, "config", "--get", "remote.origin.url")
	if err != nil && !isExit(err, 1) {
		return "", err
	}
	return Clean(out), nil
}

// unset are variables that would lead git to another repository.
var unset = []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"}

// Environ returns the environment of git: it asks for nothing, speaks English,
// and writes nothing to a repository that is read.
func Environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(unset, name)
	})
	return append(env, "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "LC_ALL=C")
}

// runError is a failed run of git.
type runError struct {
	args   []string
	stderr string
	err    error
}

func (e *runError) Error() string {
	message, before := e.err.Error(), ""
	for line := range strings.Lines(e.stderr) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "fatal: "); ok {
			message = text
			break
		}
		if line != "" {
			before = line
		}
	}
	if before != "" && strings.HasPrefix(message, "Could not read from remote repository") {
		message = before // what ssh says
	}
	return fmt.Sprintf("git %s: %s", e.args[0], message)
}
func (e *runError) Unwrap() error { return e.err }

// stderrOf returns what git printed before it failed.
func stderrOf(err error) string {
	var failed *runError
	if errors.As(err, &failed) {
		return failed.stderr
	}
	return ""
}

// Says reports whether git failed with a message that contains text.
func Says(err error, text string) bool { return strings.Contains(stderrOf(err), text) }

func isExit(err error, code int) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == code
}

// trustCommand is what git says to run for the repository of another user.
var trustCommand = lazyregexp.New(`git config --global --add safe\.directory \S.*`)

func (t *Tree) run(ctx context.Context, args ...string) (string, error) {
	out, err := Command{Dir: t.dir, Config: t.config, Env: offline}.Run(ctx, args...)
	switch text := stderrOf(err); {
	case strings.Contains(text, "dubious ownership"):
		err = diag.WithHint(err, "if you trust it, run: "+cmp.Or(trustCommand.Get().FindString(text), "git config --global --add safe.directory DIR"))
	case strings.Contains(text, "not a git repository"):
		err = diag.WithHint(diag.Invalidf("%s is not in a Git repository", t.dir), "run it in a clone, or leave out the options that read Git")
	case strings.Contains(text, "Needed a single revision"):
		err = diag.WithHint(diag.Invalidf("the Git repository of %s has no commit", t.dir), "commit the extension first")
	}
	return out, err
}

// Command is how git runs.
type Command struct {
	Dir string
	// Config are "-c" arguments.
	Config []string
	// Env are further variables, as NAME=VALUE.
	Env []string
	// Secret does not appear in errors.
	Secret string
}

// Run runs git and returns its output.
func (c Command) Run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append(slices.Clone(c.Config), args...)...)
	cmd.Dir, cmd.Env = c.Dir, append(Environ(), c.Env...)
	cmd.WaitDelay = 5 * time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it removes its locks
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case context.Cause(ctx) != nil:
		return "", context.Cause(ctx)
	case err == nil:
		return strings.TrimRight(stdout.String(), "\n"), nil
	case errors.Is(err, exec.ErrNotFound):
		return "", diag.WithHint(errors.New("git was not found on PATH"), "install git, or leave out the options that read Git")
	}
	text := stderr.String()
	if c.Secret != "" {
		text = strings.ReplaceAll(text, c.Secret, "xxxxx")
	}
	return "", &runError{args: args, stderr: text, err: err}
}
