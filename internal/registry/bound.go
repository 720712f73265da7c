package registry

import (
	"context"
	"net/http"
)

// boundTransport limits the number of requests that wait for a response.
type boundTransport struct {
	base  http.RoundTripper
	slots chan struct{}
}

// RoundTrip waits for a slot and sends the request.
func (b *boundTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
		return b.base.RoundTrip(req)
	case <-req.Context().Done():
		if req.Body != nil {
			_ = req.Body.Close() // as RoundTrip has to
		}
		return nil, context.Cause(req.Context())
	}
}
