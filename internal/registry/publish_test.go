package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

func TestPublishIndex(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), newTree(t, "a")
	client, _ := newTestClient(Options{Concurrency: 1}) // so that order is not luck
	refs := []Reference{s.ref(t, "acme/curl:1.0"), s.ref(t, "acme/curl:latest"), s.ref(t, "acme/curl:1.0")}
	published, err := client.Publish(t.Context(), c, c.root, refs)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range published {
		lines = append(lines, p.String())
	}
	want := []string{
		s.host() + "/acme/curl:1.0@" + c.root.Digest.String(),
		s.host() + "/acme/curl:latest@" + c.root.Digest.String(),
	}
	if !slices.Equal(lines, want) {
		t.Errorf("published %q, want %q", lines, want)
	}

	requests := s.take()
	if n := len(matching(requests, "PUT", "/blobs/uploads/")); n != len(c.blobs) {
		t.Errorf("%d blobs uploaded, want %d", n, len(c.blobs))
	}
	var order []string
	for _, r := range writes(requests) {
		if path, ok := strings.CutPrefix(r, "PUT /v2/acme/curl/manifests/"); ok {
			order = append(order, path)
		} else if len(order) > 0 {
			t.Errorf("%s comes after the first manifest", r)
		}
	}
	if len(order) != 5 {
		t.Fatalf("manifests written: %q", order)
	}
	at := func(d v1.Descriptor) int { return slices.Index(order, d.Digest.String()) }
	if at(c.manifests[1]) > at(c.manifests[0]) {
		t.Errorf("the attestation was written before its subject: %q", order)
	}
	if got := order[3:]; !slices.Equal(got, []string{"1.0", "latest"}) {
		t.Errorf("the last manifests written are %q", got)
	}

	src, err := client.Open(t.Context(), refs[1])
	if err != nil {
		t.Fatal(err)
	}
	if src.Root.Digest != c.root.Digest || src.Root.MediaType != c.root.MediaType || src.Root.Size != c.root.Size {
		t.Errorf("read %v back, want %v", src.Root, c.root)
	}
	for _, desc := range slices.Concat([]v1.Descriptor{c.root}, c.manifests, c.blobs) {
		got, err := content.FetchAll(t.Context(), src, desc)
		if err != nil {
			t.Errorf("reading %s: %v", desc.MediaType, err)
			continue
		}
		if want, _ := content.FetchAll(t.Context(), c, desc); string(got) != string(want) {
			t.Errorf("%s differs", desc.Digest)
		}
		if ok, err := src.Exists(t.Context(), desc); !ok || err != nil {
			t.Errorf("Exists(%s) = %v, %v", desc.Digest, ok, err)
		}
	}
}

func TestPublishAgainWritesNothing(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), newTree(t, "a")
	refs := []Reference{s.ref(t, "acme/curl:1.0"), s.ref(t, "acme/wget:1.0")}
	for range 2 {
		s.take()
		client, _ := newTestClient(Options{})
		if _, err := client.Publish(t.Context(), c, c.root, refs); err != nil {
			t.Fatal(err)
		}
	}
	requests := s.take()
	sent := slices.DeleteFunc(writes(requests), func(r string) bool { return strings.Contains(r, "mount=") })
	if len(sent) > 0 {
		t.Errorf("the second publish wrote %q", sent)
	}
	// One request for each blob, each manifest below the root, and each tag, in both.
	if got, want := len(requests), 2*(len(c.blobs)+len(c.manifests)+1); got != want {
		t.Errorf("%d requests, want %d:\n%s", got, want, strings.Join(requests, "\n"))
	}
}

func TestPublishSingleManifest(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), newTree(t, "a")
	client, _ := newTestClient(Options{})
	image := c.manifests[2]
	if _, err := client.Publish(t.Context(), c, image, []Reference{s.ref(t, "acme/curl:1.0")}); err != nil {
		t.Fatal(err)
	}
	if got := s.digestOf(t, "acme/curl", "1.0"); got != image.Digest {
		t.Errorf("acme/curl:1.0 is at %q, want %q", got, image.Digest)
	}
	if n := len(matching(s.take(), "PUT", "/manifests/")); n != 1 {
		t.Errorf("%d manifests written, want the image under its tag", n)
	}
}

