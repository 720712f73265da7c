package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/platform"
)

// sparse is a layout whose index lists images that it does not hold, as "docker
// save" writes of an image of which only some platforms were pulled.
type sparse struct {
	ocilayout.Store
	name        string
	held, lacks []string // platforms
	missing     map[digest.Digest]bool
}

// newSparse returns a store that explains which images are missing, or store if
// it contains all images of the index root, or none.
func newSparse(ctx context.Context, store ocilayout.Store, name string, root v1.Descriptor) ocilayout.Store {
	if !oci.IsIndex(root.MediaType) {
		return store
	}
	index, _, err := oci.ReadIndex(ctx, store, root)
	if err != nil {
		return store // reported when the root is read
	}
	s := &sparse{Store: store, name: name, missing: map[digest.Digest]bool{}}
	for _, desc := range index.Manifests {
		ok, err := store.Exists(ctx, desc)
		if err != nil {
			return store
		}
		list := &s.held
		if !ok {
			list, s.missing[desc.Digest] = &s.lacks, true
		}
		if oci.KindOf(desc) == oci.KindImage && oci.HasPlatform(desc) {
			*list = append(*list, platform.Format(*desc.Platform))
		}
	}
	if len(s.held) == 0 || len(s.missing) == 0 {
		return store
	}
	return s
}

// Fetch implements [content.Fetcher].
func (s *sparse) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	rc, err := s.Store.Fetch(ctx, desc)
	if !errors.Is(err, oci.ErrNotFound) || !s.missing[desc.Digest] {
		return rc, err
	}
	held, lacks := unique(s.held), unique(s.lacks)
	what := "lists " + strings.Join(lacks, ", ") + " too"
	if len(lacks) == 0 {
		what = "lists more"
	}
	missing := oci.Errorf(s, desc, oci.ErrNotFound, "is missing: it was saved with %s only, and its index %s", strings.Join(held, ", "), what)
	missing.Hint = fmt.Sprintf("save one platform with: docker save --platform %s -o %s IMAGE; or first pull the others with: docker pull --platform PLATFORM IMAGE", held[0], s.name)
	return rc, missing
}

// SourceName implements [oci.Namer].
func (s *sparse) SourceName(v1.Descriptor) string { return s.name }

func unique(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
