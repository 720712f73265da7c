package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/oci"
)

// Source is a repository that is read from, and the root that its reference
// points at. It implements [content.ReadOnlyStorage].
type Source struct {
	// Root is the manifest or index that the reference points at. Its media
	// type is that of the response, verified against the document.
	Root v1.Descriptor

	repo *repository
	data []byte // of Root
}

var (
	_ content.ReadOnlyStorage = (*Source)(nil)
	_ Locator                 = (*Source)(nil)
)

// Locator is implemented by storages that know the repository of their content.
// [Client.Publish] mounts blobs from there instead of uploading them if it
// publishes to the same registry.
type Locator interface {
	Locate(desc v1.Descriptor) (Reference, bool)
}

// Locate returns the reference that the source was opened with.
func (s *Source) Locate(v1.Descriptor) (Reference, bool) { return s.repo.ref, true }

// Open reads the manifest or index that a reference points at, and returns a
// Source of the content below it.
//
// It may return [oci.ErrNotFound], [ErrUnauthorized], [oci.ErrTooLarge] or
// [oci.ErrCorrupt].
func (c *Client) Open(ctx context.Context, ref Reference) (*Source, error) {
	r, err := c.repository(ctx, ref, auth.ActionPull)
	if err == nil {
		s := &Source{repo: r}
		if s.Root, s.data, err = r.get(ctx, ref.target()); err == nil {
			return s, nil
		}
		if !oci.IsDocument(s.Root.MediaType) {
			s.Root.MediaType = v1.MediaTypeImageManifest // for the error
		}
		err = asInput(ref, s.Root, err)
	}
	return nil, c.explain(ref, fmt.Errorf("reading %s: %w", ref, err))
}

// Fetch returns a reader of content. Manifests, and blobs up to 4 MiB, are
// verified before the reader is returned. Larger blobs are verified while they
// are read; the reader returns an error instead of the last bytes if the digest
// differs.
//
// It may return [oci.ErrNotFound], [ErrUnauthorized], [oci.ErrTooLarge] for a
// manifest above the limit, or [oci.ErrCorrupt].
func (s *Source) Fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	rc, err := s.fetch(ctx, desc)
	if err != nil {
		err = asInput(s.repo.ref, desc, err)
		return nil, s.repo.client.explain(s.repo.ref, oci.About(desc, err, "reading %s of %s", desc.Digest, s.repo.ref.RepositoryName()))
	}
	return rc, nil
}

func (s *Source) fetch(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	if err := oci.CheckDescriptor(s, desc); err != nil {
		return nil, err
	}
	if desc.Digest == s.Root.Digest {
		return s.exactly(s.data, desc)
	}
	known := oci.IsDocument(desc.MediaType)
	if !known {
		rc, err := s.repo.getBlob(ctx, desc)
		if err == nil || !errors.Is(err, oci.ErrNotFound) || oci.IsBlob(desc.MediaType) {
			return rc, err
		}
		// Content of an unknown type may be a manifest.
	}
	if desc.Size > oci.MaxManifestSize {
		return nil, tooLarge(desc.Size)
	}
	_, data, err := s.repo.get(ctx, desc.Digest.String())
	if err != nil {
		return nil, err
	}
	return s.exactly(data, desc)
}

// exactly returns a reader of data that has been verified.
func (s *Source) exactly(data []byte, desc v1.Descriptor) (io.ReadCloser, error) {
	if int64(len(data)) != desc.Size {
		return nil, oci.Errorf(s, desc, oci.ErrCorrupt, "%s", oci.OtherSize(int64(len(data)), desc.Size))
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Exists reports whether the registry has the content.
//
// It may return [ErrUnauthorized], or [oci.ErrCorrupt] if the response does not
// match the descriptor.
func (s *Source) Exists(ctx context.Context, desc v1.Descriptor) (bool, error) {
	ok, err := s.exists(ctx, desc)
	if err != nil {
		err = asInput(s.repo.ref, desc, err)
		return false, s.repo.client.explain(s.repo.ref, oci.About(desc, err, "looking for %s in %s", desc.Digest, s.repo.ref.RepositoryName()))
	}
	return ok, nil
}

func (s *Source) exists(ctx context.Context, desc v1.Descriptor) (bool, error) {
	if err := oci.CheckDescriptor(s, desc); err != nil {
		return false, err
	}
	if oci.IsDocument(desc.MediaType) {
		return s.repo.has(ctx, "manifests", desc)
	}
	ok, err := s.repo.has(ctx, "blobs", desc)
	if err != nil || ok || oci.IsBlob(desc.MediaType) {
		return ok, err
	}
	return s.repo.has(ctx, "manifests", desc)
}

// getBlob reads a blob. Small ones are read into memory, and again if the
// connection drops.
func (r *repository) getBlob(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
	open := func() (io.ReadCloser, error) {
		resp, err := r.do(ctx, http.MethodGet, "blobs", desc.Digest.String())
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			defer drain(resp.Body)
			return nil, newResponseError(resp)
		}
		return oci.Verify(ctx, r.ref, desc, resp.Body), nil
	}
	if desc.Size > maxBufferedBlob {
		body, err := r.openBlob(ctx, desc)
		if err != nil {
			return nil, err
		}
		return damageReader{oci.Verify(ctx, r.ref, desc, body)}, nil
	}
	_, data, ok := r.client.known.document(r.ref.RepositoryName(), desc.Digest)
	if ok && int64(len(data)) == desc.Size {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	err := r.reread(ctx, "GET "+r.ref.RepositoryName(), func() error {
		rc, err := open()
		if err != nil {
			return err
		}
		defer rc.Close()
		data, err = io.ReadAll(rc)
		if err = asDamage(err); err != nil {
			err = &bodyError{err}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	r.knows(desc, data)
	return io.NopCloser(bytes.NewReader(data)), nil
}
