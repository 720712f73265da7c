package source

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
)

// TestBlame: a document beyond the limits is wrong input; a registry that fails,
// or whose answer is not what its digest says, is not.
func TestBlame(t *testing.T) {
	t.Chdir(t.TempDir())
	large := strings.Repeat("x", 5<<20)
	blob := v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromString("config"), Size: 6}
	layer := v1.Descriptor{MediaType: v1.MediaTypeImageLayerGzip, Digest: digest.FromString(large), Size: int64(len(large))}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
		switch tag := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]; tag {
		case "large":
			fmt.Fprintf(w, `{"schemaVersion":2,"annotations":{"x":%q}}`, large)
		case "other":
			w.Header().Set("Docker-Content-Digest", blob.Digest.String())
			fmt.Fprint(w, `{"schemaVersion":2}`)
		case "good":
			fmt.Fprint(w, `{"schemaVersion":2}`)
		case blob.Digest.String():
			fmt.Fprint(w, "other!")
		case layer.Digest.String():
			fmt.Fprint(w, strings.Repeat("y", 5<<20))
		default:
			http.Error(w, "no", http.StatusForbidden)
		}
	}))
	defer server.Close()
	name := strings.TrimPrefix(server.URL, "http://") + "/x:"
	client := registry.New(registry.Options{})
	for tag, invalid := range map[string]bool{"large": true, "other": false, "refused": false} {
		if _, err := Open(t.Context(), client, name+tag); err == nil || diag.IsInvalid(err) != invalid {
			t.Errorf("%s: %v", tag, err)
		}
	}
	s, err := Open(t.Context(), client, name+"good")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := oci.ReadConfig(t.Context(), s, blob); diag.IsInvalid(err) || !errors.Is(err, oci.ErrCorrupt) {
		t.Errorf("config: %v", err)
	}
	rc, err := s.Fetch(t.Context(), layer)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if _, err := io.Copy(io.Discard, rc); diag.IsInvalid(err) || !errors.Is(err, oci.ErrCorrupt) {
		t.Errorf("layer: %v", err)
	}
	refused := v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromString("refused"), Size: 7}
	if _, err := s.Exists(t.Context(), refused); err == nil || diag.IsInvalid(err) {
		t.Errorf("a refusal: %v", err)
	}
	if l, ok := s.ReadOnlyStorage.(registry.Locator); !ok {
		t.Error("the source does not tell where its content is")
	} else if ref, ok := l.Locate(blob); !ok || ref.String() != name+"good" {
		t.Errorf("it is said to be at %s", ref)
	}
}
