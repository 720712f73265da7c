package extension

import (
	"fmt"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/text"
)

// table reads the keys of a table with their types. The calls are the schema:
// unknown reports every key that was not read.
type table struct {
	r    *reader
	node *node
	// path is the dotted name in the file, "" at the top level. array reports
	// whether the table is an element of an array of tables.
	path  string
	array bool
	known []string
	// schema records the keys that are read. It is nil when a file is read.
	schema *schema
}

// String returns the header of the table in a file: "[extension]".
func (t *table) String() string {
	if t.array {
		return "[[" + t.path + "]]"
	}
	return "[" + t.path + "]"
}

func (t *table) in() string {
	if t.path == "" {
		return ""
	}
	return " in " + t.String()
}

// position returns the position of the table, or that of the whole file at the
// top level.
func (t *table) position() diag.Position {
	if t.path == "" {
		return t.r.whole()
	}
	return t.r.position(t.node.at)
}

func (t *table) has(name string) bool { return t.node.index[name] != nil }

// lacks reports whether a key is absent or an empty string.
func (t *table) lacks(name string) bool {
	k := t.node.index[name]
	return k == nil || k.value.kind == stringKind && k.value.text == ""
}

// keyPosition returns the position of a key of the table.
func (t *table) keyPosition(name string) diag.Position {
	k := t.node.index[name]
	if k == nil { // the schema is being recorded
		return t.position()
	}
	return t.r.position(k.at)
}

// needs reports missing keys.
func (t *table) needs(names ...string) {
	if t.schema != nil {
		t.schema.Required = append(t.schema.Required, names...)
	}
}

// typed returns the value of a key, or nil if it is absent or has another type,
// which it reports. want describes the type.
func (t *table) typed(name string, k kind, want string) *node {
	t.known = append(t.known, name)
	if t.schema != nil {
		t.schema.note(name, k)
	}
	found := t.node.index[name]
	if found == nil {
		return nil
	}
	if found.value.kind != k {
		t.wrongType(found.value, name+t.in(), name, want)
		return nil
	}
	return found.value
}

func (t *table) wrongType(found *node, what, name, want string) {
	d := t.r.report(t.r.types, t.r.position(found.at), "%s must be %s, found %s", what, want, found.kind)
	switch found.kind {
	case boolKind, integerKind, floatKind, dateKind:
		if want == stringKind.String() {
			d.Hint = fmt.Sprintf("quote it: %s = %q", name, found.text)
		}
	}
}

// text returns a string, or nil.
func (t *table) text(name string) *Entry {
	n := t.typed(name, stringKind, stringKind.String())
	if n == nil {
		return nil
	}
	return &Entry{Value: n.text, Position: t.r.position(n.at)}
}

// plain returns a string without validation, or "".
func (t *table) plain(name string) string {
	if e := t.text(name); e != nil {
		return e.Value
	}
	return ""
}

// texts returns an array of strings. It is nil if the key is absent, but not if
// the array is empty.
func (t *table) texts(name string) []Entry {
	n := t.typed(name, arrayKind, "an array of strings")
	if t.schema != nil {
		t.schema.Properties[name].Items = &schema{Type: "string"}
	}
	if n == nil {
		return nil
	}
	out := make([]Entry, 0, len(n.items))
	for _, item := range n.items {
		if item.kind != stringKind {
			t.r.report(t.r.types, t.r.position(item.at), "%s%s must contain only strings, found %s", name, t.in(), item.kind)
			continue
		}
		out = append(out, Entry{Value: item.text, Position: t.r.position(item.at)})
	}
	return out
}

// textOrTexts returns a string as an array of one, or an array of strings.
func (t *table) textOrTexts(name string) []Entry {
	if k := t.node.index[name]; k != nil && k.value.kind == stringKind {
		return []Entry{*t.text(name)}
	}
	list := t.texts(name)
	if t.schema != nil {
		array := *t.schema.Properties[name]
		*t.schema.Properties[name] = schema{AnyOf: []*schema{{Type: "string"}, &array}}
	}
	return list
}

// plains returns an array of strings without validation.
func (t *table) plains(name string) []string {
	return values(t.texts(name))
}

func values(entries []Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Value)
	}
	return out
}

func (t *table) flag(name string) bool {
	n := t.typed(name, boolKind, "true or false")
	return n != nil && n.text == "true"
}

