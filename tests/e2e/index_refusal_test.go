package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestIndexRefusals: one sentence, the right exit code, nothing written.
func TestIndexRefusals(t *testing.T) {
	t.Parallel()
	ref, single := tag(t, "1"), tag(t, "single")
	storeTwo(t, ref)
	mustExtpack(t, t.TempDir(), "build", example("hello"), "-q", "--target", "linux/amd64", "--single", "--push", "-t", single)
	// No registry takes it, so one that has it is made up.
	large := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
		_, _ = io.WriteString(w, `{"schemaVersion":2,"annotations":{"a":"`+strings.Repeat("x", 5<<20)+`"}}`)
	}))
	defer large.Close()
	huge := strings.TrimPrefix(large.URL, "http://") + "/huge:1"
	before, _ := get(t, ref, "manifests")
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"misspelt platform": {[]string{"remove", ref, "linux/s390"}, 2, "linux/s390"},
		"nonsense":          {[]string{"remove", ref, "amd64"}, 2, `"amd64" is not a platform`},
		"all of them":       {[]string{"remove", ref, "linux/amd64", "linux/arm64"}, 2, "would leave no platforms"},
		"single, annotate":  {[]string{"annotate", single, "--index-annotation", "a=b"}, 2, "is not an index"},
		"single, add":       {[]string{"add", single, ref}, 2, "docker extpack index create -t " + single},
		"no such tag":       {[]string{"remove", tag(t, "none"), "linux/arm64"}, 1, "404"},
		"no such source":    {[]string{"add", ref, tag(t, "none")}, 1, "404"},
		"no such file":      {[]string{"add", ref, "./none.cnb"}, 2, "does not exist"},
		"digest":            {[]string{"remove", ref + "@sha256:" + sha(before), "linux/arm64"}, 2, "cannot be modified"},
		"taken":             {[]string{"add", ref, single}, 2, "--replace"},
		"twice":             {[]string{"create", "-t", tag(t, "none"), ref, single}, 2, "linux/amd64 is both in"},
		"slot taken":        {[]string{"annotate", ref, "linux/arm64", "--arch", "amd64"}, 2, "twice"},
		"unknown arch":      {[]string{"annotate", ref, "linux/arm64", "--arch", "arm46"}, 2, "arm46"},
		"media types":       {[]string{"annotate", ref, "--media-types", "oic"}, 2, `"oic"`},
		"platform differs":  {[]string{"create", "-t", tag(t, "none"), "--platform", single + "=linux/arm64", single}, 2, "is for linux/amd64, not for linux/arm64"},
		"platform of what":  {[]string{"create", "-t", tag(t, "none"), "--platform", "x=linux/arm64", single}, 2, "source not found"},
		"nothing to do":     {[]string{"annotate", ref, "linux/arm64"}, 125, "no change to linux/arm64 was given"},
		"whose annotation":  {[]string{"annotate", ref, "--annotation", "a=b"}, 125, "no platform was given"},
		"nowhere":           {[]string{"create", ref}, 125, "no destination was given"},
		"too large":         {[]string{"add", huge, ref}, 2, "4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			r := extpack(t, t.TempDir(), append([]string{"index"}, tc.args...)...)
			if r.code != tc.code || !strings.Contains(r.stderr, tc.says) || r.stdout != "" {
				t.Errorf("exit code %d, stdout %q\n%s", r.code, r.stdout, r.stderr)
			}
		})
	}
	if after, _ := get(t, ref, "manifests"); sha(after) != sha(before) {
		t.Error("the index was written")
	}
}
