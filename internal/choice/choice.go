// Package choice validates values that are one of a few words, such as those of
// --format, with one message for all of them.
package choice

import (
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/text"
)

// Check returns a [*diag.InvalidError] unless value is one of the choices. what
// names the value: a flag or a key.
func Check(what, value string, choices ...string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return diag.WithHint(diag.Invalidf("%s %q is not supported%s", what, value, text.DidYouMean(value, choices)), Hint(choices))
}

// Hint returns the hint that lists the choices: "use a, b or c".
func Hint(choices []string) string {
	last := len(choices) - 1
	if last < 1 {
		return "use " + strings.Join(choices, "")
	}
	return "use " + strings.Join(choices[:last], ", ") + " or " + choices[last]
}
