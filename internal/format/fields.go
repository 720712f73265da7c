package format

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// object is a struct for templates: it has every field under its Go and its
// JSON name. It marshals like the struct.
type object map[string]any

// original is the key of the struct itself.
const original = ""

func (o object) MarshalJSON() ([]byte, error) { return json.Marshal(o[original]) }

// byBothNames returns v with every struct in it as an [object].
func byBothNames(v any) any { return named(reflect.ValueOf(v)) }

func named(v reflect.Value) any {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	if !v.IsValid() {
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		if isText(v.Type()) {
			return v.Interface()
		}
		o := object{original: v.Interface()}
		for _, f := range reflect.VisibleFields(v.Type()) {
			if !f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct {
				continue
			}
			value := named(v.FieldByIndex(f.Index))
			o[f.Name] = value
			o.set(jsonName(f), value)
		}
		return o
	case reflect.Slice, reflect.Array:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = named(v.Index(i))
		}
		return list
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return v.Interface()
		}
		m := map[string]any{}
		for _, key := range v.MapKeys() {
			m[key.String()] = named(v.MapIndex(key))
		}
		return m
	}
	return v.Interface()
}

// set adds a value under its JSON name. A name with dots is also added as
// nested maps, for templates.
func (o object) set(name string, value any) {
	if name == "" {
		return
	}
	o[name] = value
	first, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		return
	}
	inner, ok := o[first].(object)
	if !ok {
		inner = object{}
		o[first] = inner
	}
	inner.set(rest, value)
}

// isText reports whether a struct is a single value in JSON, such as a time.
func isText(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// jsonNames returns the names of all fields below v, sorted.
func jsonNames(v any) []string {
	names := map[string]bool{}
	seen := map[reflect.Type]bool{}
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			visit(t.Elem())
		case reflect.Struct:
			if seen[t] || isText(t) {
				return
			}
			seen[t] = true
			for _, f := range reflect.VisibleFields(t) {
				if name := jsonName(f); f.IsExported() && name != "" {
					names[name] = true
					visit(f.Type)
				}
			}
		}
	}
	visit(reflect.TypeOf(v))
	return slices.Sorted(maps.Keys(names))
}
