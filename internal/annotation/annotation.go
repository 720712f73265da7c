// Package annotation reads annotations as people type them, with the place that
// each is for: buildx's forms "index:KEY=VALUE", "manifest[PLATFORM]:KEY=VALUE"
// and so on. It writes none.
package annotation

import (
	"regexp"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// Place is where an annotation is written.
type Place string

// The places that buildx knows (docker buildx build, "--annotation").
const (
	// Index is the index, and where there is none, the image.
	Index Place = "index"
	// IndexDescriptor is the descriptor of the index in an OCI layout.
	IndexDescriptor Place = "index-descriptor"
	// Manifest is the manifest of an image.
	Manifest Place = "manifest"
	// ManifestDescriptor is the entry of an image in the index.
	ManifestDescriptor Place = "manifest-descriptor"
)

var places = []Place{Index, IndexDescriptor, Manifest, ManifestDescriptor}

// Annotation is one annotation.
type Annotation struct {
	Place Place
	// Platform is that of the images it is for; nil is all of them.
	Platform *v1.Platform
	// Explicit says that the place was named.
	Explicit   bool
	Key, Value string
}

// List is a list of annotations; of those for one place and key the last counts.
type List []Annotation

var form = regexp.MustCompile(`^([a-z-]*)(?:\[([A-Za-z0-9_/.-]+)\])?$`)

const hint = "write it as KEY=VALUE, or PLACE:KEY=VALUE with index, index-descriptor, manifest or manifest-descriptor, the latter two also with a platform as in manifest[linux/amd64]:KEY=VALUE"

// Parse reads the values of a flag. Without a place they are for the index.
// Errors are [*diag.InvalidError].
func Parse(flag string, values []string) (List, error) {
	var list List
	for _, text := range values {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, diag.WithHint(diag.Invalidf("%s %q has no key and value", flag, text), hint)
		}
		types, key, explicit := strings.Cut(name, ":")
		if !explicit {
			types, key = string(Index), name
		}
		if key == "" {
			return nil, diag.WithHint(diag.Invalidf("%s %q has no key and value", flag, text), hint)
		}
		for typ := range strings.SplitSeq(types, ",") {
			a, err := place(typ)
			if err != nil {
				return nil, diag.WithHint(diag.Invalidf("%s %q: %v", flag, text, err), hint)
			}
			a.Explicit, a.Key, a.Value = explicit, key, value
			list = append(list, a)
		}
	}
	return list, nil
}

func place(text string) (Annotation, error) {
	m := form.FindStringSubmatch(text)
	if m == nil {
		return Annotation{}, diag.Invalidf("%q is no place", text)
	}
	a := Annotation{Place: Place(m[1])}
	if !slices.Contains(places, a.Place) {
		return a, diag.Invalidf("unknown place %q", m[1])
	}
	if m[2] == "" {
		return a, nil
	}
	if a.Place == Index || a.Place == IndexDescriptor {
		return a, diag.Invalidf("%s has no platform", a.Place)
	}
	t, err := platform.ParseTarget(m[2])
	if err != nil {
		return a, err
	}
	p := platform.Of(t)
	a.Platform = &p
	return a, nil
}

// CheckReserved refuses the names that docker extpack writes itself.
func (l List) CheckReserved(flag string) error {
	for _, a := range l {
		if strings.HasPrefix(a.Key, extension.ReservedPrefix) {
			return diag.Invalidf("%s %q: names beginning with %s are written by docker extpack", flag, a.Key+"="+a.Value, extension.ReservedPrefix)
		}
	}
	return nil
}

// At returns what is for a place, nil for nothing. For the two places of images
// p is the image's platform.
func (l List) At(place Place, p v1.Platform) map[string]string {
	var out map[string]string
	for _, a := range l {
		if a.Place != place || a.Platform != nil && !platform.Equal(*a.Platform, p) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[a.Key] = a.Value
	}
	return out
}

// Unmatched returns the first annotation for a platform that is none of these,
// nil when there is none.
func (l List) Unmatched(all []v1.Platform) *Annotation {
	for _, a := range l {
		if a.Platform != nil && !slices.ContainsFunc(all, func(p v1.Platform) bool { return platform.Equal(*a.Platform, p) }) {
			return &a
		}
	}
	return nil
}

// String returns the annotation in buildx's form.
func (a Annotation) String() string {
	at := string(a.Place)
	if a.Platform != nil {
		at += "[" + platform.Format(*a.Platform) + "]"
	}
	return at + ":" + a.Key + "=" + a.Value
}
