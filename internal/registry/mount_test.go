package registry

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// events collects progress.
type events struct {
	mu   sync.Mutex
	list []Event
}

func (e *events) add(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

func (e *events) count(repo string, s State) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, ev := range e.list {
		if strings.HasSuffix(ev.Repository, repo) && ev.State == s && ev.Tag == "" {
			n++
		}
	}
	return n
}

func TestPublishToSecondRepositoryMounts(t *testing.T) {
	t.Parallel()
	s, c, seen := newServer(t), newTree(t, "a"), &events{}
	client, _ := newTestClient(Options{Progress: seen.add})
	_, err := client.Publish(t.Context(), c, c.root, []Reference{s.ref(t, "acme/curl:1.0"), s.ref(t, "other/place:2")})
	if err != nil {
		t.Fatal(err)
	}
	requests := s.take()
	if got := matching(requests, "PUT", "/v2/other/place/blobs/"); len(got) > 0 {
		t.Errorf("uploaded instead of mounted: %q", got)
	}
	if n := seen.count("other/place", Mounted); n != len(c.blobs) {
		t.Errorf("%d blobs mounted, want %d", n, len(c.blobs))
	}
	if n := seen.count("acme/curl", Done); n != len(c.blobs)+len(c.manifests) {
		t.Errorf("%d pieces done in the first repository", n)
	}
	// No tag before the content of the second repository.
	first := slices.Index(requests, "PUT /v2/acme/curl/manifests/1.0")
	last := slices.Index(requests, "PUT /v2/other/place/manifests/"+c.manifests[0].Digest.String())
	if first < last || last < 0 {
		t.Errorf("the first tag is request %d, the last content %d", first, last)
	}
	if got := s.digestOf(t, "other/place", "2"); got != c.root.Digest {
		t.Errorf("other/place:2 is at %q", got)
	}
}

func TestPublishUploadsWhatDoesNotMount(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"not supported": func(_ http.ResponseWriter, r *http.Request) bool {
			r.URL.RawQuery = "" // begins an upload
			return false
		},
		"refused": func(w http.ResponseWriter, _ *http.Request) bool {
			return jsonError(w, http.StatusForbidden, "DENIED", "no access to the other repository")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, seen := newServer(t), newTree(t, "a"), &events{}
			s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
				return r.URL.Query().Has("mount") && answer(w, r)
			})
			client, _ := newTestClient(Options{Progress: seen.add})
			if _, err := client.Publish(t.Context(), c, c.root, []Reference{s.ref(t, "acme/curl:1.0"), s.ref(t, "other/place:2")}); err != nil {
				t.Fatal(err)
			}
			if n := len(matching(s.take(), "PUT", "/v2/other/place/blobs/")); n != len(c.blobs) {
				t.Errorf("%d blobs uploaded, want %d", n, len(c.blobs))
			}
			if n := seen.count("other/place", Mounted); n != 0 {
				t.Errorf("%d blobs reported as mounted", n)
			}
			if got := s.digestOf(t, "other/place", "2"); got != c.root.Digest {
				t.Errorf("other/place:2 is at %q", got)
			}
		})
	}
}
