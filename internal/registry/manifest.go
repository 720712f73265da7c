package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/oci"
)

// Resolve returns the descriptor that a reference points at. If a reference has
// a tag and a digest, the digest is used.
//
// It may return [oci.ErrNotFound], [ErrUnauthorized], [oci.ErrTooLarge],
// [oci.ErrCorrupt] or [oci.ErrMalformed].
func (c *Client) Resolve(ctx context.Context, ref Reference) (v1.Descriptor, error) {
	desc, err := c.resolve(ctx, ref)
	if err != nil {
		return v1.Descriptor{}, c.explain(ref, fmt.Errorf("resolving %s: %w", ref, err))
	}
	return desc, nil
}

func (c *Client) resolve(ctx context.Context, ref Reference) (v1.Descriptor, error) {
	r, err := c.repository(ctx, ref, auth.ActionPull)
	if err != nil {
		return v1.Descriptor{}, err
	}
	desc, _, err := r.lookSurely(ctx, ref.target())
	return desc, err
}

// look uses HEAD, which is cheaper and does not count as a pull. It falls back
// to GET if the response lacks the digest or length, which are optional in the
// OCI distribution specification ("Checking if content exists in the
// registry"). It also returns the entity tag for conditional writes, if there
// is one.
func (r *repository) look(ctx context.Context, target string) (desc v1.Descriptor, etag string, err error) {
	resp, err := r.do(ctx, http.MethodHead, "manifests", target)
	if err != nil {
		return v1.Descriptor{}, "", err
	}
	drain(resp.Body)
	etag = strongETag(resp.Header)
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotImplemented: // no HEAD here
		desc, _, err := r.get(ctx, target)
		return desc, etag, err
	default:
		return v1.Descriptor{}, "", r.absent(ctx, target, newResponseError(resp))
	}
	d, mediaType, err := describe(resp, target)
	if err != nil {
		return v1.Descriptor{}, "", err
	}
	if resp.ContentLength > oci.MaxManifestSize {
		return v1.Descriptor{}, "", tooLarge(resp.ContentLength)
	}
	if d == "" || resp.ContentLength <= 0 || !slices.Contains(oci.ManifestTypes, mediaType) {
		desc, _, err := r.get(ctx, target)
		return desc, etag, err
	}
	return v1.Descriptor{MediaType: mediaType, Digest: d, Size: resp.ContentLength}, etag, nil
}

// strongETag returns the entity tag of a response unless it is weak, because
// If-Match requires a strong one (RFC 9110 section 13.1.1).
func strongETag(h http.Header) string {
	if etag := h.Get("ETag"); strings.HasPrefix(etag, `"`) {
		return etag
	}
	return ""
}

// lookSurely is look with GET, for a tag that is only written if what it points
// at permits it: some registries return 404 or another error for HEAD although the
// tag exists. Content that is not a manifest is left to HEAD.
func (r *repository) lookSurely(ctx context.Context, target string) (desc v1.Descriptor, etag string, err error) {
	desc, _, etag, err = r.read(ctx, target)
	if isUnusable(err) {
		return r.look(ctx, target)
	}
	return desc, etag, err
}

// get returns a manifest; see read.
func (r *repository) get(ctx context.Context, target string) (v1.Descriptor, []byte, error) {
	desc, data, _, err := r.read(ctx, target)
	return desc, data, err
}

// read reads a manifest and verifies its size and digest, and that the media
// types of response and document agree. It also returns the entity tag, as look
// does.
func (r *repository) read(ctx context.Context, target string) (desc v1.Descriptor, data []byte, etag string, err error) {
	if d, err := digest.Parse(target); err == nil {
		if desc, data, ok := r.client.known.document(r.ref.RepositoryName(), d); ok && oci.IsDocument(desc.MediaType) {
			return desc, data, "", nil
		}
	}
	err = r.reread(ctx, "GET "+r.ref.RepositoryName(), func() error {
		resp, err := r.do(ctx, http.MethodGet, "manifests", target)
		if err != nil {
			return err
		}
		defer drain(resp.Body)
		if resp.StatusCode != http.StatusOK {
			return r.absent(ctx, target, newResponseError(resp))
		}
		etag = strongETag(resp.Header)
		claimed, mediaType, err := describe(resp, target)
		desc = v1.Descriptor{MediaType: mediaType, Digest: claimed}
		if err != nil {
			return err
		}
		if resp.ContentLength > oci.MaxManifestSize {
			return tooLarge(resp.ContentLength)
		}
		if data, err = readLimited(resp.Body, oci.MaxManifestSize); err != nil {
			return err
		}
		actual := digest.FromBytes(data)
		if claimed != "" {
			actual = claimed.Algorithm().FromBytes(data)
			if actual != claimed {
				return faultf(oci.ErrCorrupt, "has different content, with digest %s", actual)
			}
		}
		if mediaType, err = checkMediaType(mediaType, data); err != nil {
			return aboutPage(resp, err)
		}
		desc = v1.Descriptor{MediaType: mediaType, Digest: actual, Size: int64(len(data))}
		return oci.CheckDocument(r.ref, desc, data)
	})
	if err == nil {
		r.knows(desc, data)
	}
	return desc, data, etag, err
}

