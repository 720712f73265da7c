package text

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
)

// Quote returns a word of a command line as a POSIX shell reads it. A word with
// control characters is in the form of bash, $'…', and fits on a line.
func Quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=./:@,+%", r)
	}
	switch {
	case word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }):
		return word
	case strings.ContainsFunc(word, func(r rune) bool { return unicode.IsControl(r) || !unicode.IsPrint(r) }):
		quoted := strconv.Quote(word)
		quoted = strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
		return "$'" + strings.ReplaceAll(quoted, "'", `\x27`) + "'"
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Words splits a line of words that [Quote] returned.
func Words(line string) ([]string, error) {
	var words []string
	for rest := strings.TrimLeft(line, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		var word strings.Builder
		for rest != "" && rest[0] != ' ' {
			part, after, err := cutPart(rest)
			if err != nil {
				return nil, err
			}
			word.WriteString(part)
			rest = after
		}
		words = append(words, word.String())
	}
	return words, nil
}

var errQuote = errors.New("has a quote without an end")

// cutPart returns the first part of a word, which is quoted in one way.
func cutPart(s string) (part, rest string, err error) {
	switch {
	case strings.HasPrefix(s, "$'"):
		text, rest, ok := strings.Cut(s[2:], "'")
		if !ok {
			return "", "", errQuote
		}
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
		return text, rest, err
	case s[0] == '\'':
		text, rest, ok := strings.Cut(s[1:], "'")
		if !ok {
			return "", "", errQuote
		}
		return text, rest, nil
	case s[0] == '\\' && len(s) > 1:
		return s[1:2], s[2:], nil
	}
	if i := strings.IndexAny(s[1:], ` '\$`); i >= 0 {
		return s[:i+1], s[i+1:], nil
	}
	return s, "", nil
}
