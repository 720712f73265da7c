package lint

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/rules"
)

// The secrets are those whose form their issuers document. Why no library or its
// rule set is used is in docs/adr/0006-own-secret-patterns.md.

// MaxSecretFile is the largest file that is searched, in bytes.
const MaxSecretFile = 1 << 20

// largeFile is the size from which on a file is too large for an extension.
const largeFile = 10_000_000

// secret is a kind of secret. Only files that contain one of marks, separated by
// blanks, are matched, which is much faster than matching all.
type secret struct {
	what    string
	marks   string
	pattern *lazyregexp.Regexp
}

var secrets = []secret{
	{"a private key", "PRIVATE", lazyregexp.New(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n)+(?:[A-Za-z-]+: [^\n]*\n)*\s*[A-Za-z0-9+/=]{20,}`)},
	{"an age key", "AGE-SECRET-KEY-1", lazyregexp.New(`\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b`)},
	{"a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", lazyregexp.New(`\bgh[pousr]_[A-Za-z0-9]{36,}\b`)},
	{"a GitHub token", "github_pat_", lazyregexp.New(`\bgithub_pat_\w{82}\b`)},
	{"a GitLab token", "glpat-", lazyregexp.New(`\bglpat-[\w-]{20,}`)},
	{"an AWS access key", "AKIA ASIA", lazyregexp.New(`\b(?:AKIA|ASIA)[A-Z2-7]{16}\b`)},
	{"an npm token", "npm_", lazyregexp.New(`\bnpm_[A-Za-z0-9]{36}\b`)},
	{"an npm token", "_auth", lazyregexp.New(`(?m)^[^#;\n]*:?_auth(?:Token)?\s*=\s*[^\s$][^\s]{7,}`)},
	{"a PyPI token", "pypi-AgE", lazyregexp.New(`\bpypi-AgE[\w-]{50,}`)},
	{"a Docker Hub token", "dckr_", lazyregexp.New(`\bdckr_[po]at_[\w-]{20,}`)},
	{"a registry password", `"auth"`, lazyregexp.New(`"auths"\s*:[^]]*"auth"\s*:\s*"[A-Za-z0-9+/=]{8,}"`)},
	{"a Slack token", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs-", lazyregexp.New(`\bxox[abeoprs]-[\w-]{20,}`)},
	{"a Google API key", "AIza", lazyregexp.New(`\bAIza[\w-]{35}\b`)},
	{"a Stripe key", "k_live_", lazyregexp.New(`\b[rs]k_live_[A-Za-z0-9]{20,}`)},
	{"an Azure storage key", "AccountKey=", lazyregexp.New(`AccountKey=[A-Za-z0-9+/]{86}==`)},
	{"a Vault token", "hvs.", lazyregexp.New(`\bhvs\.[\w-]{24,}`)},
	{"an Anthropic API key", "sk-ant-", lazyregexp.New(`\bsk-ant-[\w-]{40,}`)},
	{"an OpenAI API key", "T3BlbkFJ", lazyregexp.New(`\bsk-[\w-]{20,}T3BlbkFJ[\w-]{20,}`)},
}

// examples are the names of .env files that hold no secrets.
var examples = []string{".example", ".sample", ".template", ".dist"}

// checkSecrets finds what should not be in a package.
func (c *checker) checkSecrets() {
	if c.AllowSecrets {
		return
	}
	reported := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		f := c.Files[name]
		for _, folder := range []string{".git", ".hg", ".svn"} {
			if base(f) == folder && !reported[name] {
				reported[name] = true
				c.report(rules.VersionControl, c.at(f), "%s is in the package", name)
			}
		}
		if !isRegular(f) {
			continue
		}
		c.checkSecret(f)
	}
}

func (c *checker) checkSecret(f *content.File) {
	if f.Size > largeFile {
		c.report(rules.LargeFile, c.at(f), "%s has %.1f MB", f.Path, float64(f.Size)/1e6)
	}
	if b := base(f); b == ".env" || strings.HasPrefix(b, ".env.") && !slices.ContainsFunc(examples, func(e string) bool { return strings.HasSuffix(b, e) }) {
		c.report(rules.Secret, c.at(f), "%s is in the package, and such files often contain secrets", f.Path)
		return
	}
	if hit := c.inspected[f].Secret; hit != nil {
		pos := c.at(f)
		pos.Line, pos.Column = hit.Line, hit.Column
		c.report(rules.Secret, pos, "%s contains what looks like %s", f.Path, hit.What)
	}
}

// Hit is a place in a file that looks like a secret.
type Hit struct {
	Line, Column int
	What         string
}

// FindSecret returns the first thing in a text file that looks like a secret,
// nil when there is none.
func FindSecret(data []byte) *Hit {
	if bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0 {
		return nil
	}
	for _, s := range secrets {
		contains := func(mark string) bool { return bytes.Contains(data, []byte(mark)) }
		if !slices.ContainsFunc(strings.Fields(s.marks), contains) {
			continue
		}
		if at := s.pattern.Get().FindIndex(data); at != nil {
			return &Hit{
				Line: 1 + bytes.Count(data[:at[0]], []byte("\n")), Column: at[0] - bytes.LastIndexByte(data[:at[0]], '\n'), What: s.what,
			}
		}
	}
	return nil
}
