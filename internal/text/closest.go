package text

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// DidYouMean returns the end of a message that suggests the known word closest to
// word, " (did you mean %q?)", or "".
func DidYouMean(word string, known []string) string {
	match := Closest(word, known)
	if match == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", match)
}

// wordLimit bounds the words that Closest compares.
const wordLimit = 80

// Closest returns the known word that is most similar to word, or "" when none
// is similar enough or several are equally so. Case does not count.
func Closest(word string, known []string) string {
	if len(word) > wordLimit {
		return ""
	}
	// Short words must be closer, or anything would resemble them.
	best, limit := "", max(1, min(2, len(word)/2))
	for _, k := range known {
		d := distance(strings.ToLower(word), strings.ToLower(k))
		switch {
		case d > limit || d >= len(k):
		case d == limit && best != "":
			// Two words at the same distance are a guess, not a suggestion.
			best, limit = "", d-1
		default:
			best, limit = k, d
		}
	}
	return best
}

// IsSlip reports whether word is known with one letter wrong, missing, doubled or
// exchanged with its neighbour.
func IsSlip(word, known string) bool {
	return len(word) <= wordLimit && distance(strings.ToLower(word), strings.ToLower(known)) == 1
}

// distance is that of Levenshtein, except that two neighbours in the wrong order
// are one mistake: "psuh" is "push" rather than "path".
func distance(a, b string) int {
	for i := range len(a) - 1 {
		if len(a) == len(b) && a[i] != b[i] {
			if a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:] {
				return 1
			}
			break
		}
	}
	return levenshtein.Distance(a, b, nil)
}
