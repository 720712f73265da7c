package index_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/tests/quirks"
)

// addImage is a change that adds an image for linux/arch.
func addImage(arch string) index.Change {
	return func(_ context.Context, o *index.Staging, x *index.Index) (*index.Index, error) {
		if x == nil {
			x = index.NewIndex()
		}
		config := o.Put(v1.MediaTypeImageConfig, fmt.Appendf(nil, `{"architecture":%q,"os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`, arch))
		desc := o.Put(v1.MediaTypeImageManifest, fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`,
			v1.MediaTypeImageManifest, config.MediaType, config.Digest, config.Size))
		desc.Platform = &v1.Platform{OS: "linux", Architecture: arch}
		c, err := index.NewEntry(desc)
		if err != nil {
			return nil, err
		}
		return x, x.Add(c, nil, false)
	}
}

func annotateIndex(key string) index.Change {
	return func(_ context.Context, _ *index.Staging, x *index.Index) (*index.Index, error) {
		return x, x.Annotate(map[string]string{key: "1"})
	}
}

func request(client *registry.Client, ref string, change index.Change) index.Request {
	return index.Request{Options: index.Options{Client: client}, Source: ref, MayBeMissing: true, Change: change}
}

func mustEdit(t *testing.T, ref string, change index.Change) {
	t.Helper()
	if _, err := index.Edit(t.Context(), request(registry.New(registry.Options{}), ref, change)); err != nil {
		t.Fatal(err)
	}
}

// state returns what the index at ref lists, and its annotations.
func state(t *testing.T, ref string) (archs, annotations string) {
	t.Helper()
	parsed, err := registry.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	src, err := registry.New(registry.Options{}).Open(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	index, _, err := oci.ReadIndex(t.Context(), src, src.Root)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range index.Manifests {
		archs += " " + d.Platform.Architecture
	}
	for key := range index.Annotations {
		annotations += " " + key
	}
	return archs + " ", annotations + " "
}

// TestEditsLoseNothing: writers that add and annotate at once lose none of it,
// whether the registry knows conditions, ignores them or gets them wrong.
func TestEditsLoseNothing(t *testing.T) {
	t.Parallel()
	for name, switches := range map[string][]quirks.Switch{
		"no conditions":     nil,
		"conditions":        {quirks.Conditional(false)},
		"broken conditions": {quirks.Conditional(true)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := quirks.New(t, switches...)
			ref := r.Host() + "/a/b:1"
			mustEdit(t, ref, addImage("amd64"))
			changes := map[string]index.Change{}
			for _, arch := range []string{"arm64", "riscv64", "s390x", "ppc64le"} {
				changes[arch] = addImage(arch)
			}
			for _, key := range []string{"k1", "k2", "k3", "k4"} {
				changes[key] = annotateIndex(key)
			}
			var wg sync.WaitGroup
			for name, change := range changes {
				wg.Go(func() {
					if _, err := index.Edit(t.Context(), request(registry.New(registry.Options{}), ref, change)); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			wg.Wait()
			archs, annotations := state(t, ref)
			for name := range changes {
				if !strings.Contains(archs+annotations, " "+name+" ") {
					t.Errorf("%s was lost: there are%s and%s", name, archs, annotations)
				}
			}
		})
	}
}

// TestEditAfterAPause: a write that the registry puts off is not repeated over
// what another writer brought about in the meantime.
func TestEditAfterAPause(t *testing.T) {
	t.Parallel()
	var ref string
	var once atomic.Bool
	busy := quirks.When(func(r *http.Request) bool {
		return quirks.IsTagPut(r) && r.Header.Get("User-Agent") == "late" && once.CompareAndSwap(false, true)
	}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mustEdit(t, ref, addImage("riscv64"))
		w.Header().Set("Retry-After", "1")
		quirks.Error(w, http.StatusServiceUnavailable, "UNAVAILABLE", "busy", nil)
	})
	r := quirks.New(t, busy)
	ref = r.Host() + "/a/b:1"
	mustEdit(t, ref, addImage("amd64"))
	late := registry.New(registry.Options{UserAgent: "late"})
	if _, err := index.Edit(t.Context(), request(late, ref, addImage("arm64"))); err != nil {
		t.Fatal(err)
	}
	if archs, _ := state(t, ref); archs != " amd64 riscv64 arm64 " {
		t.Errorf("there are%s", archs)
	}
}

// TestEditDoesNotWriteBlindly: a tag that cannot be looked at is not written.
func TestEditDoesNotWriteBlindly(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotImplemented} {
		var on atomic.Bool
		r := quirks.New(t, quirks.When(func(r *http.Request) bool { return on.Load() && quirks.IsTag(r) && r.Method != http.MethodPut },
			func(w http.ResponseWriter, _ *http.Request) { quirks.Error(w, status, "DENIED", "no", nil) }))
		ref := r.Host() + "/a/b:1"
		mustEdit(t, ref, addImage("amd64"))
		before := r.Digest("a/b", "1")
		_, err := index.Edit(t.Context(), request(registry.New(registry.Options{}), ref, func(ctx context.Context, o *index.Staging, x *index.Index) (*index.Index, error) {
			on.Store(true)
			return addImage("arm64")(ctx, o, x)
		}))
		if err == nil || diag.IsInvalid(err) || r.Digest("a/b", "1") != before {
			t.Errorf("%d: error %v, the tag is at %s", status, err, r.Digest("a/b", "1"))
		}
	}
}

// TestEditThatCannotBeRepaired: an image that was added, overwritten, and whose
// place another writer has taken since, is an error.
func TestEditThatCannotBeRepaired(t *testing.T) {
	t.Parallel()
	r := quirks.New(t)
	ref := r.Host() + "/a/b:1"
	mustEdit(t, ref, addImage("amd64"))
	calls := 0
	_, err := index.Edit(t.Context(), request(registry.New(registry.Options{}), ref, func(ctx context.Context, o *index.Staging, x *index.Index) (*index.Index, error) {
		if calls++; calls > 1 {
			return nil, diag.Invalidf("linux/arm64 is in the index already")
		}
		return addImage("arm64")(ctx, o, x)
	}))
	var written *index.WrittenError
	if !errors.As(err, &written) || diag.IsInvalid(err) || !strings.Contains(diag.Text(err), "overwritten") {
		t.Errorf("error is %v", err)
	}
}

// TestEditWithSlowReplicas: a tag that is read as it was before the write is not
// written over and over.
func TestEditWithSlowReplicas(t *testing.T) {
	t.Parallel()
	r := quirks.New(t, quirks.Stale(2))
	ref := r.Host() + "/a/b:1"
	if _, err := index.Edit(t.Context(), request(registry.New(registry.Options{}), ref, addImage("amd64"))); err != nil {
		t.Error(err)
	}
	if n := len(r.Requests("PUT", "/manifests/1")); n != 1 {
		t.Errorf("the tag was written %d times", n)
	}
}

// TestEditAgain: what is there already is not written.
func TestEditAgain(t *testing.T) {
	t.Parallel()
	r := quirks.New(t)
	ref := r.Host() + "/a/b:1"
	mustEdit(t, ref, addImage("amd64"))
	result, err := index.Edit(t.Context(), request(registry.New(registry.Options{}), ref, addImage("amd64")))
	if err != nil || !result.Unchanged || len(result.Published) != 1 {
		t.Errorf("%+v, error %v", result, err)
	}
	if n := len(r.Requests("PUT", "/manifests/1")); n != 1 {
		t.Errorf("the tag was written %d times", n)
	}
}

// TestEditFinishesWhatItWrote: an interrupt right after the write does not hide
// that there was one.
func TestEditFinishesWhatItWrote(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := quirks.New(t, quirks.Middleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			if quirks.IsTagPut(r) {
				cancel()
			}
		})
	}))
	ref := r.Host() + "/a/b:1"
	result, err := index.Edit(ctx, request(registry.New(registry.Options{}), ref, addImage("amd64")))
	if err != nil || len(result.Published) != 1 || r.Digest("a/b", "1") != result.Root.Digest {
		t.Errorf("%+v, error %v", result, err)
	}
}
