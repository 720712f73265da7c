package extension

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

// MaxSize is the size of the largest file that is read. Real descriptors have a
// few kilobytes. The limit keeps a hostile one from taking more than a second,
// because the parser takes quadratic time for the keys of an inline table.
const MaxSize = 256 << 10

const hintTooLarge = "move other data to other files"

// reader reads one file and collects its problems.
type reader struct {
	file string
	data []byte
	// syntax, types and unknown are the rules for files that are not TOML, for
	// values of the wrong type, and for unknown keys.
	syntax, types, unknown *rules.Rule
	// lines are the offsets of the first byte of each line.
	lines []int
	list  diag.List
	// version overrides that of the descriptor unless it is empty.
	version string
	// The last position: positions are mostly requested in file order, and
	// counting from the last one avoids quadratic time on a very long line.
	lastOffset int
	last       diag.Position
}

func newReader(file string, data []byte) *reader {
	// Editors on Windows write a byte order mark, and pack's parser skips it.
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	r := &reader{file: file, data: data, lines: []int{0}, syntax: rules.TOML, types: rules.ValueType, unknown: rules.UnknownKey}
	for i, c := range data {
		if c == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	return r
}

// position returns the position of the byte at offset.
func (r *reader) position(offset int) diag.Position {
	line := sort.SearchInts(r.lines, offset+1)
	start, column := r.lines[line-1], 1
	if r.last.Line == line && r.lastOffset <= offset {
		start, column = r.lastOffset, r.last.Column
	}
	column += utf8.RuneCount(r.data[start:offset])
	r.lastOffset, r.last = offset, diag.Position{File: r.file, Line: line, Column: column}
	return r.last
}

// whole returns the position of the file as a whole.
func (r *reader) whole() diag.Position { return diag.Position{File: r.file} }

// report adds a finding of a rule. It returns the diagnostic to set the hint,
// which is invalid after the next call.
func (r *reader) report(rule *rules.Rule, pos diag.Position, format string, args ...any) *diag.Diagnostic {
	r.list = append(r.list, rule.At(pos, format, args...))
	return &r.list[len(r.list)-1]
}

// result returns all diagnostics in the order of the file, and their errors.
func (r *reader) result() (diag.List, error) {
	slices.SortStableFunc(r.list, func(a, b diag.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.list, r.list.Err()
}

// root parses the file and returns its top-level table. It reports an error and
// returns nil if the file cannot be parsed.
func (r *reader) root() *table {
	if len(r.data) > MaxSize {
		r.report(r.syntax, r.whole(), "the file is larger than 256 KiB").Hint = hintTooLarge
		return nil
	}
	if bad := invalidUTF8(r.data); bad >= 0 {
		r.report(r.syntax, r.position(bad), "the file is not UTF-8 text, found byte 0x%02x", r.data[bad]).Hint = "save the file as UTF-8"
		return nil
	}
	// The tree builder only checks the grammar. Decoding also finds semantic
	// errors, such as duplicate keys and impossible dates.
	var discard map[string]any
	if err := toml.Unmarshal(r.data, &discard); err != nil {
		r.syntaxError(err)
		return nil
	}
	node, err := buildTree(r.data)
	if err != nil {
		r.report(r.syntax, r.whole(), "%v", err)
		return nil
	}
	return &table{r: r, node: node}
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

func (r *reader) syntaxError(err error) {
	var decode *toml.DecodeError
	if !errors.As(err, &decode) {
		r.report(r.syntax, r.whole(), "%v", err)
		return
	}
	line, column := decode.Position()
	offset := min(r.lines[line-1]+column-1, len(r.data))
	message, hint := r.syntaxMessage(strings.TrimPrefix(decode.Error(), "toml: "), offset)
	r.report(r.syntax, r.position(offset), "%s", printable(message)).Hint = hint
}

// syntaxMessage rewords messages of the library, which treats any value that
// begins with "f" as a misspelt false, and prints bytes instead of characters.
func (r *reader) syntaxMessage(message string, offset int) (clear, hint string) {
	c, _ := utf8.DecodeRune(r.data[offset:])
	const quoteIt = `text is quoted in TOML: key = "value"`
	switch {
	case strings.HasPrefix(message, "expected keyword"), strings.HasPrefix(message, "unexpected character"):
		return fmt.Sprintf("expected a value, found %q", c), quoteIt
	case strings.HasPrefix(message, "expected newline"):
		return fmt.Sprintf("expected the end of the line, found %q", c), quoteIt
	case strings.HasPrefix(message, "expected '=' after key") && offset < len(r.data):
		return fmt.Sprintf("expected \"=\" after the key, found %q", c), "quote a key that contains more than letters, digits, - and _"
	case strings.HasPrefix(message, "invalid character at start of key"):
		return fmt.Sprintf("expected a key, found %q", c), "begin a comment with #"
	case strings.HasPrefix(message, "expected ']' to close table name"):
		return message, "write the header of a table as [name]"
	case strings.Contains(message, "already exists"), strings.Contains(message, "already defined"):
		return message, "keep one of them"
	}
	return message, "correct the syntax; https://toml.io/en/v1.0.0 describes it"
}
