package screen

import (
	"strings"

	"github.com/extpack/extpack/internal/lazyregexp"
)

// fold breaks a line at spaces, so that the first part has at most first columns
// and the others at most rest. Words that are too long stay whole, on the line
// where they begin: they may be links or names to copy. So do commands in quotes.
// With 0 columns, the line is not broken.
func fold(line string, first, rest int) []string { return foldWords(line, first, rest, words) }

// foldHint is like fold for a hint, in which commands need no quotes to stay
// whole. One that does not fit has a line to itself.
func foldHint(line string, first, rest int) []string { return foldWords(line, first, rest, hintWords) }

func foldWords(line string, first, rest int, split func(string) []string) []string {
	if first <= 0 || width(line) <= first {
		return []string{line}
	}
	var lines []string
	current, columns := "", first
	for _, word := range split(line) {
		switch {
		case current == "":
			current = word
		case width(current)+1+width(word) <= columns || width(word) > rest && !strings.Contains(word, " "):
			current += " " + word
		default:
			lines = append(lines, current)
			current, columns = word, rest
		}
	}
	return append(lines, current)
}

// words splits a line at spaces that are not inside quotes.
func words(line string) []string {
	var all []string
	inside := false
	for word := range strings.FieldsSeq(line) {
		if inside {
			all[len(all)-1] += " " + word
		} else {
			all = append(all, word)
		}
		if strings.Count(word, `"`)%2 == 1 {
			inside = !inside
		}
	}
	if inside {
		return strings.Fields(line) // a quote is not closed
	}
	return all
}

// command matches the first two words of a command: a program, and what it is
// told to do.
var command = lazyregexp.New(`^((docker|git|skopeo|sudo|eval) [a-z-]+|pack (build|builder|buildpack|extension))\b`)

// hintWords is like words, and also keeps together a command, to the end of the
// clause, an option and its value, and what is in braces.
func hintWords(line string) []string {
	plain := words(line)
	var all []string
	inCommand, braces := false, 0
	for i, word := range plain {
		option := i > 0 && strings.HasPrefix(plain[i-1], "-") && !strings.ContainsAny(plain[i-1], "=,;:")
		if inCommand || option || braces > 0 {
			all[len(all)-1] += " " + word
		} else {
			all = append(all, word)
			inCommand = i+1 < len(plain) && command.Get().MatchString(word+" "+plain[i+1])
		}
		inCommand = inCommand && !strings.HasSuffix(word, ",") && !strings.HasSuffix(word, ";")
		braces += strings.Count(word, "{") - strings.Count(word, "}")
	}
	return all
}
