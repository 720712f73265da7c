package screen

import (
	"io"
	"strings"

	"github.com/extpack/extpack/internal/text"
)

// Field is a name with a value.
type Field struct{ Name, Value string }

// Fields prints a line for each field that has a value, with the values below
// each other. Control characters are replaced, and long values are folded.
func (s *Screen) Fields(indent string, fields []Field) error {
	names := 0
	for _, f := range fields {
		if f.Value != "" {
			names = max(names, width(text.Line(f.Name))+len(": "))
		}
	}
	// Names that fill most of the line have their values below them.
	below := s.Width > 0 && s.Width-len(indent)-names-1 < minText
	var out strings.Builder
	for _, f := range fields {
		name, value := text.Line(f.Name)+":", text.Line(f.Value)
		switch {
		case value == "":
		case below:
			out.WriteString(indent + name + "\n")
			for _, part := range fold(value, s.Width-len(indent)-2, s.Width-len(indent)-2) {
				out.WriteString(indent + "  " + part + "\n")
			}
		default:
			columns := 0
			if s.Width > 0 {
				columns = s.Width - len(indent) - names - 1
			}
			for i, part := range fold(value, columns, columns) {
				if i > 0 {
					name = ""
				}
				out.WriteString(indent + pad(name, names+1) + part + "\n")
			}
		}
	}
	_, err := io.WriteString(s, out.String())
	return err
}

// Paragraph prints a line, which is folded if it is too wide; commands stay
// whole. Control characters are replaced.
func (s *Screen) Paragraph(style Style, line string) error {
	line = text.Line(line)
	for i, part := range foldHint(line, s.Width, s.Width-len(indent)) {
		if i > 0 {
			part = indent + part
		}
		if _, err := io.WriteString(s, s.Paint(style, part)+"\n"); err != nil {
			return err
		}
	}
	return nil
}
