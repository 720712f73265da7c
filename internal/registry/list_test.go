package registry

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	for name, page := range map[string]string{
		"without end": `{"tags":["a"]}`, "large": `{"tags":["` + strings.Repeat("x", 3<<20) + `"]}`, "many": `{"tags":[` + strings.Repeat(`"a",`, 500_000) + `"a"]}`,
	} {
		n := 0
		s.setFault(func(w http.ResponseWriter, _ *http.Request) bool {
			n++
			w.Header().Set("Link", fmt.Sprintf(`</v2/acme/tool/tags/list?last=%d>; rel="next"`, n))
			fmt.Fprint(w, page)
			return true
		})
		if tags, err := c.Tags(t.Context(), ref); !errors.Is(err, errManyTags) || tags != nil {
			t.Errorf("%s: got %d tags, %v", name, len(tags), err)
		}
		if n > maxTagPages || n > 20 && name != "without end" {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}
