package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

var (
	resumeSize  = flag.Int64("resume-size", 150<<20, "size of the layer that TestUploadOverALossyLink pushes")
	resumeEvery = flag.Int64("resume-every", 60<<20, "after how many bytes its link breaks")
)

// lossyLink is a proxy to the registry whose connections break after some bytes.
func lossyLink(t *testing.T, to string, every int64) (addr string, sent *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	sent = &atomic.Int64{}
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
				sent.Add(n)
				_, _ = in.Close(), out.Close()
			}()
		}
	}()
	return listener.Addr().String(), sent
}

// largeLayout makes an OCI layout of an image with one layer of zeros.
func largeLayout(t *testing.T, size int64) string {
	t.Helper()
	dir := t.TempDir()
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(mediaType string, v any) v1.Descriptor {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		d := digest.FromBytes(raw)
		writeFile(t, filepath.Join(blobs, d.Encoded()), string(raw))
		return v1.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(raw))}
	}
	f, err := os.Create(filepath.Join(blobs, "layer"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		t.Fatal(err)
	}
	sum := digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(hash.Sum(nil)))
	if err := os.Rename(f.Name(), filepath.Join(blobs, sum.Encoded())); err != nil {
		t.Fatal(err)
	}
	config := put(v1.MediaTypeImageConfig, v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{sum}}})
	image := put(v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config,
		Layers: []v1.Descriptor{{MediaType: v1.MediaTypeImageLayer, Digest: sum, Size: size}},
	})
	image.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	index, err := json.Marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []v1.Descriptor{image}})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "index.json"), string(index))
	writeFile(t, filepath.Join(dir, "oci-layout"), `{"imageLayoutVersion":"1.0.0"}`)
	return dir
}

// TestUploadOverALossyLink: a large layer arrives over a link that breaks every
// so many bytes, and at most three tenths of it are sent twice.
func TestUploadOverALossyLink(t *testing.T) {
	dir := largeLayout(t, *resumeSize)
	addr, sent := lossyLink(t, world.Registry(), *resumeEvery)
	ref := fmt.Sprintf("%s/lossy-%d:1", addr, *resumeSize)
	r := extpack(t, t.TempDir(), "index", "create", "-t", ref, dir)
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	n := sent.Load()
	t.Logf("%d bytes sent for %d: %.2f times", n, *resumeSize, float64(n)/float64(*resumeSize))
	if float64(n) > 1.3*float64(*resumeSize) || n < *resumeSize/2 {
		t.Errorf("%d bytes were sent for %d\n%s", n, *resumeSize, r.stderr)
	}
}
