package index

import (
	"errors"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/text"
)

// Select returns the image for s, a platform or a digest. os.version and distro
// may be omitted if the result is unambiguous. It returns a
// [*diag.InvalidError] unless exactly one image matches.
func (x *Index) Select(s string) (*Entry, error) {
	matches, err := x.matching(s)
	switch {
	case err != nil:
		return nil, err
	case len(matches) == 1:
		return matches[0], nil
	case len(matches) > 1:
		return nil, diag.WithHint(diag.Invalidf("%s matches %s of the index: %s",
			s, text.Count(len(matches), "image"), describe(matches)), platform.IdentityHint)
	}
	if images := x.Images(); len(images) > 0 {
		return nil, &notListedError{diag.Invalidf("%s is not in the index, which has %s", s, describe(images))}
	}
	if slices.ContainsFunc(x.entries, func(c *Entry) bool { return c.Kind() == oci.KindIndex }) {
		return nil, diag.WithHint(diag.Invalidf("%s is not in the index, which lists only other indexes", s), "list their images first, with: docker extpack index create")
	}
	return nil, diag.Invalidf("%s is not in the index, which has no images", s)
}

// notListedError is returned for a platform without an image in the index.
type notListedError struct{ error }

func (e *notListedError) Unwrap() error { return e.error }

// RemoveAll removes the selected images with their attestations. It returns a
// note for images that are not in the index, because an earlier run may have
// removed them. It returns an error for the last image, because readers
// misinterpret an empty index.
func (x *Index) RemoveAll(selectors []string) (notes []string, err error) {
	var gone []*Entry
	for _, s := range selectors {
		c, err := x.Select(s)
		if absent := (*notListedError)(nil); errors.As(err, &absent) {
			if err := checkSelector(s); err != nil {
				return nil, err
			}
			notes = append(notes, diag.Of(err)[0].Message)
			continue
		}
		if err != nil {
			return nil, err
		}
		if !slices.Contains(gone, c) {
			gone = append(gone, c)
		}
	}
	if len(gone) > 0 && len(gone) == len(x.Images()) {
		return nil, diag.WithHint(diag.Invalidf("removing %s would leave no platforms", describe(gone)), "delete the tag instead, or add another platform first")
	}
	for _, c := range gone {
		x.Remove(c)
	}
	return notes, nil
}

// checkSelector returns an error for an unknown platform, which is a typo
// rather than an image that was removed before.
func checkSelector(s string) error {
	if _, err := digest.Parse(s); err == nil || namesAnyPlatform(s) {
		return nil
	}
	_, err := platform.ParseImage(s)
	return err
}

// namesAnyPlatform reports whether s is how labels or reports name the platform of
// an image for any.
func namesAnyPlatform(s string) bool {
	return s == extension.AnyPlatform || s == extension.AnyPlatformName
}

func (x *Index) matching(s string) ([]*Entry, error) {
	images := x.Images()
	if d, err := digest.Parse(s); err == nil {
		return slices.DeleteFunc(images, func(c *Entry) bool { return c.desc.Digest != d }), nil
	}
	if namesAnyPlatform(s) {
		return slices.DeleteFunc(images, func(c *Entry) bool { return !c.any }), nil
	}
	want, err := platform.ParseIdentity(s)
	if err != nil {
		return nil, err
	}
	if exact := x.Find(want); len(exact) == 1 {
		return exact, nil
	}
	return slices.DeleteFunc(images, func(c *Entry) bool { return !c.Identity().Matches(want) }), nil
}

// describe lists images by platform, or by digest if that is ambiguous.
func describe(images []*Entry) string {
	names := make([]string, 0, len(images))
	for _, c := range images {
		name := c.Identity().String()
		if c.Identity() == (platform.Identity{}) || slices.ContainsFunc(images, func(other *Entry) bool { return other != c && other.Identity() == c.Identity() }) {
			name += " (" + c.desc.Digest.String() + ")"
		}
		names = append(names, name)
	}
	return text.Line(strings.Join(names, ", "))
}
