package registry

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode"

	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/extpack/extpack/internal/oci"
)

const (
	// maxBufferedBlob is the size up to which a blob is read into memory and
	// verified before its first byte is returned.
	maxBufferedBlob = oci.MaxManifestSize
	maxErrorBody    = 8 << 10
	maxErrorText    = 2000
	maxTokenBody    = 128 << 10
	// maxDrain is how much of an unused body is read to keep its connection.
	maxDrain          = 64 << 10
	maxResponseHeader = 1 << 20
)

// bodyError is a failure to read the body of a response, as opposed to one of
// the request, which the transport has already retried.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// readLimited reads all of r. It returns [oci.ErrTooLarge] beyond limit bytes.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, &bodyError{err}
	}
	if int64(len(data)) > limit {
		return nil, faultf(oci.ErrTooLarge, "is longer than the limit of %d bytes", limit)
	}
	return data, nil
}

// newResponseError returns the error of a response. It does not close
// resp.Body.
func newResponseError(resp *http.Response) *ResponseError {
	e := &ResponseError{
		Method: resp.Request.Method, Host: resp.Request.URL.Host, Path: resp.Request.URL.Path,
		StatusCode: resp.StatusCode, after: newBackoff(nil).retryAfter(resp.Header),
		mediaType: resp.Request.Header.Get("Content-Type"),
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what came is enough
	var doc map[string]json.RawMessage
	if json.Unmarshal(body, &doc) == nil {
		var errs errcode.Errors
		if json.Unmarshal(doc["errors"], &errs) == nil {
			e.setErrors(errs)
		}
		if e.Message == "" {
			e.Message = cleanText(otherText(doc))
		}
	} else if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/plain" {
		e.Message = cleanText(string(body))
	}
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 && e.Method != http.MethodGet && e.Method != http.MethodHead {
		e.Message = fmt.Sprintf("redirects to %s, which a %s does not follow", cleanText(to.Scheme+"://"+to.Host), e.Method)
	}
	return e
}

// otherText returns the text of an error that is not in the form of the OCI
// distribution specification: of OAuth 2 (RFC 6749), problem details (RFC 9457),
// and the frameworks of registries and proxies.
func otherText(doc map[string]json.RawMessage) string {
	for _, key := range []string{"message", "detail", "details", "error_description", "errors", "error", "title"} {
		var text string
		if json.Unmarshal(doc[key], &text) == nil && text != "" {
			return text
		}
	}
	return ""
}

// drain reads a part of an unused body, so that its connection can be reused,
// and closes it.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDrain) // best effort
	_ = body.Close()                            // nothing is lost with it
}

// cleanText makes text of a registry safe for a terminal: it removes control
// and formatting characters (escape sequences, bidirectional overrides),
// collapses white space, and limits the length.
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
