package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// countingProxy is a proxy of the sandbox registry, counts the bytes that cross
// its connections in both directions and lets a test act before a request goes
// on.
type countingProxy struct {
	host   string
	bytes  atomic.Int64
	before func(r *http.Request)
}

func newCountingProxy(t *testing.T) *countingProxy {
	t.Helper()
	p := &countingProxy{}
	target := &url.URL{Scheme: "http", Host: world.Registry()}
	reverse := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // so that the registry's redirects lead here
	}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.before != nil {
			p.before(r)
		}
		reverse.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that have read enough
	server.Listener = countingListener{server.Listener, &p.bytes}
	server.Start()
	t.Cleanup(server.Close)
	p.host = server.Listener.Addr().String()
	return p
}

// through names a reference of the sandbox registry by the countingProxy.
func (p *countingProxy) through(reference string) string {
	return p.host + strings.TrimPrefix(reference, world.Registry())
}

type countingListener struct {
	net.Listener
	n *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countingConn{c, l.n}, err
}

type countingConn struct {
	net.Conn
	n *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func (c countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// noise returns the same bytes each time.
func noise(size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
}

// TestIndexAddMovesNoLayers: joining an image with a layer of 500 MB, in the
// same repository or another one of the registry, costs less than a megabyte.
func TestIndexAddMovesNoLayers(t *testing.T) {
	const size = largeSize
	p := newCountingProxy(t)
	ref := tag(t, "1")
	other := strings.TrimSuffix(ref, ":1") + "/other:1"
	hash := sha256.New()
	if _, err := io.Copy(hash, noise(size)); err != nil {
		t.Fatal(err)
	}
	d := digest.NewDigest(digest.SHA256, hash)
	storeBlobFrom(t, other, d, noise(size), size)
	image := func(arch string) string {
		raw := fmt.Sprintf(`{"os":"linux","architecture":%q,"rootfs":{"type":"layers","diff_ids":[]}}`, arch)
		return at(other, storeManifest(t, other, true, fields{
			"schemaVersion": 2, "mediaType": v1.MediaTypeImageManifest,
			"config": storeBlob(t, other, v1.MediaTypeImageConfig, []byte(raw)),
			"layers": []fields{{"mediaType": v1.MediaTypeImageLayer, "digest": d.String(), "size": size}},
		}))
	}
	storeTwo(t, ref)
	for _, arch := range []string{"riscv64", "s390x"} { // mounted first, there already then
		p.bytes.Store(0)
		mustExtpack(t, t.TempDir(), "index", "add", p.through(ref), p.through(image(arch)))
		if n := p.bytes.Load(); n > 1<<20 {
			t.Errorf("adding %s moved %d bytes", arch, n)
		}
	}
	if got := listed(t, ref); strings.Count(got, "\n") != 4 {
		t.Errorf("the index lists %s", got)
	}
	resp := send(t, http.MethodHead, repositoryURL(ref)+"/blobs/"+d.String(), "", nil, 0)
	if resp.ContentLength != size {
		t.Errorf("the layer has %d bytes", resp.ContentLength)
	}
	p.bytes.Store(0)
	mustExtpack(t, t.TempDir(), "index", "remove", p.through(ref), "linux/s390x")
	if n := p.bytes.Load(); n > 1<<20 {
		t.Errorf("removing moved %d bytes", n)
	}
}

// TestIndexEditOfATagThatMoved: when another process publishes between reading the
// index and writing it, an edit is made again on what they published; a tag that
// is replaced as a whole is not written.
func TestIndexEditOfATagThatMoved(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"annotate": {"annotate", "REF", "--index-annotation", "a=b"},
		"remove":   {"remove", "REF", "linux/arm64"},
		"add":      {"add", "REF", "IMAGE"},
		"create":   {"create", "-t", "REF", "IMAGE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, ref := newCountingProxy(t), tag(t, "1")
			image := at(ref, storeImage(t, ref, false, linux("riscv64")))
			was := storeTwo(t, ref)["digest"].(string)
			var theirs string
			var once sync.Once
			p.before = func(r *http.Request) {
				// The index has been read when its blobs are looked for.
				if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/blobs/") {
					once.Do(func() {
						theirs = storeIndex(t, ref, v1.MediaTypeImageIndex, fields{"annotations": fields{"by": "them"}}, entries(t, ref)...)["digest"].(string)
					})
				}
			}
			full := []string{"index"}
			for _, a := range args {
				full = append(full, strings.NewReplacer("REF", p.through(ref), "IMAGE", p.through(image)).Replace(a))
			}
			r := extpack(t, t.TempDir(), full...)
			raw, _ := get(t, ref, "manifests")
			if name != "create" {
				got := "sha256:" + sha(raw)
				if r.code != 0 || !strings.Contains(string(raw), `"by":"them"`) || got == theirs || r.stdout != p.through(ref)+"@"+got+"\n" || r.stderr != "" {
					t.Errorf("exit code %d, stdout %q, the tag is at %s: %s\n%s", r.code, r.stdout, got, raw, r.stderr)
				}
				return
			}
			if got := "sha256:" + sha(raw); r.code != 1 || r.stdout != "" || got != theirs {
				t.Fatalf("exit code %d, stdout %q, the tag is at %s\n%s", r.code, r.stdout, got, r.stderr)
			}
			for _, part := range []string{was, theirs, "--force"} {
				if !strings.Contains(r.stderr, part) {
					t.Errorf("%s is not in\n%s", part, r.stderr)
				}
			}
			once = sync.Once{} // they do it again
			mustExtpack(t, t.TempDir(), append(full, "--force")...)
			raw, _ = get(t, ref, "manifests")
			if got := "sha256:" + sha(raw); got == theirs {
				t.Error("--force did not write the tag")
			}
		})
	}
}
