package registry

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/wait"
)

// TestAnswersCutInTheHeader: an answer that ends in its header, at any byte, is lost.
func TestAnswersCutInTheHeader(t *testing.T) {
	t.Parallel()
	answer := "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.index.v1+json\r\nContent-Length: " +
		"18\r\n\r\n" + `{"manifests":null}`
	for cut := range len(answer) {
		var asked atomic.Int32
		s := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if asked.Add(1) == 1 {
				_, _ = io.WriteString(conn, answer[:cut])
				return
			}
			_, _ = io.WriteString(conn, answer)
		})
		client, _ := newTestClient(Options{})
		client.schemes[s.host()] = &scheme{known: true, plain: true}
		if _, err := client.Open(t.Context(), s.ref(t, "a/b:1")); err != nil || asked.Load() != 2 {
			t.Errorf("cut at %d of %d: asked %d times, error %v", cut, len(answer), asked.Load(), err)
		}
		s.Close()
	}
}

// TestRestart: a registry that has answered before and refuses connections is
// restarting.
func TestRestart(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
		_, _ = io.WriteString(w, emptyIndex)
	})
	first := httptest.NewServer(handler)
	addr := first.Listener.Addr().String()
	client, pauses := newTestClient(Options{})
	ref, err := ParseReference(addr + "/a/b:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Open(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	first.Close()
	client.backoff.sleep = func(ctx context.Context, d time.Duration) error {
		if len(pauses.all()) == 1 {
			listener, err := net.Listen("tcp", addr)
			if err != nil {
				t.Error(err)
				return err
			}
			second := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
			second.Start()
			t.Cleanup(second.Close)
		}
		return pauses.sleep(ctx, d)
	}
	if _, err := client.Open(t.Context(), ref); err != nil {
		t.Error(err)
	}
	if n := len(pauses.all()); n != 2 {
		t.Errorf("%d pauses", n)
	}
}

// TestNoDowngradeByLostConnections: with --insecure too, a connection that is
// lost or refused turns no run to plain HTTP.
func TestNoDowngradeByLostConnections(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{io.EOF, io.ErrUnexpectedEOF, &net.OpError{Op: "dial", Err: net.ErrClosed}} {
		client, _ := newTestClient(Options{Insecure: true})
		client.probe.Transport.(*guardTransport).base = roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Scheme != "https" {
				t.Errorf("%v: asked by %s", failure, r.URL.Scheme)
			}
			return nil, failure
		})
		ref, err := ParseReference("registry.example/a/b:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Resolve(t.Context(), ref); err == nil {
			t.Errorf("%v: no error", failure)
		}
	}
}

// TestNoDowngradeAfterHandshake: on this machine too, a server that has spoken TLS
// and then dropped the connection is not asked over plain HTTP, to which it
// responds with an error.
func TestNoDowngradeAfterHandshake(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var plain atomic.Int32
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	certificate.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			server := tls.Server(conn, &tls.Config{Certificates: certificate.TLS.Certificates, ClientAuth: tls.RequestClientCert})
			if record := (tls.RecordHeaderError{}); errors.As(server.Handshake(), &record) {
				plain.Add(1)
				_, _ = io.WriteString(conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
			}
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset, which discards the alert
			_ = conn.Close()
		}
	}()
	client, _ := newTestClient(Options{Insecure: true})
	host := listener.Addr().String()
	for range 20 {
		client.schemes = map[string]*scheme{}
		_, err := client.CheckPush(t.Context(), mustTag(t, host+"/a/b:1"))
		if err == nil || !strings.Contains(err.Error(), host+" requires a client certificate") {
			t.Errorf("error is %v", err)
		}
		if hint := diag.Hint(err); !strings.Contains(hint, "certs.d/"+host+"/client.cert") {
			t.Errorf("hint is %q", hint)
		}
	}
	if n := plain.Load(); n != 0 {
		t.Errorf("%d requests over plain HTTP", n)
	}
}

