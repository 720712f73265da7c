package inspect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/screen"
)

// wellKnown are the annotations with a name for people, in the order in which
// they are printed.
var wellKnown = []struct{ key, name string }{
	{extension.AnnotationID, "Extension"},
	{extension.AnnotationVersion, "Version"},
	{extension.AnnotationAPI, "API"},
	{v1.AnnotationTitle, "Title"},
	{v1.AnnotationVersion, "Version"},
	{v1.AnnotationDescription, "Description"},
	{v1.AnnotationURL, "Homepage"},
	{v1.AnnotationDocumentation, "Documentation"},
	{v1.AnnotationSource, "Source"},
	{v1.AnnotationRevision, "Revision"},
	{v1.AnnotationLicenses, "Licenses"},
	{v1.AnnotationVendor, "Vendor"},
	{v1.AnnotationAuthors, "Authors"},
	{v1.AnnotationCreated, "Created"},
}

// Describe returns the fields of a package for people, and separately its other
// annotations. Annotations that repeat a field are left out, those that contradict
// one are among the others. digest is the value of that field.
func (r *Report) Describe(digest string) (fields, others []screen.Field) {
	fields = []screen.Field{{Name: "Name", Value: r.Name}, {Name: "MediaType", Value: r.MediaType}, {Name: "Digest", Value: digest}}
	known := map[string]string{}
	add := func(name, value string) bool {
		if have, ok := known[name]; ok {
			return have == value
		}
		if value != "" {
			known[name] = value
			fields = append(fields, screen.Field{Name: name, Value: value})
		}
		return true
	}
	if e := r.Extension; e != nil {
		add("Extension", e.ID)
		add("Version", e.Version)
		add("API", e.API)
		add("Title", e.Name)
		add("Homepage", e.Homepage)
		add("Description", e.Description)
	} else {
		add("Extension", "none: no image has the labels of an extension package")
	}
	left := maps.Clone(r.Annotations)
	for _, a := range wellKnown {
		value, ok := left[a.key]
		if a.key == v1.AnnotationCreated {
			value = readableTime(value)
		}
		if ok && add(a.name, value) {
			delete(left, a.key)
		}
	}
	if info, ok := metadataOf(left[extension.LabelMetadata], r.Extension); ok {
		delete(left, extension.LabelMetadata)
		var licenses []string
		for _, l := range info.Licenses {
			licenses = append(licenses, strings.TrimSpace(l.Type+" "+l.URI))
		}
		add("Licenses", strings.Join(licenses, ", "))
		add("Keywords", strings.Join(info.Keywords, ", "))
	}
	for _, key := range slices.Sorted(maps.Keys(left)) {
		others = append(others, readable(key, left[key])...)
	}
	return fields, others
}

// metadataOf returns the metadata annotation if it is about the extension.
func metadataOf(value string, e *Extension) (info extension.Info, ok bool) {
	if value == "" || e == nil || json.Unmarshal([]byte(value), &info) != nil {
		return info, false
	}
	return info, info.ID == e.ID && info.Version == e.Version
}

// readableTime returns an RFC 3339 time as people write it.
func readableTime(value string) string {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return value
	}
	return t.Format("2006-01-02 15:04:05 MST")
}

// readable returns an annotation as fields: one for each value if it is JSON.
func readable(key, value string) []screen.Field {
	trimmed := strings.TrimSpace(value)
	var v any
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") || json.Unmarshal([]byte(trimmed), &v) != nil {
		return []screen.Field{{Name: key, Value: value}}
	}
	fields := flatten(key, v, maxDepth)
	if len(fields) == 0 {
		fields = []screen.Field{{Name: key, Value: "(empty)"}}
	}
	return fields
}

// maxDepth is the number of levels of JSON that are printed.
const maxDepth = 4

func flatten(name string, v any, depth int) []screen.Field {
	if depth == 0 {
		return []screen.Field{{Name: name, Value: "…"}}
	}
	var fields []screen.Field
	switch v := v.(type) {
	case nil:
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			fields = append(fields, flatten(name+" "+key, v[key], depth-1)...)
		}
	case []any:
		var words []string
		for i, one := range v {
			switch one.(type) {
			case map[string]any, []any:
				fields = append(fields, flatten(name+" "+strconv.Itoa(i+1), one, depth-1)...)
			default:
				words = append(words, fmt.Sprint(one))
			}
		}
		if len(words) > 0 {
			fields = append([]screen.Field{{Name: name, Value: strings.Join(words, ", ")}}, fields...)
		}
	default:
		fields = append(fields, screen.Field{Name: name, Value: fmt.Sprint(v)})
	}
	return fields
}
