package extension

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/rules"
)

var placeholder = lazyregexp.New(`\{\{.*?\}\}|\{\{|\}\}`)

// Placeholders are the placeholders of [Info.Expand].
var Placeholders = []string{"{{.ID}}", "{{.Slug}}", "{{.Version}}", "{{.Major}}", "{{.Minor}}", "{{.Patch}}"}

// Expand replaces {{.ID}}, {{.Slug}}, {{.Version}} and the three numbers of the
// version, {{.Major}}, {{.Minor}} and {{.Patch}}, in an image reference. It
// returns an error for anything else between double braces.
func (i Info) Expand(text string) (string, error) {
	major, rest, _ := strings.Cut(i.Version, ".")
	minor, patch, _ := strings.Cut(rest, ".")
	known := map[string]string{}
	for n, value := range []string{i.ID, Slug(i.ID), i.Version, major, minor, patch} {
		known[Placeholders[n]] = value
	}
	var err error
	expanded := placeholder.Get().ReplaceAllStringFunc(text, func(found string) string {
		value, ok := known[found]
		if !ok && err == nil {
			err = fmt.Errorf("has the unknown placeholder %s%s", quote(found), suggest(found, Placeholders))
		}
		return value
	})
	if err != nil {
		return "", err
	}
	return expanded, nil
}

// checkImage reports an image that does not expand to a reference that can be
// pushed to.
func (r *reader) checkImage(e *Entry, info Info) {
	if !r.checkControl("image", e) {
		return
	}
	// An invalid id or version has a separate error, so use a placeholder here.
	info.ID, info.Version = cmp.Or(info.ID, "id"), cmp.Or(info.Version, "0.0.0")
	what := "image " + quote(e.Value)
	expanded, err := info.Expand(e.Value)
	if err == nil {
		err = pushable(expanded)
		if expanded != e.Value {
			what += ", here " + quote(expanded) + ","
		}
	}
	if err != nil {
		r.report(rules.Setting, e.Position, "%s %v", what, err)
	}
}

func pushable(image string) error {
	ref, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return fmt.Errorf("is not an image reference: %w", err)
	}
	if _, ok := ref.(reference.Digested); ok {
		return errors.New("has a digest, so it cannot be published to")
	}
	return nil
}
