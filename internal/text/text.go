// Package text prepares strings from outside for a terminal.
package text

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Clean replaces what a terminal would act on or a reader could be misled by:
// control characters other than the line break and tab, and the marks that
// reverse the direction of writing (Unicode Standard Annex #9).
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if misleads(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func misleads(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}

// CleanJSON returns a JSON document in which the characters that Clean replaces
// are escaped, so that it stays exact.
func CleanJSON(document []byte) []byte {
	if !bytes.ContainsFunc(document, misleads) {
		return document
	}
	var out bytes.Buffer
	for _, r := range string(document) {
		if misleads(r) {
			fmt.Fprintf(&out, `\u%04x`, r) // all are in the first plane
		} else {
			out.WriteRune(r)
		}
	}
	return out.Bytes()
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
