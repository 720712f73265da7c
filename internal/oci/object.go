package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"github.com/extpack/extpack/internal/diag"
)

// Object is a JSON object that keeps the order of its fields and the exact
// values of those that are not set.
type Object struct{ fields []field }

type field struct {
	name string
	raw  json.RawMessage
}

// ParseObject reads one JSON object. A field that is repeated is refused, as
// readers differ in which one they use.
func ParseObject(raw []byte) (*Object, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if token != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	o := &Object{}
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		f := field{name: token.(string)} // the decoder takes no other keys
		if seen[f.name] {
			return nil, diag.Invalidf("ambiguous: it has the field %q twice", f.name)
		}
		seen[f.name] = true
		if err := dec.Decode(&f.raw); err != nil {
			return nil, err
		}
		o.fields = append(o.fields, f)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data follows the JSON object")
	}
	return o, nil
}

func (o *Object) index(name string) int {
	return slices.IndexFunc(o.fields, func(f field) bool { return f.name == name })
}

// Get returns the value of a field, or nil.
func (o *Object) Get(name string) json.RawMessage {
	if i := o.index(name); i >= 0 {
		return o.fields[i].raw
	}
	return nil
}

// Has reports whether there is such a field with a value other than null.
func (o *Object) Has(name string) bool {
	raw := o.Get(name)
	return raw != nil && !bytes.Equal(raw, []byte("null"))
}

// Decode reads a field into v, which is unchanged when the field is missing.
func (o *Object) Decode(name string, v any) error {
	if !o.Has(name) {
		return nil
	}
	if err := json.Unmarshal(o.Get(name), v); err != nil {
		return fmt.Errorf("field %q: %w", name, err)
	}
	return nil
}

// Set sets a field, in its place or at the end.
func (o *Object) Set(name string, value any) error {
	raw, err := EncodeJSON(value)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	if i := o.index(name); i >= 0 {
		o.fields[i].raw = raw
		return nil
	}
	o.fields = append(o.fields, field{name, raw})
	return nil
}

// SetText sets a field to text. For "" it deletes the field, unless that is
// empty already.
func (o *Object) SetText(name, value string) error {
	if raw := string(o.Get(name)); value == "" && raw != `""` {
		o.Delete(name)
	}
	if value == "" {
		return nil
	}
	return o.Set(name, value)
}

// Delete removes a field.
func (o *Object) Delete(name string) {
	o.fields = slices.DeleteFunc(o.fields, func(f field) bool { return f.name == name })
}

// Edit calls f with the object in a field, or with an empty one, which is added
// unless it stays empty.
func (o *Object) Edit(name string, f func(*Object) error) error {
	inner := &Object{}
	if o.Has(name) {
		var err error
		if inner, err = ParseObject(o.Get(name)); err != nil {
			return fmt.Errorf("field %q: %w", name, err)
		}
	}
	if err := f(inner); err != nil {
		return err
	}
	if len(inner.fields) == 0 && !o.Has(name) {
		return nil
	}
	return o.Set(name, inner)
}

// Merge sets fields to strings, those of an object of annotations or labels,
// new ones in the order of their names.
func (o *Object) Merge(values map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := o.Set(key, values[key]); err != nil {
			return err
		}
	}
	return nil
}

// Bytes returns compact JSON with the fields in order.
func (o *Object) Bytes() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o.fields {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := EncodeJSON(f.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		if err := json.Compact(&b, f.raw); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Clone returns an independent copy.
func (o *Object) Clone() *Object {
	return &Object{fields: slices.Clone(o.fields)}
}

// EncodeJSON is json.Marshal without the escapes for HTML, which would change
// text that was not edited. An [*Object] keeps its order.
func EncodeJSON(v any) (json.RawMessage, error) {
	switch v := v.(type) {
	case *Object:
		return v.Bytes()
	case json.RawMessage:
		return v, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// SameJSON reports whether two documents are equal except for white space,
// escapes and the order of fields.
func SameJSON(a, b []byte) bool {
	va, errA := decodeAny(a)
	vb, errB := decodeAny(b)
	return errA == nil && errB == nil && reflect.DeepEqual(va, vb)
}

func decodeAny(raw []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // sizes and digits beyond a float's
	return v, dec.Decode(&v)
}
