package registry

import (
	"errors"
	"fmt"
	"testing"
)

// Go retries a request by itself when a connection is lost before it is used. It
// fails if the body was read already, and the upload then goes on from where the
// registry is.
func TestIsDropped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"net/http: cannot rewind body after connection loss":                                 true,
		"http2: Transport: cannot retry err [unexpected EOF] after Request.Body was written": true,
		"http2: client connection lost":                                                      true,
		"x509: certificate signed by unknown authority":                                      false,
		`malformed HTTP response "\x15\x03\x01\x00\x02\x02\x16"`:                             false,
	} {
		if got := isDropped(fmt.Errorf("PUT x: %w", errors.New(text))); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
