package extension

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/extpack/extpack/internal/text"
)

// quoteLimit is the length up to which a message repeats text of the file.
const quoteLimit = 80

// quote returns s for messages: quoted, and shortened if it is long.
func quote(s string) string {
	if runes := []rune(s); len(runes) > quoteLimit {
		s = string(runes[:quoteLimit]) + "…"
	}
	return strconv.Quote(s)
}

// printable escapes characters that cannot be part of a line of output.
func printable(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	return strings.Trim(strconv.Quote(s), `"`)
}

// didYouMean returns the end of a message with a suggestion, or "".
func didYouMean(suggestion string) string {
	if suggestion == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", suggestion)
}

// suggest returns the end of a message that suggests the known word closest to
// word, ignoring case.
func suggest(word string, known []string) string {
	return text.DidYouMean(word, known)
}
