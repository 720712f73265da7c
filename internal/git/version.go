package git

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

// Version returns the version in the tag of the commit that is checked out:
// "1.2.3" or "v1.2.3" or, in a repository of several extensions, one of names
// before it: "curl/v1.2.3" or "curl-1.2.3". It returns a [*diag.InvalidError] if
// there is not exactly one version, or if the tree has changes.
func (t *Tree) Version(ctx context.Context, names []string, ignore func(name string) bool) (string, error) {
	changes, err := t.Changes(ctx, ignore)
	if err != nil {
		return "", err
	}
	if len(changes) > 0 {
		return "", diag.WithHint(diag.Invalidf("the version cannot be read from Git: %s", Describe(changes)), "commit or remove the changes, or set the version with --version")
	}
	tags, err := t.Tags(ctx)
	if err != nil {
		return "", err
	}
	named, plain := versions(tags, names)
	if len(named) == 0 {
		named = plain
	}
	switch len(named) {
	case 1:
		return named[0], nil
	case 0:
		commit, err := t.Commit(ctx)
		if err != nil {
			return "", err
		}
		return "", diag.WithHint(diag.Invalidf("the version cannot be read from Git: no tag of the commit %.12s is a version%s", commit, t.nearest(ctx)),
			`tag it, for example with "git tag v1.2.3"; to fetch missing tags, run "git fetch --tags"`)
	}
	return "", diag.WithHint(diag.Invalidf("the version cannot be read from Git: the commit has tags for the versions %s", strings.Join(named, " and ")), "choose one with --version")
}

// versions returns the different versions of the tags, with one of names before
// it and without.
func versions(tags, names []string) (named, plain []string) {
	for _, tag := range tags {
		list, text := &plain, tag
		for _, name := range names {
			for _, separator := range []string{"/", "-"} {
				if rest, ok := strings.CutPrefix(tag, name+separator); ok {
					list, text = &named, rest
				}
			}
		}
		version, err := extension.ParseVersion(text)
		if err == nil && !slices.Contains(*list, version) {
			*list = append(*list, version)
		}
	}
	return named, plain
}

// nearest names the nearest tag, as a clause, or "".
func (t *Tree) nearest(ctx context.Context) string {
	tag, err := t.run(ctx, "describe", "--tags", "--abbrev=0", "--match", "*[0-9].[0-9]*.[0-9]*")
	if err != nil {
		return ""
	}
	return fmt.Sprintf("; the last one is %s", tag)
}

// Describe returns a clause about changes.
func Describe(changes []string) string {
	const most = 3
	if len(changes) <= most {
		return "the working tree differs from the commit: " + strings.Join(changes, ", ")
	}
	return fmt.Sprintf("the working tree differs from the commit: %s and %d more", strings.Join(changes[:most], ", "), len(changes)-most)
}
