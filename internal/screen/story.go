package screen

import (
	"bytes"
	"io"
	"strings"
)

// indent is that of hints, and of all but the first part of a line that was
// folded.
const indent = "  "

// Story returns a writer for lines that tell what happens. On a terminal, it
// folds long lines and paints the words "ERROR" and "warning" at the beginning
// of messages. A line that is indented is a hint, in which commands stay whole.
// Lines with more indentation or with columns stay as they are.
func (s *Screen) Story() io.Writer {
	if s.Width == 0 && !s.Color {
		return s.Writer
	}
	return &story{s}
}

type story struct{ screen *Screen }

func (w *story) Write(p []byte) (int, error) {
	var out bytes.Buffer
	for line := range bytes.Lines(p) {
		out.WriteString(w.line(string(line)))
	}
	if _, err := w.screen.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *story) line(line string) string {
	words, whole := strings.CutSuffix(line, "\n")
	if !whole || strings.ContainsAny(words, "\x1b\r\t") || strings.HasPrefix(words, "{") {
		return line
	}
	if hint, ok := strings.CutPrefix(words, indent); ok {
		if strings.HasPrefix(hint, " ") || strings.Contains(hint, "  ") {
			return line
		}
		parts := foldHint(hint, w.screen.Width-len(indent), w.screen.Width-2*len(indent))
		return indent + strings.Join(parts, "\n"+indent+indent) + "\n"
	}
	parts := fold(words, w.screen.Width, w.screen.Width-len(indent))
	parts[0] = w.paint(parts[0])
	return strings.Join(parts, "\n"+indent) + "\n"
}

// paint paints the first of the words in a line.
func (w *story) paint(line string) string {
	for _, mark := range []struct {
		word  string
		style Style
	}{{"ERROR:", Red}, {"error:", Red}, {"WARNING:", Yellow}, {"warning:", Yellow}} {
		before, after, ok := strings.Cut(line, mark.word)
		if ok && (before == "" || strings.HasSuffix(before, ": ")) {
			return before + w.screen.Paint(mark.style, mark.word) + after
		}
	}
	return line
}
