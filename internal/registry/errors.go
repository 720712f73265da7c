package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/extpack/extpack/internal/oci"
)

// Errors for [errors.Is], in addition to those about content in package oci.
var (
	// ErrUnauthorized is returned if a registry or token server responds with
	// 401 or 403.
	ErrUnauthorized = errors.New("access refused")
	// ErrRetryLater is returned if a registry requests a pause of more than a
	// minute.
	ErrRetryLater = errors.New("the registry requests to retry later")
	// ErrPlainHTTP is returned for plain HTTP to a host other than this
	// machine.
	ErrPlainHTTP = errors.New("plain HTTP is only allowed for loopback addresses")
	// ErrTagMoved is returned if a tag has moved: before it was written, as a
	// [*MovedError], or when it is read back afterwards.
	ErrTagMoved = errors.New("the tag points at something else")
)

// ResponseError is an error response of a registry or token server.
type ResponseError struct {
	Method string
	// Host and Path are those of the request. The query is omitted, because it
	// may contain signatures.
	Host, Path string
	StatusCode int
	// Codes are the error codes of the OCI distribution specification in the
	// response, such as MANIFEST_INVALID, if any.
	Codes []string
	// Message is the text of the response without control characters, if any.
	Message string

	after     time.Duration // the pause that the registry requested
	mediaType string        // of the content that was sent
}

func (e *ResponseError) Error() string {
	s := fmt.Sprintf("%s %s%s: %d %s", e.Method, e.Host, e.Path, e.StatusCode, http.StatusText(e.StatusCode))
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Is reports 401 and 403 as [ErrUnauthorized] and 404 as [oci.ErrNotFound].
func (e *ResponseError) Is(target error) bool {
	switch target {
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden && !e.rateLimited()
	case oci.ErrNotFound:
		return e.StatusCode == http.StatusNotFound
	}
	return false
}

// IsForbidden reports whether the registry denied access to an authenticated
// user. It may respond like that for content that does not exist.
func IsForbidden(err error) bool {
	var e *ResponseError
	return errors.As(err, &e) && e.StatusCode == http.StatusForbidden && !e.rateLimited()
}

// rateLimited reports whether the response is a rate limit, with any status.
func (e *ResponseError) rateLimited() bool {
	return e.StatusCode == http.StatusTooManyRequests ||
		e.StatusCode == http.StatusForbidden && speaksOfRateLimit(strings.Join(append(e.Codes, e.Message), " "))
}

// lacksContent reports whether a manifest was rejected because content that it
// refers to is missing, although it was uploaded before.
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
		if one.Code == "" || strings.EqualFold(strings.ReplaceAll(one.Code, "_", " "), one.Message) {
			text = one.Message // it begins with the code, which is missing or redundant
		}
		if detail != "" && !strings.Contains(text, detail) {
			text += ": " + detail
		}
		texts = append(texts, text)
	}
	e.Message = cleanText(strings.Join(texts, "; "))
}

// detailText returns the detail of an error if it is a string. For common codes
// it is an object that repeats the request.
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

// noRegistryError is a web page instead of the response of a registry or token
// server.
type noRegistryError struct {
	host string
	err  error
}

func (e *noRegistryError) Error() string {
	return fmt.Sprintf("%s responds with a web page: %v", e.host, e.err)
}

func (e *noRegistryError) Unwrap() error { return e.err }

// aboutPage returns the error about a response as a [*noRegistryError] if the
// response is a web page.
func aboutPage(resp *http.Response, err error) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err == nil || kind != "text/html" {
		return err
	}
	return &noRegistryError{resp.Request.URL.Host, err}
}

// isPlainHTTPServer reports whether err is a plain HTTP response to a TLS
// handshake.
func isPlainHTTPServer(err error) bool {
	var record tls.RecordHeaderError
	return !isProxy(err) && (errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record))
}

// isUntrusted reports whether err is a certificate that cannot be verified.
func isUntrusted(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return !isProxy(err) && (errors.As(err, &verification) || errors.As(err, &authority) ||
		errors.As(err, &hostname) || errors.As(err, &invalid))
}
