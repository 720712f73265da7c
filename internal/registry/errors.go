package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/extpack/extpack/internal/oci"
)

// The kinds of failure a caller may want to tell apart with [errors.Is], next to
// those about content in package oci.
var (
	// ErrUnauthorized is a registry or token server answering 401 or 403.
	ErrUnauthorized = errors.New("access refused")
	// ErrRetryLater is a registry asking for a pause longer than a minute.
	ErrRetryLater = errors.New("the registry asks to come back later")
	// ErrPlainHTTP is a refusal to talk plain HTTP to a host that is not this
	// machine.
	ErrPlainHTTP = errors.New("plain HTTP is only used for loopback addresses")
	// ErrTagMoved is a tag that points at something else than it should: read
	// back after it was written, or before, as a [*MovedError].
	ErrTagMoved = errors.New("the tag points at something else")
)

// ResponseError is a registry's or token server's answer that is not a
// success, in its own words.
type ResponseError struct {
	Method string
	// Host and Path are where the request went; the query is left out as it
	// may hold signatures.
	Host, Path string
	StatusCode int
	// Codes are the error codes of the OCI distribution specification found in
	// the answer, such as MANIFEST_INVALID; may be empty.
	Codes []string
	// Message is the answer's text without control characters; may be empty.
	Message string

	after     time.Duration // the pause that the registry asked for
	mediaType string        // of what was sent
}

func (e *ResponseError) Error() string {
	s := fmt.Sprintf("%s %s%s: %d %s", e.Method, e.Host, e.Path, e.StatusCode, http.StatusText(e.StatusCode))
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Is makes 401 and 403 an [ErrUnauthorized] and 404 an [oci.ErrNotFound].
func (e *ResponseError) Is(target error) bool {
	switch target {
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden && !e.rateLimited()
	case oci.ErrNotFound:
		return e.StatusCode == http.StatusNotFound
	}
	return false
}

// IsForbidden reports a registry that knows who is asking, and refuses: it may
// hide what exists, and what does not.
func IsForbidden(err error) bool {
	var e *ResponseError
	return errors.As(err, &e) && e.StatusCode == http.StatusForbidden && !e.rateLimited()
}

// rateLimited reports a registry that asks to slow down, by whatever status.
func (e *ResponseError) rateLimited() bool {
	return e.StatusCode == http.StatusTooManyRequests ||
		e.StatusCode == http.StatusForbidden && speaksOfRateLimit(strings.Join(append(e.Codes, e.Message), " "))
}

// lacksContent reports a manifest that was refused because of what it points
// at, which was uploaded before it.
func (e *ResponseError) lacksContent() bool {
	return slices.ContainsFunc(e.Codes, func(code string) bool {
		return code == "MANIFEST_BLOB_UNKNOWN" || code == "BLOB_UNKNOWN" || code == "MANIFEST_UNKNOWN"
	})
}

func (e *ResponseError) setErrors(errs errcode.Errors) {
	var texts []string
	for _, one := range errs {
		e.Codes = append(e.Codes, cleanText(one.Code))
		detail := detailText(one.Detail)
		one.Detail = nil
		text := one.Error()
		if strings.EqualFold(strings.ReplaceAll(one.Code, "_", " "), one.Message) {
			text = one.Message // it begins with the code, which says the same
		}
		if detail != "" && !strings.Contains(text, detail) {
			text += ": " + detail
		}
		texts = append(texts, text)
	}
	e.Message = cleanText(strings.Join(texts, "; "))
}

// detailText returns the detail of an error where it is a sentence. For the
// common codes it repeats the request as an object, which is left out.
func detailText(detail any) string {
	switch detail := detail.(type) {
	case string:
		return strings.TrimSpace(detail)
	case map[string]any:
		for _, key := range []string{"message", "Message", "description", "Description"} {
			if text, ok := detail[key].(string); ok {
				return strings.TrimSpace(text)
			}
		}
	}
	return ""
}

// cleanError is an error whose text is safe for a terminal.
type cleanError struct{ err error }

func (e *cleanError) Error() string { return cleanText(e.err.Error()) }
func (e *cleanError) Unwrap() error { return e.err }

// isPlainHTTPServer reports a plain HTTP answer to a TLS handshake.
func isPlainHTTPServer(err error) bool {
	var record tls.RecordHeaderError
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record)
}

// isUntrusted reports a certificate that did not verify.
func isUntrusted(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return errors.As(err, &verification) || errors.As(err, &authority) ||
		errors.As(err, &hostname) || errors.As(err, &invalid)
}
