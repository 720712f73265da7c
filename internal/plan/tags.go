package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/distribution/reference"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

const tagHint = "write it as [registry/]repository[:tag], for example ghcr.io/acme/{{.Slug}}:{{.Version}}"

// tags returns the full references to publish: those of flags, or else the
// descriptor's image, with the extension's version as the default tag.
func tags(d *extension.Descriptor, given []string) ([]string, error) {
	if image := d.Metadata.Extpack.Image; len(given) == 0 && image.Value != "" {
		named, err := parseTag(d.Info, image.Value)
		if err != nil {
			var list diag.List
			list.Errorf(image.Position, "image: %v", err)
			return nil, list.Err()
		}
		if reference.IsNameOnly(named) {
			if named, err = reference.WithTag(named, d.Info.Version); err != nil {
				return nil, err
			}
		}
		return []string{named.String()}, nil
	}
	var out []string
	for _, tag := range given {
		named, err := parseTag(d.Info, tag)
		if err != nil {
			if expanded, _ := d.Info.Expand(tag); expanded != "" && expanded != tag {
				err = fmt.Errorf("%q for %s: %w", expanded, d.Info, err)
			}
			return nil, invalidTag(tag, err)
		}
		if complete := reference.TagNameOnly(named).String(); !slices.Contains(out, complete) {
			out = append(out, complete)
		}
	}
	return out, nil
}

// TagsOf returns the references that the extension would have with another
// version.
func (e *Extension) TagsOf(version string) ([]string, error) {
	d := *e.Descriptor
	d.Info.Version = version
	return tags(&d, e.tagForms)
}

// CheckTag returns an error for a tag that is invalid for every extension.
func CheckTag(text string) error {
	_, err := parseTag(extension.Info{ID: "a/b", Version: "1.2.3"}, text)
	if err != nil {
		return invalidTag(text, err)
	}
	return nil
}

func parseTag(info extension.Info, text string) (reference.Named, error) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return nil, errors.New("it contains a control character") // errors below print it as it is
	}
	expanded, err := info.Expand(text)
	if err != nil {
		return nil, err
	}
	named, err := reference.ParseNormalizedNamed(expanded)
	if err != nil {
		return nil, err
	}
	if _, ok := named.(reference.Digested); ok {
		return nil, errDigest
	}
	return named, nil
}

type constError string

func (e constError) Error() string { return string(e) }

// invalidTag returns the error for an invalid tag.
func invalidTag(text string, err error) error {
	invalid := diag.Invalidf("tag %q: %v", text, err)
	_, withoutScheme, hasScheme := strings.Cut(text, "://")
	withoutDigest, _, hasDigest := strings.Cut(text, "@")
	switch {
	case hasScheme:
		return diag.WithHint(invalid, "leave out the scheme: "+withoutScheme)
	case strings.Contains(text, ","):
		return diag.WithHint(invalid, "repeat --tag for each")
	case hasDigest:
		return diag.WithHint(invalid, "leave out the digest: "+withoutDigest)
	}
	return diag.WithHint(invalid, tagHint)
}

const errDigest = constError("a tag cannot contain a digest")
