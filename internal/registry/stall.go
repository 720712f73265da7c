package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Time limits, which docs/reliability.md lists. None limits the duration of a
// transfer as long as bytes keep moving.
const (
	// connectTimeout covers the system's retransmissions of a lost packet at
	// 1, 3, 7 and 15 seconds.
	connectTimeout = 20 * time.Second
	tlsTimeout     = 20 * time.Second
	// responseTimeout limits the time between a request and its response,
	// idleTimeout the time without progress of a transfer.
	responseTimeout = 60 * time.Second
	idleTimeout     = 60 * time.Second
	// noticeAfter is the time without progress after which a notice is printed,
	// and printed again.
	noticeAfter = 10 * time.Second
	// slowLink is the assumed speed, in bytes per second, at which the buffered
	// part of a request (at most sendBuffer bytes) is sent.
	slowLink   = 32 << 10
	sendBuffer = 4 << 20
	// commitSpeed is the assumed speed at which a registry verifies a blob.
	commitSpeed = 16 << 20
)

// stallError is returned for a request that was aborted without progress.
type stallError struct {
	host string
	what string
	d    time.Duration
}

func (e *stallError) Error() string {
	return fmt.Sprintf("timed out: %s %s for %s", e.host, e.what, e.d.Round(time.Second))
}

// Timeout implements [net.Error].
func (e *stallError) Timeout() bool   { return true }
func (e *stallError) Temporary() bool { return true }

// stallTransport aborts requests without progress, and prints a notice while it
// waits.
type stallTransport struct {
	base                   http.RoundTripper
	response, idle, notice time.Duration
	link                   int64 // bytes per second
	logf                   func(format string, args ...any)

	mu   sync.Mutex
	said map[string]time.Time // time of the last notice by host
}

func newStallTransport(base http.RoundTripper, logf func(string, ...any)) *stallTransport {
	return &stallTransport{
		base: base, response: responseTimeout, idle: idleTimeout, notice: noticeAfter,
		link: slowLink, logf: logf, said: map[string]time.Time{},
	}
}

type workKey struct{}

// withWork returns a context for a request for which the registry must process
// size bytes before it responds.
func withWork(ctx context.Context, size int64) context.Context {
	return context.WithValue(ctx, workKey{}, size)
}

func (t *stallTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{transport: t, host: req.URL.Host, cancel: cancel}
	limit := t.response
	if req.ContentLength > 0 {
		limit += time.Duration(min(req.ContentLength, sendBuffer)) * time.Second / time.Duration(t.link)
	}
	if size, ok := req.Context().Value(workKey{}).(int64); ok {
		limit += time.Duration(size/commitSpeed) * time.Second
	}
	out := req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		// The data of the last reads may still be in a buffer: allow the full
		// limit after the last read.
		out.Body = &watchedRequest{req.Body, w, limit}
		if req.GetBody != nil {
			out.GetBody = func() (io.ReadCloser, error) {
				body, err := req.GetBody()
				if err != nil {
					return nil, err
				}
				return &watchedRequest{body, w, limit}, nil
			}
		}
	}
	w.arm(limit, "does not respond")
	resp, err := t.base.RoundTrip(out)
	w.disarm()
	if err != nil {
		err = w.explain(err)
		cancel(nil)
		return nil, err
	}
	resp.Body = &watchedResponse{resp.Body, w}
	return resp, nil
}

// tell prints a notice about a host, at a limited rate for all of its requests.
func (t *stallTransport) tell(host string, waited time.Duration) {
	t.mu.Lock()
	quiet := time.Since(t.said[host]) < t.notice/2
	if !quiet {
		t.said[host] = time.Now()
	}
	t.mu.Unlock()
	if !quiet {
		t.logf("still waiting for %s (%s)", host, waited.Round(time.Second))
	}
}

// watch is the timer of one request. It runs while the request waits for the
// network, not for the caller.
type watch struct {
	transport *stallTransport
	host      string
	cancel    context.CancelCauseFunc

	mu      sync.Mutex
	timer   *time.Timer
	armed   int // generation, to detect stale timers
	stalled *stallError
}

func (w *watch) arm(limit time.Duration, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed++
	armed, begin := w.armed, time.Now()
	if w.timer != nil {
		w.timer.Stop()
	}
	var tick func()
	tick = func() {
		w.mu.Lock()
		if w.armed != armed {
			w.mu.Unlock()
			return
		}
		waited := time.Since(begin)
		if waited >= limit {
			w.stalled = &stallError{w.host, what, waited}
			w.cancel(w.stalled)
			w.mu.Unlock()
			return
		}
		w.timer = time.AfterFunc(min(w.transport.notice, limit-waited), tick)
		w.mu.Unlock()
		w.transport.tell(w.host, waited)
	}
	w.timer = time.AfterFunc(min(w.transport.notice, limit), tick)
}

func (w *watch) disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed++
	if w.timer != nil {
		w.timer.Stop()
	}
}

// explain returns the stall instead of the error that it caused.
func (w *watch) explain(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stalled != nil {
		return w.stalled
	}
	return err
}

// watchedRequest resets the timer when a part of a body is sent.
type watchedRequest struct {
	io.ReadCloser
	watch *watch
	limit time.Duration
}

func (b *watchedRequest) Read(p []byte) (int, error) {
	b.watch.disarm()
	n, err := b.ReadCloser.Read(p)
	b.watch.arm(b.limit, "accepts no more data")
	return n, err
}

// watchedResponse runs the timer during each read of a response.
type watchedResponse struct {
	io.ReadCloser
	watch *watch
}

func (b *watchedResponse) Read(p []byte) (int, error) {
	b.watch.arm(b.watch.transport.idle, "sends no more data")
	n, err := b.ReadCloser.Read(p)
	b.watch.disarm()
	if err != nil && err != io.EOF { //nolint:errorlint // as readers return it
		err = b.watch.explain(err)
	}
	return n, err
}

func (b *watchedResponse) Close() error {
	err := b.ReadCloser.Close()
	b.watch.disarm()
	b.watch.cancel(nil)
	return err
}
