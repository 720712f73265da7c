package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	// maxValues limits the values of one document; a longer one than any of
	// image-spec may have one in bytesPerValue bytes. Go's types need far more
	// memory for an empty descriptor than the two bytes it has in JSON.
	maxValues     = 100_000
	bytesPerValue = 8
	// maxNesting limits how deep the values of a document nest.
	maxNesting = 64
)

// Decode reads one JSON document into v and refuses what other readers could
// understand differently: field names that are repeated, or that differ only by
// case from another one or from a field of v. Go's decoder matches names in any
// case and uses the last one, most others use exact names. Unknown fields are
// accepted. The keys of a map may differ only in case.
func Decode(raw []byte, v any) error {
	if err := CheckJSON(raw, v); err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

// CheckJSON returns the errors of [Decode] without decoding into v, which only
// tells the fields that are known.
func CheckJSON(raw []byte, v any) error {
	_, err := scan(raw, v)
	return err
}

// scan is CheckJSON, and returns what was found.
func scan(raw []byte, v any) (*scanner, error) {
	s := &scanner{data: raw, limit: maxValues}
	if !utf8.Valid(raw) {
		return s, errors.New("it is not UTF-8 text")
	}
	if !json.Valid(raw) {
		var discard json.RawMessage
		return s, json.Unmarshal(raw, &discard) // which says what is wrong
	}
	if len(raw) > MaxManifestSize {
		s.limit = len(raw) / bytesPerValue
	}
	return s, s.value(reflect.TypeOf(v), 0)
}

// scanner walks over JSON that is known to be valid, along a Go type.
type scanner struct {
	data   []byte
	pos    int
	values int
	limit  int
	// fields are the folded names of the fields of the document.
	fields []string
}

// value reads one value. t may be nil, for a value of which nothing is known.
func (s *scanner) value(t reflect.Type, depth int) error {
	if s.values++; s.values > s.limit {
		return &limitError{fmt.Sprintf("it has more than %d values", s.values-1)}
	}
	if depth > maxNesting {
		return &limitError{fmt.Sprintf("its values are nested more than %d levels deep", maxNesting)}
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch s.next() {
	case '{':
		return s.object(t, depth)
	case '[':
		return s.array(t, depth)
	case '"':
		s.string()
	default:
		for s.pos < len(s.data) && !strings.ContainsRune(",]} \t\r\n", rune(s.data[s.pos])) {
			s.pos++
		}
	}
	return nil
}

// next skips white space and returns the byte after it.
func (s *scanner) next() byte {
	for s.data[s.pos] == ' ' || s.data[s.pos] == '\t' || s.data[s.pos] == '\r' || s.data[s.pos] == '\n' {
		s.pos++
	}
	return s.data[s.pos]
}

// string reads a string with its quotes.
func (s *scanner) string() []byte {
	start := s.pos
	for s.pos++; s.data[s.pos] != '"'; s.pos++ {
		if s.data[s.pos] == '\\' {
			s.pos++
		}
	}
	s.pos++
	return s.data[start:s.pos]
}

func unquote(raw []byte) (name string, err error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	err = json.Unmarshal(raw, &name)
	return name, err
}

// fold returns the form in which encoding/json compares field names.
func fold(name string) string {
	if isASCII(name) {
		return strings.ToUpper(name)
	}
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next // the first one of those that are equal
			}
			r = next
		}
	}, name)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (s *scanner) array(t reflect.Type, depth int) error {
	var elem reflect.Type
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
		elem = t.Elem()
	}
	s.pos++
	for s.next() != ']' {
		if err := s.value(elem, depth+1); err != nil {
			return err
		}
		if s.next() == ',' {
			s.pos++
		}
	}
	s.pos++
	return nil
}

func (s *scanner) object(t reflect.Type, depth int) error {
	var (
		known map[string]jsonField
		elem  reflect.Type
		keys  = map[string]string{} // folded, or as they are in a map
	)
	switch {
	case t == nil:
	case t.Kind() == reflect.Struct:
		known = fieldsOf(t)
	case t.Kind() == reflect.Map:
		elem = t.Elem()
	}
	s.pos++
	for s.next() != '}' {
		name, err := unquote(s.string())
		if err != nil {
			return err
		}
		key, next := name, elem
		if known != nil {
			key = fold(name)
			if f, ok := known[key]; ok && f.name != name {
				return fmt.Errorf("the field %q is ambiguous: some readers treat it as %q", name, f.name)
			} else if ok {
				next = f.typ
			}
		}
		if other, ok := keys[key]; ok {
			if other == name {
				return fmt.Errorf("the field %q is repeated", name)
			}
			return fmt.Errorf("the field %q is ambiguous: some readers treat it as %q", name, other)
		}
		keys[key] = name
		if depth == 0 {
			s.fields = append(s.fields, fold(name))
		}
		s.next() // the colon
		s.pos++
		if err := s.value(next, depth+1); err != nil {
			return err
		}
		if s.next() == ',' {
			s.pos++
		}
	}
	s.pos++
	return nil
}

// jsonField is a field of a struct by its name in JSON.
type jsonField struct {
	name string
	typ  reflect.Type
}

var fieldCache sync.Map // of map[string]jsonField by reflect.Type

// fieldsOf returns the JSON fields of a struct by their folded names.
func fieldsOf(t reflect.Type) map[string]jsonField {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.(map[string]jsonField)
	}
	fields := map[string]jsonField{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields[fold(name)] = jsonField{name, f.Type}
	}
	fieldCache.Store(t, fields)
	return fields
}

// limitError is an ErrTooLarge in its own words.
type limitError struct{ text string }

func (e *limitError) Error() string { return e.text }
func (e *limitError) Unwrap() error { return ErrTooLarge }