// integer returns a number as text, or nil.
func (t *table) integer(name string) *Entry {
	n := t.typed(name, integerKind, "a number")
	if n == nil {
		return nil
	}
	return &Entry{Value: n.text, Position: t.r.position(n.at)}
}

// child returns a table, or nil.
func (t *table) child(name string) *table {
	n := t.typed(name, tableKind, tableKind.String())
	if t.schema != nil {
		return t.recorded(name, t.schema.Properties[name], false)
	}
	if n == nil {
		return nil
	}
	return &table{r: t.r, node: n, path: t.join(name)}
}

// children returns the tables of an array of tables.
func (t *table) children(name string) []*table {
	path := t.join(name)
	n := t.typed(name, arrayKind, "an array of tables, [["+path+"]]")
	if t.schema != nil {
		items := &schema{Type: "object"}
		t.schema.Properties[name].Items = items
		return []*table{t.recorded(name, items, true)}
	}
	if n == nil {
		return nil
	}
	var out []*table
	for _, item := range n.items {
		if item.kind != tableKind {
			t.r.report(t.r.types, t.r.position(item.at), "%s%s must contain only tables, found %s", name, t.in(), item.kind).Hint = "write [[" + path + "]] and its keys for each"
			continue
		}
		out = append(out, &table{r: t.r, node: item, path: path, array: true})
	}
	return out
}

func (t *table) join(name string) string {
	if t.path == "" {
		return name
	}
	return t.path + "." + name
}

// textMap returns a table with arbitrary keys and string values. It calls check
// for every key with its position.
func (t *table) textMap(name string, check func(Entry)) map[string]string {
	c := t.child(name)
	if c == nil {
		return nil
	}
	if c.schema != nil {
		c.schema.Additional = &schema{Type: "string"}
	}
	out := map[string]string{}
	for _, k := range c.node.keys {
		check(Entry{Value: k.name, Position: t.r.position(k.at)})
		if k.value.kind != stringKind {
			name := quote(k.name)
			c.wrongType(k.value, name+c.in(), name, stringKind.String())
			c.hintDotted(k)
			continue
		}
		out[k.name] = k.value.text
	}
	return out
}

// hintDotted sets the hint for a table among labels, which is usually an
// unquoted key such as org.example.name that TOML parses as nested tables.
func (t *table) hintDotted(k *key) {
	name := k.name
	for k.value.kind == tableKind && len(k.value.keys) > 0 {
		k = k.value.keys[0]
		name += "." + k.name
	}
	if name != k.name && len(name) <= quoteLimit {
		t.r.list[len(t.r.list)-1].Hint = fmt.Sprintf("quote a key that contains dots: %q = …", name)
	}
}

// unknown warns of every key that was not read.
func (t *table) unknown() {
	if t.schema != nil {
		t.schema.Additional = false
		return
	}
	where := t.in()
	if where == "" {
		where = " at the top level"
	}
	t.otherCase()
	for _, k := range t.node.keys {
		if !slices.Contains(t.known, k.name) && t.inOtherCase(k.name) == "" {
			t.r.report(t.r.unknown, t.r.position(k.at), "unknown key %s%s%s", quote(k.name), where, suggest(k.name, t.known))
		}
	}
}

// misspelt reports keys that are probably meant to be a known one, in a table
// where other tools may have keys.
func (t *table) misspelt() {
	if t.schema != nil {
		return
	}
	for _, k := range t.node.keys {
		for _, known := range t.known {
			if text.IsSlip(k.name, known) {
				t.r.report(t.r.unknown, t.r.position(k.at), "unknown key %s%s%s", quote(k.name), t.in(), didYouMean(known))
			}
		}
	}
}

// otherCase reports keys that differ from a known one only in case: pack's
// parser treats them as equal, and uses a random one of two.
func (t *table) otherCase() {
	for _, k := range t.node.keys {
		if known := t.inOtherCase(k.name); known != "" {
			t.r.report(rules.KeyCase, t.r.position(k.at), "key %s%s is ambiguous: some readers treat it as %s", quote(k.name), t.in(), known)
		}
	}
}

// inOtherCase returns the known key that equals name except for case, if any.
func (t *table) inOtherCase(name string) string {
	if slices.Contains(t.known, name) {
		return ""
	}
	i := slices.IndexFunc(t.known, func(known string) bool { return strings.EqualFold(known, name) })
	if i < 0 {
		return ""
	}
	return t.known[i]
}
