package terminal

import (
	"fmt"
	"html"
	"image/color"
	"strings"

	"github.com/tonistiigi/vt100"
)

// Sizes of a picture in pixels.
const (
	charWidth, lineHeight = 8.43, 19
	margin, titleHeight   = 16, 28
)

// palette has the colours of a terminal on a dark background.
var palette = map[color.RGBA]string{
	vt100.Red: "#ff7b72", vt100.Green: "#7ee787", vt100.Yellow: "#e3b341", vt100.Blue: "#79c0ff", vt100.Cyan: "#76e3ea", vt100.Magenta: "#d2a8ff",
}

// SVG returns a picture of screens below each other, each with the command that
// was typed.
func SVG(columns int, commands []string, screens []*Screen) string {
	var body strings.Builder
	y := titleHeight + margin
	line := func(spans string) {
		fmt.Fprintf(&body, "<text x=\"%d\" y=\"%d\">%s</text>\n", margin, y, spans)
		y += lineHeight
	}
	for i, s := range screens {
		line(`<tspan fill="#7ee787">$</tspan> <tspan font-weight="bold">` + html.EscapeString(commands[i]) + `</tspan>`)
		lines := len(s.Lines())
		for row := range s.content {
			if row >= lines {
				break
			}
			line(s.spans(row))
		}
		y += lineHeight / 2
	}
	width := int(float64(columns)*charWidth) + 2*margin
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-label="docker extpack on a terminal">
<rect width="%[1]d" height="%[2]d" rx="8" fill="#0d1117"/>
<g fill="#484f58"><circle cx="20" cy="16" r="5"/><circle cx="38" cy="16" r="5"/><circle cx="56" cy="16" r="5"/></g>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#e6edf3" xml:space="preserve">
%[3]s</g>
</svg>
`, width, y, body.String())
}

// spans returns a line with a span for each style.
func (s *Screen) spans(row int) string {
	text := []rune(strings.TrimRight(string(s.content[row]), " "))
	var out strings.Builder
	for i := 0; i < len(text); {
		f, end := s.format[row][i], i
		for end < len(text) && s.format[row][end] == f {
			end++
		}
		style := ""
		if fill, ok := palette[f.Fg]; ok {
			style += ` fill="` + fill + `"`
		}
		if f.Intensity == vt100.Bright {
			style += ` font-weight="bold"`
		}
		if f.Intensity == vt100.Dim {
			style += ` fill="#8b949e"`
		}
		part := html.EscapeString(string(text[i:end]))
		if style != "" {
			part = "<tspan" + style + ">" + part + "</tspan>"
		}
		out.WriteString(part)
		i = end
	}
	return out.String()
}
