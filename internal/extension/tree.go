package extension

import (
	"bytes"
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"
)

// kind is the TOML type of a value, as far as this package distinguishes them.
type kind int

const (
	tableKind kind = iota
	arrayKind
	stringKind
	boolKind
	integerKind
	floatKind
	dateKind
)

func (k kind) String() string {
	return [...]string{"a table", "an array", "a string", "a boolean", "an integer", "a float", "a date or time"}[k]
}

// node is a TOML value and its offset.
type node struct {
	kind kind
	at   int
	// end is the offset after a scalar.
	end int
	// text is the content of a string, or the source text of another scalar.
	text  string
	items []*node
	// keys are the keys of a table in file order, index the same by name.
	keys  []*key
	index map[string]*key
}

// key is a key of a table and its offset.
type key struct {
	name  string
	at    int
	value *node
}

func newTable(at int) *node { return &node{at: at, index: map[string]*key{}} }

// tree builds nodes from the library's stream of expressions, which is flat: a
// header, then its keys. go-toml decodes to values without positions; only its
// syntax tree has them.
type tree struct {
	data []byte
	root *node
	err  error
}

// buildTree returns the top-level table of a file that toml.Unmarshal accepts.
func buildTree(data []byte) (*node, error) {
	t := &tree{data: data, root: newTable(0)}
	var p unstable.Parser
	p.Reset(data)
	for current := t.root; p.NextExpression() && t.err == nil; {
		switch e := p.Expression(); e.Kind {
		case unstable.KeyValue:
			t.keyValue(current, e)
		case unstable.Table, unstable.ArrayTable:
			current = t.header(e)
		}
	}
	if err := p.Error(); err != nil {
		return nil, err
	}
	return t.root, t.err
}

// header returns the table that [a.b] or [[a.b]] opens.
func (t *tree) header(e *unstable.Node) *node {
	parent, last := t.walk(t.root, e.Key())
	at := t.headerStart(offset(last))
	if e.Kind == unstable.Table {
		opened := t.descend(parent, last)
		// It may exist already because of [a.b.c].
		opened.at = at
		return opened
	}
	array := parent.index[string(last.Data)]
	if array == nil {
		array = t.put(parent, last, &node{kind: arrayKind, at: at})
	} else if array.value.kind != arrayKind {
		t.conflict(last)
	}
	opened := newTable(at)
	array.value.items = append(array.value.items, opened)
	return opened
}

// headerStart returns the offset of the "[" at the beginning of a header: the
// first non-blank character of its line.
func (t *tree) headerStart(name int) int {
	start := bytes.LastIndexByte(t.data[:name], '\n') + 1
	return start + blanks(t.data[start:])
}

func (t *tree) keyValue(parent *node, e *unstable.Node) {
	parent, last := t.walk(parent, e.Key())
	value := t.value(e.Value(), t.valueStart(last))
	if parent.index[string(last.Data)] != nil {
		t.conflict(last)
		return
	}
	t.put(parent, last, value)
}

// valueStart returns the offset of the value that follows a key. Arrays have no
// offset in the library's tree.
func (t *tree) valueStart(last *unstable.Node) int {
	at := offset(last) + int(last.Raw.Length)
	at += blanks(t.data[at:]) + len("=")
	return at + blanks(t.data[at:])
}

// value converts a value at the given offset.
func (t *tree) value(v *unstable.Node, at int) *node {
	n := &node{kind: kindOf(v.Kind), at: at}
	switch n.kind {
	case tableKind:
		n.index = map[string]*key{}
		for it := v.Children(); it.Next(); {
			t.keyValue(n, it.Node())
		}
	case arrayKind:
		for it := v.Children(); it.Next(); {
			item := it.Node()
			start := at
			// An array in an array has no offset: use that of the outer one.
			if item.Raw.Length > 0 {
				start = offset(item)
			}
			n.items = append(n.items, t.value(item, start))
		}
	default:
		n.text, n.end = string(v.Data), at+int(v.Raw.Length)
	}
	return n
}

func kindOf(k unstable.Kind) kind {
	switch k {
	case unstable.InlineTable:
		return tableKind
	case unstable.Array:
		return arrayKind
	case unstable.String:
		return stringKind
	case unstable.Bool:
		return boolKind
	case unstable.Integer:
		return integerKind
	case unstable.Float:
		return floatKind
	}
	return dateKind
}

// walk follows all but the last part of a dotted key from n.
func (t *tree) walk(n *node, parts unstable.Iterator) (parent *node, last *unstable.Node) {
	for parts.Next() {
		if last != nil {
			n = t.descend(n, last)
		}
		last = parts.Node()
	}
	return n, last
}

// descend returns the table at part in n, which it creates if necessary. For an
// array of tables, that is the last one.
func (t *tree) descend(n *node, part *unstable.Node) *node {
	k := n.index[string(part.Data)]
	if k == nil {
		k = t.put(n, part, newTable(offset(part)))
	}
	child := k.value
	if child.kind == arrayKind && len(child.items) > 0 {
		child = child.items[len(child.items)-1]
	}
	if child.kind != tableKind {
		t.conflict(part)
		return newTable(offset(part))
	}
	return child
}

func (t *tree) put(n *node, part *unstable.Node, value *node) *key {
	k := &key{name: string(part.Data), at: offset(part), value: value}
	n.keys = append(n.keys, k)
	n.index[k.name] = k
	return k
}

// conflict records a conflicting key. toml.Unmarshal rejects such files; this
// is a safeguard against keys that it accepts.
func (t *tree) conflict(part *unstable.Node) {
	t.err = fmt.Errorf("key %q is specified twice", part.Data)
}

func offset(n *unstable.Node) int { return int(n.Raw.Offset) }

func blanks(data []byte) int { return len(data) - len(bytes.TrimLeft(data, " \t")) }
