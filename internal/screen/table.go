package screen

import (
	"io"
	"strings"

	"github.com/extpack/extpack/internal/text"
)

const (
	// wideGap is the number of spaces between columns, as in docker's tables,
	// and narrowGap if the table would be too wide.
	wideGap, narrowGap = 3, 2
	// minName is the width to which a name is shortened at most.
	minName = 12
	// minText is the width from which the last column is on the line of the others.
	minText = 24
)

// Cell is a cell of a table.
type Cell struct {
	Text  string
	Style Style
}

// Cells returns plain cells.
func Cells(words ...string) []Cell {
	cells := make([]Cell, len(words))
	for i, w := range words {
		cells[i].Text = w
	}
	return cells
}

// Table is a table with a line of headers.
type Table struct {
	// Headers are the names of the columns.
	Headers []string
	// Fold reports whether the last column is text, which is folded if it is
	// too wide. Otherwise the first column has names, which are shortened in
	// the middle.
	Fold bool

	rows [][]Cell
}

// Add adds a row. Control characters in cells are replaced.
func (t *Table) Add(cells ...Cell) {
	for i := range cells {
		cells[i].Text = text.Line(cells[i].Text)
	}
	t.rows = append(t.rows, cells)
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Print prints the table.
func (t *Table) Print(s *Screen) error {
	p := &printer{screen: s, table: t, widths: t.widths(), gap: wideGap}
	last := len(p.widths) - 1
	if !s.Fits(p.before() + p.widths[last]) {
		p.gap = narrowGap
	}
	switch {
	case s.Fits(p.before() + p.widths[last]):
	case t.Fold:
		p.rest = s.Width - p.before()
		p.below = p.rest < max(minText, t.longestWord())
	default:
		over := p.before() + p.widths[last] - s.Width
		p.widths[0] = max(min(minName, p.widths[0]), p.widths[0]-over)
	}
	headers := make([]Cell, len(t.Headers))
	for i, h := range t.Headers {
		headers[i] = Cell{h, Bold}
	}
	if p.below {
		headers[last].Text = ""
	}
	p.row(headers)
	for _, row := range t.rows {
		p.row(row)
	}
	_, err := io.WriteString(s, p.out.String())
	return err
}

func (t *Table) widths() []int {
	widths := make([]int, len(t.Headers))
	for i, h := range t.Headers {
		widths[i] = width(h)
	}
	for _, row := range t.rows {
		for i, c := range row {
			widths[i] = max(widths[i], width(c.Text))
		}
	}
	return widths
}

// longestWord returns the width of the longest word in the last column.
func (t *Table) longestWord() int {
	longest := 0
	for _, row := range t.rows {
		for word := range strings.FieldsSeq(row[len(row)-1].Text) {
			longest = max(longest, width(word))
		}
	}
	return longest
}

// printer prints the rows of a table.
type printer struct {
	screen *Screen
	table  *Table
	widths []int
	gap    int
	// rest is the width of the last column if it is folded.
	rest int
	// below reports whether the last column is on lines below the others.
	below bool
	out   strings.Builder
}

// before returns the width of all columns but the last.
func (p *printer) before() int {
	total := 0
	for _, w := range p.widths[:len(p.widths)-1] {
		total += w + p.gap
	}
	return total
}

func (p *printer) row(cells []Cell) {
	last := len(cells) - 1
	var line strings.Builder
	for i, c := range cells[:last] {
		words := c.Text
		if i == 0 && !p.table.Fold {
			words = shorten(words, p.widths[i])
		}
		line.WriteString(p.screen.Paint(c.Style, words) + strings.Repeat(" ", p.widths[i]-min(width(words), p.widths[i])+p.gap))
	}
	end := cells[last]
	if p.below {
		p.line(line.String())
		for _, part := range fold(end.Text, p.screen.Width-2, p.screen.Width-2) {
			if part != "" {
				p.line("  " + p.screen.Paint(end.Style, part))
			}
		}
		return
	}
	for i, part := range fold(end.Text, p.rest, p.rest) {
		if i > 0 {
			line.Reset()
			line.WriteString(strings.Repeat(" ", p.before()))
		}
		p.line(line.String() + p.screen.Paint(end.Style, part))
	}
}

func (p *printer) line(s string) { p.out.WriteString(strings.TrimRight(s, " ") + "\n") }
