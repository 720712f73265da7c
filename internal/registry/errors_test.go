package registry

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/extpack/extpack/internal/diag"
)

// TestErrorTexts has a registry fail in its own words.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status            int
		contentType, body string
		want, not         string
		hint              bool
	}{
		"control characters": {
			status: 403, contentType: "application/json",
			body: `{"errors":[{"code":"DENIED","message":"\u001b]0;owned\u0007 no\r\n\u202eentry"}]}`,
			want: "denied: ]0;owned no entry", hint: true,
		},
		"malformed":  {status: 401, contentType: "application/json", body: "{\x1b[2J", want: "401 Unauthorized", not: "[2J", hint: true},
		"plain text": {status: 400, contentType: "text/plain", body: "no\x00 such\nthing", want: "400 Bad Request: no such thing"},
		"no code":    {status: 403, contentType: "application/json", body: `{"errors":[{"status":403,"message":"rejected"}]}`, want: "403 Forbidden: rejected", hint: true},
		"a string":   {status: 403, contentType: "application/json", body: `{"errors":"rejected"}`, want: "403 Forbidden: rejected", hint: true},
		"message":    {status: 403, contentType: "application/json", body: `{"status":403,"message":"rejected"}`, want: "403 Forbidden: rejected", hint: true},
		"problem":    {status: 400, contentType: "application/problem+json", body: `{"title":"Bad","detail":"rejected"}`, want: "400 Bad Request: rejected"},
		"OAuth":      {status: 400, contentType: "application/json", body: `{"error":"invalid_grant","error_description":"rejected"}`, want: "400 Bad Request: rejected"},
		"web page":   {status: 413, contentType: "text/html", body: "<html>", want: "413 Request Entity Too Large", not: "<html>"},
		"long":       {status: 400, contentType: "text/plain", body: strings.Repeat("x", 1<<20), want: "…", not: strings.Repeat("x", maxErrorText+1)},
	} {
		t.Run(name, func(t *testing.T) {
			s := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tc.contentType)
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			})
			client, _ := newTestClient(Options{})
			_, err := client.Open(t.Context(), s.ref(t, "acme/curl:1"))
			var (
				resp *ResponseError
				hint *diag.HintError
			)
			if !errors.As(err, &resp) || resp.StatusCode != tc.status {
				t.Fatalf("error %v contains no answer", err)
			}
			text := diag.Text(err)
			if !strings.Contains(text, tc.want) || (tc.not != "" && strings.Contains(text, tc.not)) {
				t.Errorf("error is %q, want %q in it and %q not", text, tc.want, tc.not)
			}
			if strings.ContainsAny(text, "\x1b\x07\x00\r\u202e") {
				t.Errorf("error %q contains control characters", text)
			}
			if errors.As(err, &hint) != tc.hint || (tc.hint && !strings.Contains(hint.Hint, "docker login "+s.host())) {
				t.Errorf("hint is %+v", hint)
			}
		})
	}
}

// A registry's message often repeats its code.
func TestErrorIsSaidOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ code, message, want string }{
		{"MANIFEST_UNKNOWN", "manifest unknown", "manifest unknown"},
		{"MANIFEST_UNKNOWN", "OCI index found, but no child", "manifest unknown: OCI index found, but no child"},
		{"DENIED", "", "denied"},
	} {
		e := &ResponseError{}
		e.setErrors(errcode.Errors{{Code: c.code, Message: c.message}})
		if e.Message != c.want || !slices.Equal(e.Codes, []string{c.code}) {
			t.Errorf("%s %q is said as %q", c.code, c.message, e.Message)
		}
	}
}
