// Package dockerfile reads which images a Dockerfile starts from, and nothing
// else: BuildKit's own parser links far more than a docker plugin should.
//
// It accepts every Dockerfile that BuildKit's parser accepts and finds the same
// FROM instructions in it; a fuzz test compares the two. What other
// instructions say is left to a build to judge. Format: the Dockerfile
// reference, "Format", "Parser directives", "FROM" and "Here-Documents".
package dockerfile

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Stage is one FROM instruction as it is written, with variables in it.
type Stage struct {
	// Image is what FROM names: a reference, an earlier stage, or scratch.
	Image string
	// Platform is the value of --platform, or "".
	Platform string
	// Name is what follows AS in lower case, or "".
	Name string
	// Line is where the instruction begins, counted from 1.
	Line int
}

// SyntaxError is a Dockerfile that no builder can read.
type SyntaxError struct {
	// Line counts from 1; 0 stands for the whole file.
	Line    int
	Message string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Message)
}

func syntaxErrorf(line int, format string, args ...any) error {
	return &SyntaxError{Line: line, Message: fmt.Sprintf(format, args...)}
}

// Stages gives the FROM instructions in order. It fails with a [*SyntaxError].
func Stages(data []byte) ([]Stage, error) {
	r := reader{escape: '\\', directives: true, seen: map[string]bool{}}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	r.lines = bytes.SplitAfter(data, []byte("\n"))
	if n := len(r.lines); len(r.lines[n-1]) == 0 {
		r.lines = r.lines[:n-1]
	}
	for {
		line, start, err := r.instruction()
		if err != nil {
			return nil, err
		}
		if start == 0 {
			break
		}
		if err := r.read(line, start); err != nil {
			return nil, err
		}
	}
	if !r.any {
		return nil, syntaxErrorf(0, "the file has no instructions")
	}
	return r.stages, nil
}

type reader struct {
	lines  [][]byte // with their line ends
	next   int      // the line to read, which is also how many were read
	escape byte
	// directives is whether a line may still be a parser directive.
	directives bool
	seen       map[string]bool
	any        bool
	stages     []Stage
}

func (r *reader) scan() ([]byte, bool) {
	if r.next == len(r.lines) {
		return nil, false
	}
	r.next++
	return r.lines[r.next-1], true
}

// instruction joins the lines of one instruction, and gives the number of the
// first; 0 is the end of the file.
func (r *reader) instruction() (line string, start int, err error) {
	for {
		raw, ok := r.scan()
		if !ok {
			return "", 0, nil
		}
		start = r.next
		text := bytes.TrimLeftFunc(trimNewline(raw), unicode.IsSpace)
		if err := r.directive(text, start); err != nil {
			return "", 0, err
		}
		if isComment(text) {
			text = nil
		}
		text, more := r.continued(text)
		if !more && len(text) == 0 {
			continue
		}
		var b strings.Builder
		b.Write(text)
		for more {
			raw, ok := r.scan()
			if !ok {
				break
			}
			// Comments and empty lines do not end what is continued.
			if isComment(raw) || len(bytes.TrimLeftFunc(trimNewline(raw), unicode.IsSpace)) == 0 {
				continue
			}
			text, more = r.continued(trimNewline(raw))
			b.Write(text)
		}
		return b.String(), start, nil
	}
}

func trimNewline(line []byte) []byte { return bytes.TrimRight(line, "\r\n") }

func isComment(line []byte) bool {
	line = bytes.TrimLeftFunc(line, unicode.IsSpace)
	return len(line) > 0 && line[0] == '#'
}

// continued takes the escape character from the end of a line that goes on. One
// that is escaped itself does not continue the line.
func (r *reader) continued(line []byte) ([]byte, bool) {
	text := bytes.TrimRight(line, " \t")
	n := len(text)
	if n == 0 || text[n-1] != r.escape || n > 1 && text[n-2] == r.escape {
		return line, false
	}
	return text[:n-1], true
}

var directiveForm = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`)

// directive reads a parser directive. They end with the first line that is
// none, be it a comment, an instruction or empty.
func (r *reader) directive(line []byte, number int) error {
	if !r.directives {
		return nil
	}
	r.directives = false
	comment, ok := bytes.CutPrefix(line, []byte("#"))
	if !ok {
		return nil
	}
	match := directiveForm.FindSubmatch(bytes.TrimLeftFunc(comment, unicode.IsSpace))
	if match == nil {
		return nil
	}
	name, value := strings.ToLower(string(match[1])), string(match[2])
	if name != "escape" && name != "syntax" && name != "check" {
		return nil
	}
	if r.seen[name] {
		return syntaxErrorf(number, "the parser directive %q is given twice", name)
	}
	r.seen[name], r.directives = true, true
	if name == "escape" {
		if value != "\\" && value != "`" {
			return syntaxErrorf(number, "the escape character %q is neither \\ nor `", value)
		}
		r.escape = value[0]
	}
	return nil
}

