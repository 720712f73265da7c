package index

import (
	"context"
	"errors"
	"io"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// counting counts the requests to a storage.
type counting struct {
	*Staging
	asked int
	fails error
}

func (c *counting) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	if c.asked++; c.fails != nil {
		return nil, c.fails
	}
	return c.Staging.Fetch(ctx, desc)
}

func (c *counting) Exists(ctx context.Context, desc v1.Descriptor) (bool, error) {
	if c.asked++; c.fails != nil {
		return false, c.fails
	}
	return c.Staging.Exists(ctx, desc)
}

// TestOverlayAsksWhoHasIt: content that a manifest lists is read only from the
// storage of that manifest, and each manifest is read once.
func TestOverlayAsksWhoHasIt(t *testing.T) {
	t.Parallel()
	first, second := &counting{Staging: NewStaging()}, &counting{Staging: NewStaging()}
	image := putImage(second.Staging, "amd64")
	o := NewStaging(first, second)
	read := func() v1.Manifest {
		m, _, err := oci.ReadManifest(t.Context(), o, image)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := read()
	read()
	for _, d := range append(m.Layers, m.Config) {
		if ok, err := o.Exists(t.Context(), d); err != nil || !ok {
			t.Errorf("%s: %v %v", d.Digest, ok, err)
		}
	}
	if first.asked != 1 || second.asked != 3 {
		t.Errorf("asked the first %d times, the second %d times", first.asked, second.asked)
	}
}

func TestOverlayWithoutTheContent(t *testing.T) {
	t.Parallel()
	desc := putImage(NewStaging(), "amd64")
	o := NewStaging(NewStaging(), NewStaging())
	if ok, err := o.Exists(t.Context(), desc); err != nil || ok {
		t.Errorf("exists %v, error %v", ok, err)
	}
	if _, err := o.Fetch(t.Context(), desc); !errors.Is(err, oci.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
	// A storage that fails may have it.
	broken := errors.New("broken")
	o.AddStore(&counting{Staging: NewStaging(), fails: broken})
	if _, err := o.Exists(t.Context(), desc); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
}

// TestOverlayVerifiesManifests: nothing is learnt from a manifest that is not
// what its descriptor says.
func TestOverlayVerifiesManifests(t *testing.T) {
	t.Parallel()
	base := NewStaging()
	image := putImage(base, "amd64")
	base.docs[image.Digest][0] = ' '
	if _, err := NewStaging(base).Fetch(t.Context(), image); !errors.Is(err, oci.ErrCorrupt) {
		t.Errorf("error is %v", err)
	}
}
