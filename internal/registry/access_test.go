package registry

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/internal/diag"
)

func mustTag(t *testing.T, s string) Reference {
	t.Helper()
	ref, err := ParseTag(s)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// The upload is begun and cancelled: nothing stays, not even a session.
func TestCheckPushWritesNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	host := strings.TrimPrefix(s.URL, "http://")
	access, err := New(Options{}).CheckPush(t.Context(), mustTag(t, host+"/acme/x:1"))
	if err != nil || !access.PlainHTTP || access.Untrusted || access.Local.IsZero() {
		t.Errorf("%+v, %v", access, err)
	}
	if skew := access.Local.Sub(access.Date); skew < -2*time.Second || skew > 2*time.Second {
		t.Errorf("the registry's clock is %v off", skew)
	}
	var writes []string
	for _, request := range s.take() {
		if !strings.HasPrefix(request, "GET ") {
			writes = append(writes, strings.Split(request, "?")[0])
		}
	}
	if len(writes) != 2 || writes[0] != "POST /v2/acme/x/blobs/uploads/" || !strings.HasPrefix(writes[1], "DELETE /v2/acme/x/blobs/uploads/") {
		t.Errorf("requests: %q", writes)
	}
}

func TestCheckPushRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	host := strings.TrimPrefix(s.URL, "http://")
	s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"errors":[{"code":"DENIED","message":"not \u001b[31myours"}]}`))
			return true
		}
		return false
	})
	access, err := New(Options{}).CheckPush(t.Context(), mustTag(t, host+"/acme/x:1"))
	var hint *diag.HintError
	if !errors.Is(err, ErrUnauthorized) || !errors.As(err, &hint) || !strings.Contains(hint.Hint, "docker login "+host) {
		t.Errorf("%v", err)
	}
	if strings.Contains(diag.Text(err), "\x1b") || access.Date.IsZero() {
		t.Errorf("%q, %+v", err, access)
	}
}

// Some registries cancel nothing, and one that points elsewhere is not followed.
func TestCheckPushCancelsAtHomeOnly(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("followed to %s %s", r.Method, r.URL)
	}))
	defer elsewhere.Close()
	for _, location := range []string{elsewhere.URL + "/upload", "", "::"} {
		s := newServer(t)
		s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusAccepted)
			return true
		})
		host := strings.TrimPrefix(s.URL, "http://")
		if _, err := New(Options{}).CheckPush(t.Context(), mustTag(t, host+"/acme/x:1")); err != nil {
			t.Errorf("Location %q: %v", location, err)
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	plain := newServer(t)
	secure := httptest.NewTLSServer(plain.app)
	defer secure.Close()
	secure.Config.ErrorLog = nil
	for _, tc := range []struct {
		url  string
		want Access
	}{{plain.URL, Access{PlainHTTP: true}}, {secure.URL, Access{Untrusted: true}}} {
		_, host, _ := strings.Cut(tc.url, "://")
		got, err := New(Options{}).Probe(t.Context(), host)
		if err != nil || got.PlainHTTP != tc.want.PlainHTTP || got.Untrusted != tc.want.Untrusted {
			t.Errorf("%s: %+v, %v", tc.url, got, err)
		}
	}
	if access, err := New(Options{}).Probe(t.Context(), "localhost:1"); err == nil {
		t.Errorf("a closed port is %+v", access)
	}
	if _, err := New(Options{}).CheckPush(t.Context(), mustTag(t, strings.TrimPrefix(secure.URL, "https://")+"/acme/x:1")); err == nil {
		t.Error("an untrusted certificate was taken")
	}
}
