package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"unicode"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// MaxManifestSize is the largest manifest or index that is read or written.
// The OCI distribution specification ("Pushing Manifests") asks registries to
// take at least 4 MiB, so larger ones are not portable.
const MaxManifestSize = 4 << 20

const (
	// maxBufferedBlob is up to where a blob that is read is held in memory
	// and checked before the caller sees its first byte.
	maxBufferedBlob = MaxManifestSize
	maxErrorBody    = 8 << 10
	maxErrorText    = 2000
	maxTokenBody    = 128 << 10
	// maxDrain is how much of an unwanted body is read to keep its connection.
	maxDrain          = 64 << 10
	maxResponseHeader = 1 << 20
	// maxDepth bounds nesting of indexes.
	maxDepth = 16
)

// bodyError is a failure while a response's body was read, as opposed to one
// of the request, which the transport has retried already.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// readLimited reads all of r and fails with [ErrTooLarge] beyond limit bytes.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, &bodyError{err}
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("more than the limit of %d bytes: %w", limit, ErrTooLarge)
	}
	return data, nil
}

// verifiedBody passes on exactly the bytes a descriptor describes. The last
// ones are held back until the digest is known to match, so a request body
// made of it can never be complete and wrong.
type verifiedBody struct {
	src       io.Reader
	desc      v1.Descriptor
	left      int64
	verifier  digest.Verifier
	err       error
	closeOnce func() error
	// onRead is told how many bytes have passed; may be nil.
	onRead func(n int64)
}

// newVerifiedBody checks what rc delivers against desc, whose digest must have
// been validated.
func newVerifiedBody(rc io.ReadCloser, desc v1.Descriptor) *verifiedBody {
	return &verifiedBody{
		src: rc, desc: desc, left: desc.Size, verifier: desc.Digest.Verifier(),
		closeOnce: sync.OnceValue(rc.Close),
	}
}

func (b *verifiedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.src.Read(p)
	b.left -= int64(n)
	if b.left >= 0 {
		_, _ = b.verifier.Write(p[:n]) // a hash never fails
	}
	switch {
	case b.left < 0:
		b.err = fmt.Errorf("%s is longer than %d bytes: %w", b.desc.Digest, b.desc.Size, ErrCorrupt)
	case b.left == 0 && !b.verifier.Verified():
		b.err = fmt.Errorf("%s has other content: %w", b.desc.Digest, ErrCorrupt)
	case errors.Is(err, io.EOF) && b.left > 0:
		b.err = fmt.Errorf("%s ends %d bytes early: %w", b.desc.Digest, b.left, ErrCorrupt)
	}
	if b.err != nil {
		return 0, b.err
	}
	if n > 0 && b.onRead != nil {
		b.onRead(b.desc.Size - b.left)
	}
	b.err = err
	return n, err
}

// Close may be called more than once: by the transport and by who opened it.
func (b *verifiedBody) Close() error { return b.closeOnce() }

// newResponseError reads a failed answer. It leaves resp.Body open.
func newResponseError(resp *http.Response) *ResponseError {
	e := &ResponseError{
		Method: resp.Request.Method, Host: resp.Request.URL.Host, Path: resp.Request.URL.Path,
		StatusCode: resp.StatusCode,
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what came is enough
	var doc struct {
		Errors errcode.Errors `json:"errors"`
		// Details is what token servers built on other frameworks use.
		Details string `json:"details"`
	}
	if json.Unmarshal(body, &doc) == nil {
		e.setErrors(doc.Errors)
		if e.Message == "" {
			e.Message = cleanText(doc.Details)
		}
	} else if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/plain" {
		e.Message = cleanText(string(body))
	}
	return e
}

// drain reads a little of an unwanted body so that its connection can be used
// again, and closes it.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDrain) // best effort
	_ = body.Close()                            // nothing is lost with it
}

// cleanText makes text that came from a registry safe for a terminal: control
// and formatting characters (escape sequences, bidirectional overrides) go,
// white space becomes single blanks, and it is cut at a sensible length.
func cleanText(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	s = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, s)
	if len(s) > maxErrorText {
		s = strings.ToValidUTF8(s[:maxErrorText], "") + "…"
	}
	return s
}
