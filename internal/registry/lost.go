package registry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/net/http2"
)

// isTemporary reports whether the same request may succeed after a status.
func isTemporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// isDropped reports whether a connection was lost or timed out, as opposed to
// one that was refused or not trusted.
func isDropped(err error) bool {
	if stall := (*stallError)(nil); errors.As(err, &stall) {
		return true
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	// net/http closes the connection itself when it finds it lost while a
	// request's body is still being written.
	for _, target := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT} {
		if errors.Is(err, target) {
			return true
		}
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return true
	}
	// net/http's own copy of http2 converts a stream error into this one.
	if stream := (http2.StreamError{}); errors.As(err, &stream) {
		return true
	}
	if strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`) {
		return false // plain HTTP to a server that speaks TLS
	}
	return containsAny(err, damagedTexts) || containsAny(err, droppedTexts)
}

func containsAny(err error, texts []string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(err.Error(), text) })
}

// isDamaged reports whether a response was not HTTP. A connection that is cut may
// look like that, and a server that speaks something else always does, so it is
// retried less often than a lost one.
func isDamaged(err error) bool {
	return !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && containsAny(err, damagedTexts)
}

// damagedTexts are errors of net/http, which it does not export, about responses
// that are not HTTP, or end in their header.
var damagedTexts = []string{
	"HTTP/1.x transport connection broken",
	"malformed HTTP",        // an answer that ends in its first line
	"malformed MIME header", // one that ends in a header's name
}

// droppedTexts are other errors of net/http that it does not export.
var droppedTexts = []string{
	"server closed idle connection",
	"http2: server sent GOAWAY",
	"http2: client connection lost", // no answer to a ping
	"http2: client connection force closed",
	"http2: Transport: cannot retry err", // wraps a lost connection as text
	"net/http: cannot rewind body after connection loss",
	"http2: client conn not usable",
	"http2: client conn is closed",
	"http2: Transport received Server's graceful shutdown GOAWAY",
	"connection error: ", // of http2.ConnectionError
}

// isDial reports whether err is a failure to connect, also of a proxy.
func isDial(err error) bool {
	if proxy := (*proxyError)(nil); errors.As(err, &proxy) {
		return proxy.status == 0 || isTemporary(proxy.status)
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// isSilent reports whether a server accepts requests, or connections, but does
// not respond. It is retried less often than one that responds.
func isSilent(err error) bool {
	if stall := (*stallError)(nil); errors.As(err, &stall) {
		return true
	}
	timeout := net.Error(nil)
	return !isDial(err) && errors.As(err, &timeout) && timeout.Timeout()
}