// TestLargeBlobIsReadOn: an interrupted read continues at the same byte, with and
// without ranges.
func TestLargeBlobIsReadOn(t *testing.T) {
	t.Parallel()
	blob := bytes.Repeat([]byte("0123456789abcdef"), (6<<20)/16)
	desc := v1.Descriptor{MediaType: v1.MediaTypeImageLayer, Digest: digest.FromBytes(blob), Size: int64(len(blob))}
	for name, ranges := range map[string]bool{"ranges": true, "no ranges": false} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			s := scripted(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/manifests/") {
					w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
					_, _ = io.WriteString(w, emptyIndex)
					return
				}
				if !ranges {
					r.Header.Del("Range")
				}
				budget := int64(2 << 20)
				if !ranges {
					budget = 3<<20 + sent.Load() // more each time
				}
				http.ServeContent(&cutWriter{ResponseWriter: w, left: budget, sent: &sent}, r, "", time.Time{}, bytes.NewReader(blob))
			})
			client, _ := newTestClient(Options{})
			src, err := client.Open(t.Context(), s.ref(t, "a/b:1"))
			if err != nil {
				t.Fatal(err)
			}
			rc, err := src.Fetch(t.Context(), desc)
			if err != nil {
				t.Fatal(err)
			}
			defer rc.Close()
			if got, err := io.ReadAll(rc); err != nil || !bytes.Equal(got, blob) {
				t.Errorf("%d bytes, error %v", len(got), err)
			}
			if n := sent.Load(); ranges && n > desc.Size+1<<20 {
				t.Errorf("%d bytes were sent for %d", n, desc.Size)
			}
		})
	}
}

// cutWriter drops the connection after some bytes.
type cutWriter struct {
	http.ResponseWriter
	left int64
	sent *atomic.Int64
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left {
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	n, err := w.ResponseWriter.Write(p)
	w.left -= int64(n)
	w.sent.Add(int64(n))
	return n, err
}

// lossyLink is a proxy whose connections break after some bytes to the server.
type lossyLink struct {
	listener net.Listener
	sent     atomic.Int64
}

func newLossyLink(t *testing.T, to string, every int64) *lossyLink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	l := &lossyLink{listener: listener}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				return
			}
			go func() { _, _ = io.Copy(in, out) }()
			go func() {
				n, _ := io.CopyN(out, in, every)
				l.sent.Add(n)
				_, _ = in.Close(), out.Close()
			}()
		}
	}()
	return l
}

// TestUploadsResume: over a link that breaks every so many bytes a large blob
// arrives, and little of it is sent twice.
func TestUploadsResume(t *testing.T) {
	t.Parallel()
	const size, every, chunk = 24 << 20, 3 << 20, 256 << 10
	s, c := newServer(t), newTree(t, "a")
	large := c.blob(t, "application/vnd.oci.image.layer.v1.tar", strings.Repeat("0123456789abcdef", size/16))
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	link := newLossyLink(t, target.Host, every)
	ref, err := ParseReference(link.listener.Addr().String() + "/a/b:1")
	if err != nil {
		t.Fatal(err)
	}
	client, _ := newTestClient(Options{})
	client.schemes[ref.Host()] = &scheme{known: true, plain: true}
	client.chunkSize = chunk
	client.backoff.sleep = func(ctx context.Context, _ time.Duration) error {
		// The server may still be reading what it got before the link broke.
		return wait.For(ctx, 50*time.Millisecond)
	}
	r, err := client.repository(t.Context(), ref, "pull", "push")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.copyBlob(t.Context(), c, large, ""); err != nil {
		t.Fatal(err)
	}
	if n := link.sent.Load(); n > size*13/10 || n < size/2 {
		t.Errorf("%d bytes were sent for %d", n, size)
	}
	if ok, err := r.has(t.Context(), "blobs", large); !ok || err != nil {
		t.Errorf("the blob is there: %v, %v", ok, err)
	}
}

// Go retries a request by itself when a connection is lost before it is used. It
// fails if the body was read already, and the upload then continues from the
// offset of the registry.
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
