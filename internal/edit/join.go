package edit

import (
	"context"
	"errors"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/registry"
)

// JoinAll makes one index of all that was taken. Out of a single index comes
// that index, whole; several give an OCI index with the annotations on which
// all the indexes among them agree. Two images in one slot are a
// [*diag.InvalidError].
func JoinAll(all []*Taken) (*Index, error) {
	if len(all) == 1 && all[0].Index != nil {
		return all[0].Index, nil // its maker's word, also where images hide one another
	}
	x := NewIndex()
	from := map[digest.Digest]string{}
	for _, t := range all {
		for _, p := range t.parts {
			err := x.Join(p.image, p.attestations, false)
			var taken *TakenError
			if errors.As(err, &taken) {
				return nil, diag.WithHint(diag.Invalidf("%s is both in %s and in %s", taken.Identity, from[taken.By.Digest], t.Name), "name images of one platform once")
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
func commonAnnotations(all []*Taken) map[string]string {
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
	Take    TakeOptions
	// Replace puts images in the place of those in their slots.
	Replace bool
}

// Change adds the sources to x.
func (a *Addition) Change(ctx context.Context, o *Overlay, x *Index) (*Index, error) {
	sources, err := o.Open(ctx, a.Client, a.Sources)
	if err != nil {
		return nil, err
	}
	all, err := TakeAll(ctx, o, sources, a.Sources, a.Take)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if err := a.add(ctx, o, x, t); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (a *Addition) add(ctx context.Context, o *Overlay, x *Index, t *Taken) error {
	for _, p := range t.parts {
		err := x.Join(p.image, p.attestations, a.Replace)
		var taken *TakenError
		if errors.As(err, &taken) {
			if a.isThere(ctx, o, p.image, taken) {
				continue
			}
			return diag.WithHint(diag.Invalidf("%s", taken), "pass --replace to put the one of "+t.Name+" in its place")
		}
		if err != nil {
			return err
		}
	}
	x.addMissing(t.others)
	return nil
}

// isThere reports whether an image was added before, with other media types.
func (a *Addition) isThere(ctx context.Context, o *Overlay, image *Child, taken *TakenError) bool {
	for _, types := range []Types{OCI, Docker} {
		desc, err := convertImage(ctx, o, image.desc, types.typeMap())
		if err == nil && desc.Digest == taken.By.Digest {
			return true
		}
	}
	return false
}
