package registry

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

func TestPublishExpects(t *testing.T) {
	t.Parallel()
	elsewhere := digest.FromString("elsewhere")
	for name, tc := range map[string]struct {
		expected func(old digest.Digest) digest.Digest
		tag      string
		moved    bool
	}{
		"where it was":    {func(old digest.Digest) digest.Digest { return old }, "1.0", false},
		"moved":           {func(digest.Digest) digest.Digest { return elsewhere }, "1.0", true},
		"exists meantime": {func(digest.Digest) digest.Digest { return "" }, "1.0", true},
		"not there":       {func(digest.Digest) digest.Digest { return "" }, "new", false},
		"gone":            {func(old digest.Digest) digest.Digest { return old }, "new", true},
	} {
		t.Run(name, func(t *testing.T) {
			s, old, _ := published(t)
			c := newTree(t, "new")
			ref, before := s.ref(t, "acme/curl:"+tc.tag), s.digestOf(t, "acme/curl", tc.tag)
			client, _ := newTestClient(Options{})
			expected := tc.expected(old.root.Digest)
			_, err := client.Publish(t.Context(), c, c.root, []Reference{ref}, Expect(ref, expected))
			if !tc.moved {
				if got := s.digestOf(t, "acme/curl", tc.tag); err != nil || got != c.root.Digest {
					t.Errorf("the tag is at %q, error %v", got, err)
				}
				return
			}
			var moved *MovedError
			var tagging *TagError
			if !errors.Is(err, ErrTagMoved) || !errors.As(err, &moved) || moved.Expected != expected || moved.Actual != before {
				t.Fatalf("error is %v, %+v", err, moved)
			}
			if !errors.As(err, &tagging) || tagging.Uncertain || !strings.Contains(diag.Text(err), "--force") {
				t.Errorf("error is %v", err)
			}
			for _, d := range []digest.Digest{expected, before} {
				if !strings.Contains(diag.Text(err), d.String()) {
					t.Errorf("%q does not name %s", err, d)
				}
			}
			if got := s.digestOf(t, "acme/curl", tc.tag); got != before {
				t.Errorf("the tag moved to %q", got)
			}
		})
	}
}

// TestPublishGuards: the guard sees where the tag is right before it is written.
func TestPublishGuards(t *testing.T) {
	t.Parallel()
	s, old, refs := published(t)
	c := newTree(t, "new")
	fresh, kept := s.ref(t, "acme/curl:fresh"), s.ref(t, "acme/curl:1.0")
	client, _ := newTestClient(Options{})
	var seen []digest.Digest
	guard := func(err error) TagGuard {
		return func(_ context.Context, now digest.Digest) error { seen = append(seen, now); return err }
	}
	done, err := client.Publish(t.Context(), c, c.root, []Reference{kept, fresh}, Guard(kept, guard(ErrKept)), Guard(fresh, guard(nil)))
	if err != nil || len(done) != 1 || done[0].Reference.String() != fresh.String() || !slices.Equal(seen, []digest.Digest{old.root.Digest, ""}) {
		t.Errorf("published %v, guards saw %v, %v", done, seen, err)
	}
	refused := errors.New("refused")
	if _, err := client.Publish(t.Context(), c, c.root, refs[:1], Guard(refs[0], guard(refused))); !errors.Is(err, refused) {
		t.Errorf("error is %v", err)
	}
	if got := s.digestOf(t, "acme/curl", "1.0"); got != old.root.Digest {
		t.Errorf("1.0 is at %s", got)
	}
	// Some registries answer HEAD of every tag with 404.
	for _, status := range []int{http.StatusNotFound, http.StatusMethodNotAllowed} {
		s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodHead || !strings.HasSuffix(r.URL.Path, "/manifests/1.0") {
				return false
			}
			w.WriteHeader(status)
			return true
		})
		seen = nil
		client, _ := newTestClient(Options{})
		_, err := client.Publish(t.Context(), c, c.root, refs[:1], Guard(refs[0], guard(refused)))
		if desc, lookErr := client.Resolve(t.Context(), refs[0]); !errors.Is(err, refused) || !slices.Equal(seen, []digest.Digest{old.root.Digest}) || lookErr != nil || desc.Digest != old.root.Digest {
			t.Errorf("HEAD answers %d: the guard saw %v, %v; Resolve returns %v, %v", status, seen, err, desc.Digest, lookErr)
		}
	}
	s.setFault(nil)
	// Another writer is faster: the guard is asked again.
	other := newTree(t, "other")
	raced := false
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/raced") && !raced {
			raced = true
			rival, _ := newTestClient(Options{})
			if _, err := rival.Publish(t.Context(), other, other.root, []Reference{s.ref(t, "acme/curl:raced")}); err != nil {
				t.Error(err)
			}
			return r.Header.Get("If-None-Match") != "" && jsonError(w, http.StatusPreconditionFailed, "X", "x")
		}
		return false
	})
	ref := s.ref(t, "acme/curl:raced")
	_, err = client.Publish(t.Context(), c, c.root, []Reference{ref}, Guard(ref, func(_ context.Context, now digest.Digest) error {
		if now != "" {
			return refused
		}
		return nil
	}))
	if got := s.digestOf(t, "acme/curl", "raced"); !errors.Is(err, refused) || got != other.root.Digest {
		t.Errorf("the tag is at %s, error %v", got, err)
	}
	// The guard decides about a tag that cannot be read, and one of a registry
	// that fails is not written to.
	for _, tt := range []struct {
		status int
		guard  error
		asked  bool
	}{{http.StatusForbidden, nil, true}, {http.StatusUnauthorized, nil, true}, {http.StatusForbidden, refused, true}, {http.StatusPreconditionFailed, refused, true}, {http.StatusInternalServerError, nil, false}, {http.StatusRequestTimeout, nil, false}} {
		s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method != http.MethodPut && (strings.HasSuffix(r.URL.Path, "/manifests/hidden") || strings.HasSuffix(r.URL.Path, "/tags/list")) && jsonError(w, tt.status, "X", "x")
		})
		ref := s.ref(t, "acme/curl:hidden")
		var asked []digest.Digest
		_, err := client.Publish(t.Context(), c, c.root, []Reference{ref}, Guard(ref, func(_ context.Context, now digest.Digest) error {
			asked = append(asked, now)
			return tt.guard
		}))
		if (err == nil) != (tt.asked && tt.guard == nil) || tt.guard != nil && !errors.Is(err, tt.guard) || slices.Equal(asked, []digest.Digest{Hidden}) != tt.asked {
			t.Errorf("%+v: asked about %q, %v", tt, asked, err)
		}
	}
}

