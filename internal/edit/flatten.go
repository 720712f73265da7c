package edit

import (
	"context"

	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// Flatten puts what nested indexes list in their place, each entry once.
func (x *Index) Flatten(ctx context.Context, src content.Fetcher) error {
	f := flattener{ctx: ctx, src: src}
	if err := f.add(x.children, 1); err != nil {
		return err
	}
	if f.nested {
		x.children = f.out
	}
	return nil
}

type flattener struct {
	ctx    context.Context
	src    content.Fetcher
	out    []*Child
	nested bool
	count  int
}

func (f *flattener) add(children []*Child, depth int) error {
	if depth > oci.MaxDepth {
		return diag.Invalidf("indexes are nested more than %d deep", oci.MaxDepth)
	}
	for _, c := range children {
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
		if err := f.add(inner.children, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether an entry is there already, with the same platform.
func (f *flattener) has(c *Child) bool {
	for _, other := range f.out {
		if other.desc.Digest == c.desc.Digest && other.Identity() == c.Identity() {
			return true
		}
	}
	return false
}
