package index

import (
	"context"
	"errors"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/registry"
)

// Merge makes one index of all sources. Out of a single index comes
// that index, whole; several give an OCI index with the annotations on which
// all the indexes among them agree. Two images of one identity are a
// [*diag.InvalidError].
func Merge(all []*SourceImages) (*Index, error) {
	if len(all) == 1 && all[0].Index != nil {
		return all[0].Index, nil // its maker's word, also where images hide one another
	}
	x := NewIndex()
	from := map[digest.Digest]string{}
	for _, t := range all {
		for _, p := range t.parts {
			err := x.Add(p.image, p.attestations, false)
			var duplicate *DuplicateError
			if errors.As(err, &duplicate) {
				return nil, diag.WithHint(diag.Invalidf("%s is both in %s and in %s", duplicate.Identity, from[duplicate.By.Digest], t.Name), "name images of one platform once")
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

// commonAnnotations gives what all indexes say alike: of the parts of a package
// that were built one by one its id and version, say.
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

// Addition is what is to be added to an index that exists.
type Addition struct {
	Client *registry.Client
	// Sources are named as for package source.
	Sources []string
	Read    ReadOptions
	// Replace puts images in the place of those in their slots.
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
			return diag.WithHint(diag.Invalidf("%s", duplicate), "pass --replace to put the one of "+t.Name+" in its place")
		}
		if err != nil {
			return err
		}
	}
	x.addMissing(t.others)
	return nil
}

// isThere reports whether an image was added before, with other media types.
func (a *Addition) isThere(ctx context.Context, s *Staging, image *Entry, duplicate *DuplicateError) bool {
	for _, types := range []Types{OCI, Docker} {
		desc, err := convertImage(ctx, s, image.desc, types.typeMap())
		if err == nil && desc.Digest == duplicate.By.Digest {
			return true
		}
	}
	return false
}
