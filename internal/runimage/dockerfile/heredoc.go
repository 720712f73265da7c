package dockerfile

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"unicode"
)

// heredoc is a here-document that an instruction announces.
type heredoc struct {
	name string
	// chomp is whether the line that ends it may be indented by tabs.
	chomp bool
}

var heredocForm = regexp.MustCompile(`^(\d*)<<(-?)\s*([^<]*)$`)

// isList reports arguments in the form of a JSON array of strings, where "<<"
// has no meaning.
func isList(args string) bool {
	var list []any
	if !strings.HasPrefix(args, "[") || json.Unmarshal([]byte(args), &list) != nil {
		return false
	}
	for _, item := range list {
		if _, ok := item.(string); !ok {
			return false
		}
	}
	return true
}

// heredocs gives the here-documents that an instruction of these words has. A
// line that cannot be split into words has none.
func heredocs(line string) ([]heredoc, error) {
	if !strings.Contains(line, "<<") {
		return nil, nil
	}
	words, err := splitWords(line, true)
	if err != nil {
		return nil, nil //nolint:nilerr // BuildKit leaves such a line to the shell, which may well understand it
	}
	var docs []heredoc
	for _, word := range words {
		match := heredocForm.FindStringSubmatch(word)
		if match == nil || match[3] == "" {
			continue
		}
		names, err := splitWords(match[3], false)
		if err != nil {
			return nil, err
		}
		if len(names) == 1 {
			docs = append(docs, heredoc{name: names[0], chomp: match[2] == "-"})
		}
	}
	return docs, nil
}

// splitWords splits at spaces that are not quoted, as a shell does; raw keeps
// quotes and escapes as they are. Variables stand for themselves.
func splitWords(text string, raw bool) ([]string, error) {
	l := lexer{in: []rune(strings.TrimPrefix(text, "\uFEFF")), rawQuotes: raw}
	_, words, err := l.until(0, raw)
	return words, err
}

type lexer struct {
	in        []rune
	pos       int
	rawQuotes bool
}

const end rune = -1

func (l *lexer) peek() rune {
	if l.pos == len(l.in) {
		return end
	}
	return l.in[l.pos]
}

func (l *lexer) take() rune {
	c := l.peek()
	if c != end {
		l.pos++
	}
	return c
}

// until reads up to stop, or to the end when stop is 0. It gives the text and
// the words in it.
func (l *lexer) until(stop rune, rawEscapes bool) (string, []string, error) {
	var text, word strings.Builder
	var words []string
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	whole := func(s string) { text.WriteString(s); word.WriteString(s) }
	loose := func(s string) {
		text.WriteString(s)
		for _, c := range s {
			if unicode.IsSpace(c) {
				flush()
			} else {
				word.WriteRune(c)
			}
		}
	}
	for l.peek() != end {
		c := l.take()
		if c == stop && stop != 0 {
			flush()
			return text.String(), words, nil
		}
		switch c {
		case '\'', '"':
			quoted, err := l.quoted(c, rawEscapes)
			if err != nil {
				return "", nil, err
			}
			whole(quoted)
		case '$':
			variable, err := l.variable()
			if err != nil {
				return "", nil, err
			}
			loose(variable)
		case '<':
			whole(l.less())
		case '\\':
			if rawEscapes {
				whole(`\`)
			}
			if next := l.take(); next != end {
				whole(string(next))
			}
		default:
			loose(string(c))
		}
	}
	if stop != 0 {
		return "", nil, errors.New("a ${ has no }")
	}
	flush()
	return text.String(), words, nil
}

// less reads what follows a "<": of "<<", the spaces before the name too.
func (l *lexer) less() string {
	if l.peek() != '<' {
		return "<"
	}
	l.take()
	text := "<<"
	for c := l.peek(); c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r' || c == '\n'; c = l.peek() {
		text += string(l.take())
	}
	return text
}

func (l *lexer) quoted(quote rune, rawEscapes bool) (string, error) {
	var text strings.Builder
	mark := func() {
		if l.rawQuotes {
			text.WriteRune(quote)
		}
	}
	mark()
	for {
		c := l.take()
		switch {
		case c == end:
			return "", errors.New("a quote has no end")
		case c == quote:
			mark()
			return text.String(), nil
		case c == '$' && quote == '"':
			variable, err := l.variable()
			if err != nil {
				return "", err
			}
			text.WriteString(variable)
		case c == '\\' && quote == '"':
			if rawEscapes {
				text.WriteRune(c)
			}
			switch l.peek() {
			case end:
				continue
			case '"', '$', '\\':
				c = l.take()
			}
			text.WriteRune(c)
		default:
			text.WriteRune(c)
		}
	}
}

// variable reads what follows a "$".
func (l *lexer) variable() (string, error) {
	if l.peek() != '{' {
		return "$" + l.name(), nil
	}
	l.take()
	switch l.peek() {
	case end, '{', '}', ':':
		return "", errors.New("a ${ has no name")
	}
	name := l.name()
	modifier := string(l.take())
	switch modifier {
	case "}":
		return "${" + name + "}", nil
	case "/":
		return l.replacement(name)
	case ":":
		next := l.take()
		if next == '#' || next == '%' {
			return "", errors.New("a ${ has an unknown modifier")
		}
		modifier += string(next)
	case "+", "-", "?", "#", "%":
	default:
		return "", errors.New("a ${ has an unknown modifier")
	}
	word, _, err := l.until('}', modifier == "#" || modifier == "%")
	if err != nil {
		return "", err
	}
	return "${" + name + modifier + word + "}", nil
}

// replacement reads the rest of ${name/pattern/text}.
func (l *lexer) replacement(name string) (string, error) {
	slash := "/"
	if l.peek() == '/' {
		l.take()
	}
	pattern, _, err := l.until('/', true)
	if err != nil {
		return "", err
	}
	text, _, err := l.until('}', true)
	if err != nil {
		return "", err
	}
	return "${" + name + slash + pattern + slash + text + "}", nil
}

// name reads the name of a variable: letters and digits, or digits only, or one
// of the shell's special parameters.
func (l *lexer) name() string {
	start := l.pos
	if c := l.peek(); c != end && strings.ContainsRune("@*#?-$!0", c) {
		if !unicode.IsDigit(c) {
			l.take()
			return string(c)
		}
	}
	number := l.peek() != end && unicode.IsDigit(l.peek())
	for {
		c := l.peek()
		if c == end || !unicode.IsDigit(c) && (number || !unicode.IsLetter(c) && c != '_') {
			return string(l.in[start:l.pos])
		}
		l.take()
	}
}
