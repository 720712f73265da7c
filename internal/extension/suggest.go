package extension

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/extpack/extpack/internal/text"
)

// quoteLimit bounds what a message repeats of the file.
const quoteLimit = 80

// quote gives s as it stands in messages: quoted, and not at full length when
// that would hide the message.
func quote(s string) string {
	if runes := []rune(s); len(runes) > quoteLimit {
		s = string(runes[:quoteLimit]) + "…"
	}
	return strconv.Quote(s)
}

// printable escapes what cannot stand in a line of output.
func printable(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	return strings.Trim(strconv.Quote(s), `"`)
}

// didYouMean gives the remark that ends a message, none for no suggestion.
func didYouMean(suggestion string) string {
	if suggestion == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", suggestion)
}

// suggest gives the remark for the known word closest to word, whose upper and
// lower case do not count.
func suggest(word string, known []string) string {
	return didYouMean(text.Closest(word, known))
}
