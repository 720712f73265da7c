package source

import (
	"context"
	"errors"
	"io"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/registry"
)

// Blame makes an error about content that is wrong, wherever it lies, one about
// the input, as it is for files: a manifest beyond the limit, content that is
// not what its descriptor says. Other errors stay as they are.
func Blame(err error) error {
	if diag.IsInvalid(err) || !errors.Is(err, registry.ErrTooLarge) && !errors.Is(err, registry.ErrCorrupt) {
		return err
	}
	return &inputError{err}
}

// inputError is an [*diag.InvalidError] that remembers its cause.
type inputError struct{ err error }

func (e *inputError) Error() string   { return e.err.Error() }
func (e *inputError) Unwrap() []error { return []error{e.err, diag.Invalidf("", "%s", e.err)} }

// blaming is a storage whose errors go through [Blame]. It tells where its
// content is when the storage does.
type blaming struct{ content.ReadOnlyStorage }

var _ registry.Locator = blaming{}

func (b blaming) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	rc, err := b.ReadOnlyStorage.Fetch(ctx, desc)
	if err != nil {
		return nil, Blame(err)
	}
	return blamingReader{rc}, nil
}

func (b blaming) Exists(ctx context.Context, desc v1.Descriptor) (bool, error) {
	ok, err := b.ReadOnlyStorage.Exists(ctx, desc)
	return ok, Blame(err)
}

func (b blaming) Locate(desc v1.Descriptor) (registry.Reference, bool) {
	if l, ok := b.ReadOnlyStorage.(registry.Locator); ok {
		return l.Locate(desc)
	}
	return registry.Reference{}, false
}

type blamingReader struct{ io.ReadCloser }

func (r blamingReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = Blame(err)
	}
	return n, err
}