var (
	whitespace = regexp.MustCompile(`[\t\v\f\r ]+`)
	stageName  = regexp.MustCompile(`^[a-z][a-z0-9-_.]*$`)
)

var known = []string{
	"add", "arg", "cmd", "copy", "entrypoint", "env", "expose", "from", "healthcheck", "label", "maintainer",
	"onbuild", "run", "shell", "stopsignal", "user", "volume", "workdir",
}

// split gives an instruction in lower case, its flags and its arguments.
func (r *reader) split(line string) (name string, flags []string, args string) {
	parts := whitespace.Split(strings.TrimSpace(line), 2)
	if len(parts) == 2 {
		flags, args = r.flags(parts[1])
	}
	return strings.ToLower(parts[0]), flags, strings.TrimSpace(args)
}

// read takes in one instruction, and the here-documents behind it.
func (r *reader) read(line string, start int) error {
	r.any = true
	name, flags, args := r.split(line)
	if !slices.Contains(known, name) {
		return syntaxErrorf(start, "unknown instruction %q", name)
	}
	if name == "from" {
		return r.from(flags, args, start)
	}
	if name != "arg" && len(r.stages) == 0 {
		return syntaxErrorf(start, "%s stands before the first FROM", strings.ToUpper(name))
	}
	if name == "onbuild" {
		name, _, args = r.split(args)
	}
	if name != "add" && name != "copy" && name != "run" || isList(args) {
		return nil
	}
	docs, err := heredocs(line)
	if err != nil {
		return syntaxErrorf(start, "here-document: %v", err)
	}
	for _, doc := range docs {
		if err := r.skip(doc, start); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) skip(doc heredoc, start int) error {
	for {
		line, ok := r.scan()
		if !ok {
			return syntaxErrorf(start, "the here-document has no end: no line is %q", doc.name)
		}
		line = trimNewline(line)
		if doc.chomp {
			line = bytes.TrimLeft(line, "\t")
		}
		if string(line) == doc.name {
			return nil
		}
	}
}

func (r *reader) from(flags []string, args string, start int) error {
	s := Stage{Line: start}
	for i, flag := range flags {
		name, value, hasValue := strings.Cut(flag, "=")
		switch {
		case name != "--platform":
			return syntaxErrorf(start, "FROM has no flag %q", name)
		case !hasValue:
			return syntaxErrorf(start, "--platform has no value")
		case i > 0:
			return syntaxErrorf(start, "--platform is given twice")
		}
		s.Platform = value
	}
	words := whitespace.Split(args, -1)
	switch {
	case args == "" || len(words) != 1 && len(words) != 3:
		return syntaxErrorf(start, "FROM takes an image, or an image, AS and a name")
	case len(words) == 3 && !strings.EqualFold(words[1], "as"):
		return syntaxErrorf(start, "FROM takes an image, or an image, AS and a name")
	case len(words) == 3:
		s.Name = strings.ToLower(words[2])
		if !stageName.MatchString(s.Name) {
			return syntaxErrorf(start, "%q is no name for a build stage", words[2])
		}
	}
	s.Image = words[0]
	r.stages = append(r.stages, s)
	return nil
}

// flags takes the leading words that begin with "--" from an instruction's
// arguments, and their quotes and escapes off. A word "--" ends them.
func (r *reader) flags(args string) (flags []string, rest string) {
	pos := 0
	for {
		for pos < len(args) && isSpace(args[pos]) {
			pos++
		}
		if !strings.HasPrefix(args[pos:], "--") {
			return flags, args[pos:]
		}
		var word strings.Builder
		var quote byte
		quoted := false
		for ; pos < len(args) && (quote != 0 || !isSpace(args[pos])); pos++ {
			switch c := args[pos]; {
			case quote != 0 && c == quote:
				quote = 0
			case quote == 0 && (c == '\'' || c == '"'):
				quote, quoted = c, true
			case c == r.escape:
				if pos++; pos < len(args) {
					word.WriteRune(rune(args[pos]))
				}
			default:
				word.WriteRune(rune(c))
			}
		}
		if word.String() == "--" {
			return flags, args[min(pos, len(args)):]
		}
		if quoted || word.Len() > 0 {
			flags = append(flags, word.String())
		}
		if pos >= len(args) {
			return flags, ""
		}
	}
}

// isSpace takes bytes for characters, as BuildKit does here.
func isSpace(c byte) bool { return unicode.IsSpace(rune(c)) }
