// Package link puts a slow link before a registry: a proxy that answers each
// request after a round trip, and that records the requests.
package link

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Request is a request that crossed the link.
type Request struct {
	Method, Path string
	// Status is 0 for an attempt to speak TLS, which the link refuses.
	Status     int
	Start, End time.Time
	// Depth is the number of round trips up to the answer: one more than the
	// largest depth of the requests that were answered before this one was
	// sent.
	Depth int
}

var digestPart = regexp.MustCompile(`sha256:[0-9a-f]{64}|/uploads/.*`)

// String returns the method and the kind of content, without digests.
func (r Request) String() string {
	path := digestPart.ReplaceAllStringFunc(r.Path, func(s string) string {
		if s[0] == '/' {
			return "/uploads/"
		}
		return "DIGEST"
	})
	return r.Method + " " + path
}

// Link is a proxy before one registry.
type Link struct {
	// Host is the address of the link.
	Host string

	delay    time.Duration
	server   *httptest.Server
	mu       sync.Mutex
	requests []Request
}

// New starts a link with a round trip of that duration before the registry at
// target, "host:port".
func New(target string, roundTrip time.Duration) *Link {
	l := &Link{delay: roundTrip}
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: target})
			r.Out.Host = r.In.Host // so that locations lead here
		},
	}
	l.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		// Take in the body first: a large one would be read during the delay.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		time.Sleep(l.delay)
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		proxy.ServeHTTP(rec, r)
		l.record(Request{Method: r.Method, Path: r.URL.Path, Status: rec.status, Start: start, End: time.Now()})
	}))
	l.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	l.server.Listener = listener{l.server.Listener, l}
	l.server.Start()
	l.Host = l.server.Listener.Addr().String()
	return l
}

// Close ends the link.
func (l *Link) Close() { l.server.Close() }

func (l *Link) record(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, earlier := range l.requests {
		if earlier.End.Before(r.Start) {
			r.Depth = max(r.Depth, earlier.Depth)
		}
	}
	r.Depth++
	l.requests = append(l.requests, r)
}

// Take returns the requests since the last call, in the order of their answers.
func (l *Link) Take() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.requests
	l.requests = nil
	return taken
}

// Trips returns the number of round trips that the requests took.
func Trips(requests []Request) int {
	most := 0
	for _, r := range requests {
		most = max(most, r.Depth)
	}
	return most
}

// Count returns the number of requests of each kind, sorted.
func Count(requests []Request) (kinds []string, count map[string]int) {
	count = map[string]int{}
	for _, r := range requests {
		if count[r.String()] == 0 {
			kinds = append(kinds, r.String())
		}
		count[r.String()]++
	}
	slices.Sort(kinds)
	return kinds, count
}

// listener delays and records connections that begin with a TLS handshake.
type listener struct {
	net.Listener
	link *Link
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &conn{Conn: c, link: l.link}, err
}

type conn struct {
	net.Conn
	link *Link
	once sync.Once
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.once.Do(func() {
		const handshake = 0x16 // RFC 8446, section 5.1
		if n > 0 && p[0] == handshake {
			start := time.Now()
			time.Sleep(c.link.delay)
			c.link.record(Request{Method: "TLS", Start: start, End: time.Now()})
		}
	})
	return n, err
}

// recorder records the status of a response.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}
