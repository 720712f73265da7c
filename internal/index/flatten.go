package index

import (
	"context"

	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// Flatten replaces nested indexes by their entries, without duplicates.
func (x *Index) Flatten(ctx context.Context, src content.Fetcher) error {
	f := flattener{ctx: ctx, src: src}
	if err := f.add(x.entries, 1); err != nil {
		return err
	}
	if f.nested {
		x.entries = f.out
	}
	return nil
}

type flattener struct {
	ctx    context.Context
	src    content.Fetcher
	out    []*Entry
	nested bool
	count  int
}

func (f *flattener) add(entries []*Entry, depth int) error {
	if depth > oci.MaxDepth {
		return diag.Invalidf("indexes are nested more than %d deep", oci.MaxDepth)
	}
	for _, c := range entries {
		if f.count++; f.count > oci.MaxNodes {
			return diag.Invalidf("the index has more than %d entries", oci.MaxNodes)
		}
		if c.Kind() != oci.KindIndex {
			if depth == 1 || !f.has(c) {
				f.out = append(f.out, c)
			}
			continue
		}
		f.nested = true
		inner, err := ReadIndex(f.ctx, f.src, c.desc)
		if err != nil {
			return err
		}
		if err := f.add(inner.entries, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether an entry with the same platform already exists.
func (f *flattener) has(e *Entry) bool {
	for _, other := range f.out {
		if other.desc.Digest == e.desc.Digest && other.Identity() == e.Identity() {
			return true
		}
	}
	return false
}
