package quirks

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	"golang.org/x/net/http2"
)

type connKey struct{}

// conn is a connection with HTTP/2 on which frames can be sent that no handler
// can send.
type conn struct {
	*tls.Conn
	mu sync.Mutex
}

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Conn.Write(p)
}

// goAway tells the client that the server has processed no stream above last
// (RFC 9113 section 6.8), and closes.
func (c *conn) goAway(last uint32) {
	frame := make([]byte, 9+8)
	frame[2], frame[3] = 8, byte(http2.FrameGoAway)
	binary.BigEndian.PutUint32(frame[9:], last)
	_, _ = c.Write(frame) // the client may be gone
	_ = c.Close()
}

// startHTTP2 serves HTTP/2 by golang.org/x/net/http2, which leaves the
// connections to us.
func startHTTP2(server *httptest.Server, client *clientCertificate) {
	server.TLS = &tls.Config{NextProtos: []string{http2.NextProtoTLS}, MinVersion: tls.VersionTLS12}
	if client != nil {
		server.TLS.ClientAuth, server.TLS.ClientCAs = tls.RequireAndVerifyClientCert, client.pool
	}
	server.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		http2.NextProtoTLS: func(hs *http.Server, c *tls.Conn, h http.Handler) {
			wrapped := &conn{Conn: c}
			(&http2.Server{}).ServeConn(wrapped, &http2.ServeConnOpts{
				Context: context.WithValue(context.Background(), connKey{}, wrapped), BaseConfig: hs, Handler: h,
			})
		},
	}
	server.StartTLS()
}

// GoAway ends the connection of the first n requests that match with a GOAWAY
// frame, after some of their body was read. It needs [HTTP2].
func GoAway(n int, match func(*http.Request) bool) Switch {
	return When(times(n, match), func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1<<10)
		if c, ok := r.Context().Value(connKey{}).(*conn); ok {
			c.goAway(0)
		}
		panic(http.ErrAbortHandler)
	})
}

// Reset ends the first n requests that match after after bytes of their body:
// with HTTP/2 by RST_STREAM, with HTTP/1.1 by closing the connection.
func Reset(n int, after int64, match func(*http.Request) bool) Switch {
	return When(times(n, match), func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, after)
		panic(http.ErrAbortHandler)
	})
}

// Hang closes the connections of the first n requests that match without a
// word.
func Hang(n int, match func(*http.Request) bool) Switch {
	return When(times(n, match), func(_ http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*conn); ok {
			_ = c.Close()
		}
		panic(http.ErrAbortHandler)
	})
}
