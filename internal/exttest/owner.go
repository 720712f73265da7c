package exttest

import (
	"strings"

	"github.com/extpack/extpack/internal/dockerfile"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// withOwner returns a Dockerfile whose COPY and ADD instructions without an owner
// keep that of the context. The lifecycle's extender keeps it, and BuildKit makes
// root the owner.
func withOwner(data []byte, file *dockerfile.File, uid, gid string) []byte {
	lines := strings.SplitAfter(string(data), "\n")
	for _, s := range file.Stages {
		for _, cmd := range s.Commands {
			if line := dockerfile.Line(cmd); line > 0 && line <= len(lines) && keepsOwner(cmd) {
				lines[line-1] = copyKeyword.Get().ReplaceAllString(lines[line-1], "${1} --chown="+uid+":"+gid+"${2}")
			}
		}
	}
	return []byte(strings.Join(lines, ""))
}

var (
	copyKeyword = lazyregexp.New(`(?i)^(\s*(?:COPY|ADD))(\s)`)
	// unpacked matches sources whose owners ADD takes from elsewhere.
	unpacked = lazyregexp.New(`://|^git@|\.(?:tar|tgz|tbz2|txz|tzst|gz|bz2|xz|zst)$`)
)

// keepsOwner reports whether an instruction copies files of the context without
// naming an owner.
func keepsOwner(cmd dockerfile.Command) bool {
	switch c := cmd.(type) {
	case *dockerfile.Copy:
		return c.Chown == "" && c.From == "" && len(c.SourceContents) == 0
	case *dockerfile.Add:
		if c.Chown != "" || len(c.SourceContents) > 0 {
			return false
		}
		for _, source := range c.SourcePaths {
			if unpacked.Get().MatchString(source) {
				return false
			}
		}
		return true
	}
	return false
}
