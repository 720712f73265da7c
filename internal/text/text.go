// Package text prepares strings from outside for a terminal; JSON output
// does not go through it and stays exact.
package text

import (
	"strconv"
	"strings"
	"unicode"
)

// Clean replaces what a terminal would act on or a reader could be misled by:
// control characters other than the line break and tab, and the marks that
// reverse the direction of writing (Unicode Standard Annex #9).
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Count returns "1 platform", "2 platforms": a number and the noun it counts,
// whose plural takes an "s".
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// Line is Clean for text that must stay on one line.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, Clean(s))
}