// TestPublishExpectsWhatItWrites: nothing is lost when the tag is where
// it should go already.
func TestPublishExpectsWhatItWrites(t *testing.T) {
	t.Parallel()
	s, old, refs := published(t)
	client, _ := newTestClient(Options{})
	if _, err := client.Publish(t.Context(), old, old.root, refs[:1], Expect(refs[0], digest.FromString("before"))); err != nil {
		t.Error(err)
	}
	if got := s.digestOf(t, "acme/curl", "1.0"); got != old.root.Digest {
		t.Errorf("the tag is at %s", got)
	}
}

// TestPublishMountsFromItsSource: blobs of another repository of the registry
// are neither read nor sent.
func TestPublishMountsFromItsSource(t *testing.T) {
	t.Parallel()
	s, old, refs := published(t)
	client, _ := newTestClient(Options{})
	src, err := client.Open(t.Context(), refs[0])
	if err != nil {
		t.Fatal(err)
	}
	s.take()
	to := s.ref(t, "other/place:1")
	if _, err := client.Publish(t.Context(), src, src.Root, []Reference{to}); err != nil {
		t.Fatal(err)
	}
	requests := s.take()
	if n := len(matching(requests, "POST", "from=acme")); n != len(old.blobs) {
		t.Errorf("%d mounts for %d blobs", n, len(old.blobs))
	}
	for _, m := range []string{"GET", "PUT"} {
		if got := matching(requests, m, "/blobs/"); len(got) > 0 {
			t.Errorf("moved %q", got)
		}
	}
}

// TestPublishUploadsWhatCannotBeMounted: the right to read a repository does
// not include mounting from it everywhere.
func TestPublishUploadsWhatCannotBeMounted(t *testing.T) {
	t.Parallel()
	s, old, refs := published(t)
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Query().Get("mount") != "" && jsonError(w, http.StatusForbidden, "DENIED", "no mounts")
	})
	client, _ := newTestClient(Options{})
	src, err := client.Open(t.Context(), refs[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Publish(t.Context(), src, src.Root, []Reference{s.ref(t, "other/place:1")}); err != nil {
		t.Fatal(err)
	}
	if got := s.digestOf(t, "other/place", "1"); got != old.root.Digest {
		t.Errorf("the tag is at %q", got)
	}
}

// TestPublishLeavesForeignLayersWhereTheyAre: images of older Windows list
// layers that no registry holds.
func TestPublishLeavesForeignLayersWhereTheyAre(t *testing.T) {
	t.Parallel()
	c := newTree(t, "a")
	foreign := content.NewDescriptorFromBytes("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", []byte("elsewhere"))
	foreign.URLs = []string{"https://example.com/layer"}
	root := c.manifest(t, oci.MediaTypeDockerManifest, map[string]any{
		"schemaVersion": 2, "mediaType": oci.MediaTypeDockerManifest,
		"config": c.blob(t, "application/vnd.docker.container.image.v1+json", `{"os":"windows"}`),
		"layers": []v1.Descriptor{foreign},
	})
	g, err := oci.ReadGraph(t.Context(), c, root)
	if err != nil || len(g.Blobs) != 1 {
		t.Fatalf("blobs %v, error %v", g, err)
	}
}
