package remote

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/git"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// commitName is the digest of a commit.
var commitName = lazyregexp.New(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// clone is a repository that is being fetched.
type clone struct {
	git.Command
	source *Source
}

// newClone returns a clone in dir whose git speaks the protocol of the source
// only, runs no hook and no filter of large files, and fetches no submodule.
func newClone(s *Source, dir string) *clone {
	c := &clone{source: s, Command: git.Command{
		Dir: dir,
		Config: []string{
			"-c", "protocol.allow=never", "-c", "protocol." + s.protocol + ".allow=always",
			"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false",
			"-c", "submodule.recurse=false", "-c", "fetch.recurseSubmodules=false",
			"-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "advice.detachedHead=false",
			"-c", "http.lowSpeedLimit=1", "-c", fmt.Sprintf("http.lowSpeedTime=%d", int(maxSilence.Seconds())),
		},
		Env: []string{"GIT_LFS_SKIP_SMUDGE=1"},
	}}
	if os.Getenv("GIT_SSH_COMMAND") == "" && os.Getenv("GIT_SSH") == "" {
		c.Env = append(c.Env, "GIT_SSH_COMMAND=ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15") // ask for nothing
	}
	if s.user != nil && s.protocol != "ssh" {
		// Not in an argument, which every user of the machine can read.
		n, _ := strconv.Atoi(os.Getenv("GIT_CONFIG_COUNT")) // those of the user stay
		c.Env = append(c.Env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", n+1),
			fmt.Sprintf("GIT_CONFIG_KEY_%d=url.%s.insteadOf", n, s.full), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", n, s.URL))
		c.Secret = s.user.String()
	}
	return c
}

// repository fetches the commit that a source names, and checks it out.
func (f Fetcher) repository(ctx context.Context, s *Source, to *Fetched) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go stopWhenLarge(ctx, stop, to.Root)
	c := newClone(s, to.Root)
	if _, err := c.Run(ctx, "init", "--quiet", "--template="); err != nil {
		return err
	}
	target, err := c.resolve(ctx)
	if err != nil {
		return explain(err)
	}
	if to.Commit, err = c.fetch(ctx, target); err != nil {
		return explain(err)
	}
	if to.Submodules, err = c.check(ctx, to.Commit); err != nil {
		return err
	}
	if _, err := c.Run(ctx, "checkout", "--quiet", "--detach", "--no-recurse-submodules", to.Commit, "--"); err != nil {
		return err
	}
	_, err = c.Run(ctx, "config", "remote.origin.url", s.URL)
	return err
}

// resolve returns what to fetch, as a refspec, or the digest of a commit.
// Branches precede tags, as in "git checkout" and BuildKit.
func (c *clone) resolve(ctx context.Context) (string, error) {
	ref := c.source.Ref
	if ref == "" {
		return "+HEAD:refs/remotes/origin/HEAD", nil
	}
	branch, tag := "refs/heads/"+strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/"+strings.TrimPrefix(ref, "refs/tags/")
	out, err := c.Run(ctx, "ls-remote", "--", c.source.URL, branch, tag)
	if err != nil {
		return "", err
	}
	found := map[string]bool{}
	for line := range strings.Lines(out) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			found[name] = true
		}
	}
	switch {
	case found[branch]:
		return "+" + branch + ":refs/remotes/origin/" + strings.TrimPrefix(branch, "refs/heads/"), nil
	case found[tag]:
		return "+" + tag + ":" + tag, nil
	case commitName.Get().MatchString(ref):
		return ref, nil
	}
	return "", diag.WithHint(diag.Invalidf("branch or tag %s not found", ref), "list them with: git ls-remote "+c.source.URL)
}

// fetch fetches a target with as little history as the server supports, and
// returns its commit.
func (c *clone) fetch(ctx context.Context, target string) (string, error) {
	fetch := func(args ...string) error {
		_, err := c.Run(ctx, append([]string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}, args...)...)
		return err
	}
	err := fetch("--depth=1", "--", c.source.URL, target)
	if git.Says(err, "dumb http") || git.Says(err, "shallow") {
		err = fetch("--", c.source.URL, target)
	}
	name := "FETCH_HEAD"
	if err != nil && commitName.Get().MatchString(target) && context.Cause(ctx) == nil {
		// Not every server sends a commit that no branch or tag names.
		name = target
		err = fetch("--", c.source.URL, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
	}
	if err != nil {
		return "", err
	}
	commit, err := c.Run(ctx, "rev-parse", "--verify", "--quiet", name+"^{commit}")
	if err != nil && context.Cause(ctx) == nil {
		return "", diag.Invalidf("commit %s not found", c.source.Ref)
	}
	return commit, err
}

// check refuses a commit with too many or too large files before it is checked
// out. It returns the submodules below the folder of the extension.
func (c *clone) check(ctx context.Context, commit string) (submodules []string, err error) {
	args := []string{"ls-tree", "-r", "-l", "-z", "--full-tree", commit}
	out, err := c.Run(ctx, args...)
	if err != nil {
		return nil, err
	}
	size, files := int64(0), 0
	for line := range strings.SplitSeq(out, "\x00") {
		about, name, ok := strings.Cut(line, "\t")
		fields := strings.Fields(about)
		if !ok || len(fields) != 4 {
			continue
		}
		n, _ := strconv.ParseInt(fields[3], 10, 64) // "-" for a submodule
		size, files = size+n, files+1
		if fields[1] == "commit" && (c.source.Dir == "" || strings.HasPrefix(name, c.source.Dir+"/")) {
			submodules = append(submodules, name)
		}
	}
	switch {
	case size > maxContent:
		return nil, diag.Invalidf("its files are larger than %d MiB", maxContent>>20)
	case files > maxFiles:
		return nil, diag.Invalidf("it has more than %d files", maxFiles)
	}
	return submodules, nil
}

// stopWhenLarge stops a download that fills the folder.
func stopWhenLarge(ctx context.Context, stop context.CancelCauseFunc, dir string) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var size int64
		_ = filepath.WalkDir(filepath.Join(dir, ".git", "objects"), func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if info, err := d.Info(); err == nil {
					size += info.Size()
				}
			}
			return nil // files come and go
		})
		if size > maxDownload {
			stop(errTooLarge)
			return
		}
	}
}

// explain adds a hint to what git says about a repository.
func explain(err error) error {
	switch {
	case git.Says(err, "terminal prompts disabled"), git.Says(err, "Authentication failed"), git.Says(err, "could not read Username"):
		return diag.WithHint(err, "the repository does not exist or requires credentials: set up a credential helper of Git, or use ssh")
	case git.Says(err, "Permission denied (publickey"), git.Says(err, "Host key verification failed"):
		return diag.WithHint(err, "check that ssh can log in and knows the host: ssh -T git@HOST")
	case git.Says(err, "not found"), git.Says(err, "does not exist"):
		return diag.WithHint(diag.Invalidf("%v", err), "correct the URL")
	}
	return err
}
