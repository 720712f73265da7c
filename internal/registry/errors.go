package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"oras.land/oras-go/v2/registry/remote/errcode"
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
		return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden
	case oci.ErrNotFound:
		return e.StatusCode == http.StatusNotFound
	}
	return false
}

// fromORAS turns oras-go's response errors into [*ResponseError]; other errors
// stay as they are.
func fromORAS(err error) error {
	var resp *errcode.ErrorResponse
	if !errors.As(err, &resp) {
		return err
	}
	e := &ResponseError{Method: resp.Method, StatusCode: resp.StatusCode}
	if resp.URL != nil {
		e.Host, e.Path = resp.URL.Host, resp.URL.Path
	}
	e.setErrors(resp.Errors)
	return e
}

func (e *ResponseError) setErrors(errs errcode.Errors) {
	var texts []string
	for _, one := range errs {
		e.Codes = append(e.Codes, cleanText(one.Code))
		// one.Detail is left out: for the common codes it repeats the request
		// as a Go map.
		one.Detail = nil
		text := one.Error()
		if strings.EqualFold(strings.ReplaceAll(one.Code, "_", " "), one.Message) {
			text = one.Message // it begins with the code, which says the same
		}
		texts = append(texts, text)
	}
	e.Message = cleanText(strings.Join(texts, "; "))
}

// cleanError is an error whose text is safe for a terminal.
type cleanError struct{ err error }

func (e *cleanError) Error() string { return cleanText(e.err.Error()) }
func (e *cleanError) Unwrap() error { return e.err }

// explain is the last step of every exported call: it makes the text safe for
// a terminal and adds what to do next. The hint comes last, so nothing may be
// wrapped around the result that adds text behind it.
func (c *Client) explain(ref Reference, err error) error {
	if err == nil {
		return nil
	}
	clean := error(&cleanError{oci.AsContent(err)})
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || diag.IsInvalid(err) {
		return clean
	}
	host := ref.Host()
	login := "docker login"
	if host != dockerHub {
		login += " " + host
	}
	var moved *MovedError
	switch {
	case errors.As(err, &moved):
		return diag.WithHint(clean, "look at what is there now and run the command again, or pass --force to replace it")
	case errors.Is(err, ErrUnauthorized):
		return diag.WithHint(clean, fmt.Sprintf("check that you may use %s on %s, or log in: %s", ref.RepositoryName(), host, login))
	case errors.Is(err, ErrPlainHTTP), isPlainHTTPServer(err):
		return diag.WithHint(clean, fmt.Sprintf("%s does not speak HTTPS throughout; pass --insecure to allow plain HTTP", host))
	case refusesWriting(err):
		return diag.WithHint(clean, fmt.Sprintf("%s answers and takes nothing: it may be read-only, a mirror, or no registry; publish to another", host))
	case isUntrusted(err) && !c.insecure:
		return diag.WithHint(clean, fmt.Sprintf("add the certificate authority of %s to the system's trust store, or pass --insecure to skip the check", host))
	}
	return clean
}

// refusesWriting reports an answer of a registry that is only read from, or of
// something else that is no registry.
func refusesWriting(err error) bool {
	var resp *ResponseError
	return errors.As(err, &resp) && resp.Method != http.MethodGet && resp.Method != http.MethodHead &&
		(resp.StatusCode == http.StatusMethodNotAllowed || resp.StatusCode == http.StatusNotImplemented)
}

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
