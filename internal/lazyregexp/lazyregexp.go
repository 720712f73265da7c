// Package lazyregexp compiles regular expressions when they are used. docker
// starts the plugin for its metadata before many commands, and compiling the
// expressions for messages of builders and for secrets took a tenth of that
// start.
package lazyregexp

import (
	"os"
	"regexp"
	"strings"
	"sync"
)

// Regexp is a regular expression that is compiled at its first use.
type Regexp struct{ get func() *regexp.Regexp }

// inTest reports whether this is a test, which compiles every expression at
// once, so that a mistake is found without a use.
var inTest = len(os.Args) > 0 && strings.HasSuffix(strings.TrimSuffix(os.Args[0], ".exe"), ".test")

// New returns an expression. One with a mistake panics when it is compiled.
func New(expr string) *Regexp {
	r := &Regexp{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })}
	if inTest {
		r.get()
	}
	return r
}

// Get returns the compiled expression.
func (r *Regexp) Get() *regexp.Regexp { return r.get() }
