package index

import (
	"context"
	"errors"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/registry"
)

// Merge merges all sources into one index. A single index is returned
// unchanged. Otherwise the result is an OCI index with the annotations that are
// equal in all indexes. Merge returns a [*diag.InvalidError] for two images
// with the same identity.
func Merge(all []*SourceImages) (*Index, error) {
	if len(all) == 1 && all[0].Index != nil {
		return all[0].Index, nil // unchanged, even if it has duplicates
	}
	x := NewIndex()
	from := map[digest.Digest]string{}
	for _, t := range all {
		for _, p := range t.parts {
			err := x.Add(p.image, p.attestations, false)
			var duplicate *DuplicateError
			if errors.As(err, &duplicate) {
				return nil, diag.WithHint(diag.Invalidf("%s is both in %s and in %s", duplicate.Identity, from[duplicate.By.Digest], t.Name), "name one image for each platform")
			}
			if err != nil {
				return nil, err
			}
			from[p.image.desc.Digest] = t.Name
		}
		x.addMissing(t.others)
	}
	return x, x.Annotate(commonAnnotations(all))
}

// commonAnnotations returns the annotations that are equal in all indexes, such
// as the id and version in separately built parts of a package.
func commonAnnotations(all []*SourceImages) map[string]string {
	var common map[string]string
	for _, t := range all {
		if t.Index == nil {
			continue
		}
		annotations := t.Index.Annotations()
		if common == nil {
			common = annotations
			if common == nil {
				return nil
			}
			continue
		}
		for key, value := range common {
			if other, ok := annotations[key]; !ok || other != value {
				delete(common, key)
			}
		}
	}
	return common
}

// Addition adds images to an existing index.
type Addition struct {
	Client *registry.Client
	// Sources are named as for package source.
	Sources []string
	Read    ReadOptions
	// Replace replaces images with the same identity.
	Replace bool
}

// Change adds the sources to x.
func (a *Addition) Change(ctx context.Context, s *Staging, x *Index) (*Index, error) {
	sources, err := s.Open(ctx, a.Client, a.Sources)
	if err != nil {
		return nil, err
	}
	all, err := ReadSources(ctx, s, sources, a.Sources, a.Read)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if err := a.add(ctx, s, x, t); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (a *Addition) add(ctx context.Context, s *Staging, x *Index, t *SourceImages) error {
	for _, p := range t.parts {
		err := x.Add(p.image, p.attestations, a.Replace)
		var duplicate *DuplicateError
		if errors.As(err, &duplicate) {
			if a.isThere(ctx, s, p.image, duplicate) {
				continue
			}
			return diag.WithHint(diag.Invalidf("%s", duplicate), "use --replace to replace it with the image of "+t.Name)
		}
		if err != nil {
			return err
		}
	}
	x.addMissing(t.others)
	return nil
}

// isThere reports whether an image has been added before, with other media
// types.
func (a *Addition) isThere(ctx context.Context, s *Staging, image *Entry, duplicate *DuplicateError) bool {
	for _, types := range []Types{OCI, Docker} {
		desc, err := convertImage(ctx, s, image.desc, types.typeMap())
		if err == nil && desc.Digest == duplicate.By.Digest {
			return true
		}
	}
	return false
}
