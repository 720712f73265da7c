package registry

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
)

func TestTags(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := New(Options{})
	ref, err := ParseReference(s.Listener.Addr().String() + "/acme/tool:1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if tags, err := c.Tags(t.Context(), ref); err != nil || tags != nil {
		t.Errorf("of no repository: %v, %v", tags, err)
	}
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v2/acme/tool/tags/list" {
			return false
		}
		last := r.URL.Query().Get("last")
		if last == "" {
			w.Header().Set("Link", `</v2/acme/tool/tags/list?last=b&n=2>; rel="next"`)
			fmt.Fprint(w, `{"name":"acme/tool","tags":["a","b"]}`)
			return true
		}
		fmt.Fprint(w, `{"name":"acme/tool","tags":["c"]}`)
		return true
	})
	tags, err := c.Tags(t.Context(), ref)
	if err != nil || !slices.Equal(tags, []string{"a", "b", "c"}) {
		t.Errorf("got %v, %v", tags, err)
	}
	s.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, `[]`)
		return true
	})
	if _, err := c.Tags(t.Context(), ref); err == nil {
		t.Error("a list of another form is taken")
	}
}
