// Package annotation reads annotations as people type them, with the place that
// each is for: buildx's forms "index:KEY=VALUE", "manifest[PLATFORM]:KEY=VALUE"
// and so on, and labels. It writes none.
package annotation

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
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
	// Image is the identity of the images it is for, which may leave out
	// os.version and distro; nil is all of them.
	Image *platform.Identity
	// Explicit says that the place was named.
	Explicit   bool
	Key, Value string
}

// List is a list of annotations; of those for one place and key the last counts.
type List []Annotation

var (
	form = lazyregexp.New(`^([a-z-]*)(?:\[([^\]]+)\])?$`)
	// placesForm matches the places in front of a key. In brackets there may be
	// colons, of distros.
	placesForm = lazyregexp.New(`^((?:[^:\[]|\[[^\]]*\]?)*):(.*)$`)
)

const hint = "write it as KEY=VALUE, or PLACE:KEY=VALUE, where PLACE is index, index-descriptor, manifest or manifest-descriptor, or one of the latter two with a platform as in manifest[linux/amd64]:KEY=VALUE"

// Parse reads the values of a flag. Without a place they are for the index.
// Errors are [*diag.InvalidError].
func Parse(flag string, values []string) (List, error) {
	var list List
	for _, text := range values {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, diag.WithHint(diag.Invalidf("%s %q has no key and value", flag, text), hint)
		}
		types, key, explicit := string(Index), name, false
		if m := placesForm.Get().FindStringSubmatch(name); m != nil {
			types, key, explicit = m[1], m[2], true
		}
		if key == "" {
			return nil, diag.WithHint(diag.Invalidf("%s %q has no key and value", flag, text), hint)
		}
		if err := CheckText(key, value); err != nil {
			return nil, diag.Invalidf("%s %q: %v", flag, text, err)
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

// CheckText returns an error for the key or value of an annotation or label that
// JSON cannot hold, and for keys that descriptors cannot have either.
func CheckText(key, value string) error {
	switch {
	case !utf8.ValidString(key) || !utf8.ValidString(value):
		return errors.New("it is not valid UTF-8")
	case strings.ContainsFunc(key, unicode.IsControl):
		return errors.New("the key contains a control character")
	}
	return nil
}

func place(text string) (Annotation, error) {
	m := form.Get().FindStringSubmatch(text)
	if m == nil {
		return Annotation{}, diag.Invalidf("%q is not a place", text)
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
	id, err := platform.ParseImage(m[2])
	if err != nil {
		return a, err
	}
	a.Image = &id
	return a, nil
}

// CheckReserved refuses the names that docker extpack writes itself.
func (l List) CheckReserved(flag string) error {
	for _, a := range l {
		if err := checkReserved(flag, a.Key, a.Value); err != nil {
			return err
		}
	}
	return nil
}

// isFor reports whether the annotation is for an image.
func (a Annotation) isFor(image platform.Identity) bool {
	return a.Image == nil || image.Matches(*a.Image)
}

// At returns what is for a place, nil for nothing. The image is that of the two
// places of images.
func (l List) At(place Place, image platform.Identity) map[string]string {
	var out map[string]string
	for _, a := range l {
		if a.Place != place || !a.isFor(image) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[a.Key] = a.Value
	}
	return out
}

// Unmatched returns the first annotation for an image that is none of these, nil
// when there is none.
func (l List) Unmatched(all []platform.Identity) *Annotation {
	for _, a := range l {
		if a.Image != nil && !slices.ContainsFunc(all, a.isFor) {
			return &a
		}
	}
	return nil
}

// String returns the annotation in the form that [Parse] accepts.
func (a Annotation) String() string {
	if a.Image == nil {
		return a.at("")
	}
	return a.at(a.Image.String())
}

// Buildx returns the annotation in the form that buildx accepts, which names no
// distro.
func (a Annotation) Buildx() string {
	if a.Image == nil {
		return a.at("")
	}
	return a.at(platform.Format(a.Image.Platform()))
}

func (a Annotation) at(image string) string {
	place := string(a.Place)
	if image != "" {
		place += "[" + image + "]"
	}
	return place + ":" + a.Key + "=" + a.Value
}
