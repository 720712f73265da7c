package extension

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/agext/levenshtein"
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
	return didYouMean(closest(word, known))
}

func closest(word string, known []string) string {
	if len(word) > quoteLimit {
		return ""
	}
	// Two letters swapped make a distance of two; short words must be closer,
	// or anything would resemble them.
	best, limit := "", max(1, min(2, len(word)/2))
	for _, k := range known {
		d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(k), nil)
		switch {
		case d > limit || d >= len(k):
		case d == limit && best != "":
			// Two words as close as each other are a guess, not a suggestion.
			best, limit = "", d-1
		default:
			best, limit = k, d
		}
	}
	return best
}