func TestPublishSubjectFromElsewhere(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), newTree(t, "a")
	subject := content.NewDescriptorFromBytes(v1.MediaTypeImageManifest, []byte("not here"))
	root := c.manifest(t, v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Subject: &subject,
		Config: c.blobs[0], Layers: []v1.Descriptor{c.blobs[1]},
	})
	client, _ := newTestClient(Options{})
	if _, err := client.Publish(t.Context(), c, root, []Reference{s.ref(t, "acme/curl:1.0")}); err != nil {
		t.Fatal(err)
	}
	// distribution has no referrers API; the tag oras-go writes instead is a
	// tag that was not requested.
	if got := matching(s.take(), "PUT", "manifests/sha256-"); len(got) > 0 {
		t.Errorf("wrote %q", got)
	}
}

func TestPublishIncompleteContent(t *testing.T) {
	t.Parallel()
	c := newTree(t, "a")
	for name, hidden := range map[string]v1.Descriptor{"layer": c.blobs[2], "attestation layer": c.blobs[len(c.blobs)-1]} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			client, _ := newTestClient(Options{})
			_, err := client.Publish(t.Context(), without{c, hidden}, c.root, []Reference{s.ref(t, "acme/curl:1.0")})
			if !errors.Is(err, oci.ErrNotFound) || !strings.Contains(diag.Text(err), hidden.Digest.String()) {
				t.Errorf("error %v does not name the missing blob", err)
			}
			if got := s.take(); len(got) > 0 {
				t.Errorf("the registry was asked although content is missing: %q", got)
			}
		})
	}
}

func TestPublishWrongContent(t *testing.T) {
	t.Parallel()
	c := newTree(t, "a")
	layer := c.blobs[2]
	for name, open := range map[string]func() io.Reader{
		"other":   func() io.Reader { return strings.NewReader(strings.Repeat("x", int(layer.Size))) },
		"shorter": func() io.Reader { return strings.NewReader("x") },
		"longer":  func() io.Reader { return strings.NewReader(strings.Repeat("x", int(layer.Size)+1)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			client, pauses := newTestClient(Options{})
			_, err := client.Publish(t.Context(), replaced{c, layer, open}, c.root, []Reference{s.ref(t, "acme/curl:1.0")})
			if !errors.Is(err, oci.ErrCorrupt) {
				t.Errorf("error %v is not oci.ErrCorrupt", err)
			}
			if got := pauses.all(); len(got) > 0 {
				t.Errorf("retried after %v", got)
			}
			if got := s.digestOf(t, "acme/curl", "1.0"); got != "" {
				t.Errorf("the tag was written: %s", got)
			}
		})
	}
}

func TestPublishReferences(t *testing.T) {
	t.Parallel()
	c := newTree(t, "a")
	client, _ := newTestClient(Options{})
	byDigest, err := ParseReference("example.com/a/b@" + c.root.Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	for name, refs := range map[string][]Reference{"none": nil, "digest": {byDigest}, "zero": {{}}} {
		if _, err := client.Publish(t.Context(), c, c.root, refs); !diag.IsInvalid(err) {
			t.Errorf("%s: error %v is not about the input", name, err)
		}
	}
}

func TestPublishBoundsConcurrency(t *testing.T) {
	t.Parallel()
	s, c := newServer(t), newTree(t, "a")
	var (
		mu        sync.Mutex
		now, most int
	)
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		s.app.ServeHTTP(w, r)
		mu.Lock()
		now--
		mu.Unlock()
		return true
	})
	client, _ := newTestClient(Options{Concurrency: 2})
	if _, err := client.Publish(t.Context(), c, c.root, []Reference{s.ref(t, "acme/curl:1.0")}); err != nil {
		t.Fatal(err)
	}
	if most > 2 {
		t.Errorf("%d requests at once, want at most 2", most)
	}
}

func TestPublishCancelled(t *testing.T) {
	t.Parallel()
	s, old, c := newServer(t), newTree(t, "old"), newTree(t, "new")
	client, _ := newTestClient(Options{})
	ref := s.ref(t, "acme/curl:1.0")
	if _, err := client.Publish(t.Context(), old, old.root, []Reference{ref}); err != nil {
		t.Fatal(err)
	}
	s.take()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// The layer returns a few bytes, and nothing more until the cancellation.
	layer := replaced{c, c.blobs[2], func() io.Reader {
		r, w := io.Pipe()
		go func() {
			_, _ = w.Write([]byte("layer"))
			cancel()
			<-ctx.Done()
			_ = w.CloseWithError(context.Canceled)
		}()
		return r
	}}
	_, err := client.Publish(ctx, layer, c.root, []Reference{ref})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if got := s.digestOf(t, "acme/curl", "1.0"); got != old.root.Digest {
		t.Errorf("the tag moved to %s", got)
	}
	if got := matching(s.take(), "PUT", "/manifests/"); len(got) > 0 {
		t.Errorf("went on after the cancellation: %q", got)
	}
}
