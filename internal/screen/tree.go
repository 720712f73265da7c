package screen

import (
	"io"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/text"
)

// Leaf is a file of a tree.
type Leaf struct {
	// Path is the slash-separated path. It ends with a slash for a directory.
	Path string
	// Note is printed after the name.
	Note  string
	Style Style
}

// Tree prints files as a tree below a root, like tree(1). Notes are below each
// other.
func (s *Screen) Tree(root string, leaves []Leaf) error {
	top := &branch{}
	for _, l := range leaves {
		top.add(strings.Split(strings.Trim(l.Path, "/"), "/"), l)
	}
	type line struct {
		head, name, note string
		style            Style
	}
	var lines []line
	var walk func(b *branch, indent string)
	walk = func(b *branch, indent string) {
		for i, child := range b.children {
			mark, below := "├── ", "│   "
			if i == len(b.children)-1 {
				mark, below = "└── ", "    "
			}
			name, at := child.name, child
			for len(at.children) == 1 && at.note == "" { // one line for directories of one entry
				at = at.children[0]
				name += "/" + at.name
			}
			if at.dir || len(at.children) > 0 {
				name += "/"
			}
			lines = append(lines, line{indent + mark, text.Line(name), text.Line(at.note), at.style})
			walk(at, indent+below)
		}
	}
	walk(top, "")
	names := 0
	for _, l := range lines {
		if l.note != "" {
			names = max(names, width(l.head+l.name))
		}
	}
	if s.Width > 0 {
		names = min(names, s.Width*2/3)
	}
	var out strings.Builder
	out.WriteString(s.Paint(Bold, text.Line(root)) + "\n")
	for _, l := range lines {
		row := l.head + s.Paint(l.style, l.name)
		if l.note != "" {
			row += strings.Repeat(" ", max(0, names-width(l.head+l.name))+2) + s.Paint(Faint, l.note)
		}
		out.WriteString(row + "\n")
	}
	_, err := io.WriteString(s, out.String())
	return err
}

// branch is an entry of a tree.
type branch struct {
	name, note string
	style      Style
	dir        bool
	children   []*branch
}

func (b *branch) add(names []string, l Leaf) {
	if len(names) == 0 {
		b.note, b.style, b.dir = l.Note, l.Style, strings.HasSuffix(l.Path, "/")
		return
	}
	i := slices.IndexFunc(b.children, func(c *branch) bool { return c.name == names[0] })
	if i < 0 {
		i = len(b.children)
		b.children = append(b.children, &branch{name: names[0]})
	}
	b.children[i].add(names[1:], l)
}