// reread repeats f while bodies of its answers are cut off, and once when one is
// damaged or no manifest, as the login page of a network is; what happens before
// a body begins is retried by the transport.
func (r *repository) reread(ctx context.Context, what string, f func() error) error {
	for n := 0; ; n++ {
		err := f()
		var body *bodyError
		if n == 0 && (errors.Is(err, oci.ErrCorrupt) || errors.Is(err, oci.ErrMalformed)) {
			continue
		}
		if err == nil || n == maxRetries || !errors.As(err, &body) || !isDropped(err) {
			return err
		}
		if err := r.client.backoff.wait(ctx, n, 0, what, body.err); err != nil {
			return err
		}
	}
}

// do sends a request without a body for a manifest or blob.
func (r *repository) do(ctx context.Context, method, kind, target string) (*http.Response, error) {
	return r.doWith(ctx, method, kind, target, nil)
}

func (r *repository) doWith(ctx context.Context, method, kind, target string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(r.scoped(ctx), method, r.url(kind+"/"+target).String(), nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	if kind == "manifests" {
		req.Header.Set("Accept", strings.Join(oci.ManifestTypes, ", ")+", */*")
		if _, err := digest.Parse(target); err != nil {
			req.Header.Set("Cache-Control", "no-cache") // a proxy may have an old answer about a tag
		}
	}
	return r.client.auth.Do(req)
}

// describe returns the digest and media type in the header of a response. The
// digest is "" if neither the request nor the response has one.
func describe(resp *http.Response, target string) (digest.Digest, string, error) {
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // "" is handled later
	wanted, err := digest.Parse(target)
	if err != nil {
		wanted = "" // a tag
	}
	header := resp.Header.Get("Docker-Content-Digest")
	if header == "" {
		return wanted, mediaType, nil
	}
	claimed, err := digest.Parse(header)
	if err != nil {
		return wanted, mediaType, faultf(oci.ErrCorrupt, "has the digest %q in the response of the registry", header)
	}
	if wanted != "" && claimed != wanted {
		return wanted, mediaType, faultf(oci.ErrCorrupt, "has different content, with digest %s", claimed)
	}
	return claimed, mediaType, nil
}

// checkMediaType returns the media type of a document, or an error if it
// differs from that of the response: the document could pass the checks of one
// reader and be interpreted differently by another (GHSA-mc8v-mgrf-8f4m).
func checkMediaType(mediaType string, data []byte) (string, error) {
	var doc struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
		Layers    json.RawMessage `json:"layers"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return "", faultf(oci.ErrMalformed, "is not valid: %v", err)
	}
	switch mediaType {
	case "", "application/json", "application/octet-stream", "text/plain":
		// The generic types of servers.
		switch {
		case doc.MediaType != "":
			return doc.MediaType, nil
		case doc.Manifests != nil:
			return v1.MediaTypeImageIndex, nil
		case doc.Layers != nil:
			return v1.MediaTypeImageManifest, nil
		}
		return "", faultf(oci.ErrMalformed, "is not a manifest (Content-Type %q)", mediaType)
	}
	if doc.MediaType != "" && doc.MediaType != mediaType {
		return "", faultf(oci.ErrMalformed, "has the media type %q, but the registry returned %q", doc.MediaType, mediaType)
	}
	return mediaType, nil
}

func tooLarge(size int64) error {
	return faultf(oci.ErrTooLarge, "is %d bytes long; the limit is %d", size, oci.MaxManifestSize)
}
