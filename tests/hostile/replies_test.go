package hostile_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/extpack/extpack/tests/plugintest"
)

// replyTexts are texts that a registry may put where a person reads them.
var replyTexts = map[string]string{
	"escapes":        "\x1b]0;owned\a\x1b[2J\x1b[31mdenied",
	"C1 escapes":     "\u009b31mdenied\u009d0;owned\u009c",
	"carriage":       "denied\rverified acme/demo@1.0.0: 2 platforms",
	"lines":          "denied\nregistry.example/acme/demo:1@sha256:" + strings.Repeat("0", 64),
	"bidirectional":  "denied \u202e\u2066reversed\u2069",
	"line separator": "denied\u2028again\u2029",
	"no UTF-8":       "denied \xff\xfe\x80",
	"long":           "denied " + strings.Repeat("x", 3<<20),
	"markup":         "<script>alert(1)</script>%s%n{{.ID}}",
}

// reply is what a registry answers once it knows its client.
type reply func(w http.ResponseWriter, r *http.Request)

// errorBody is the error of a registry (distribution-spec, "Error Codes") with
// text at one of its places.
func errorBody(place, text string) []byte {
	fields := map[string]any{"code": "DENIED", "message": "denied"}
	fields[place] = text
	data, err := json.Marshal(map[string]any{"errors": []any{fields}})
	if err != nil {
		panic(err) // strings can be marshaled
	}
	return data
}

func answer(status int, header http.Header, body []byte) reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

// hostileReplies returns answers by name. Those that lead elsewhere lead to other.
func hostileReplies(other string) map[string]reply {
	out := map[string]reply{}
	for name, text := range replyTexts {
		for _, place := range []string{"code", "message", "detail"} {
			for _, status := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound} {
				out[fmt.Sprintf("%s in the %s of %d", name, place, status)] = answer(status, nil, errorBody(place, text))
			}
		}
		out[name+" as the body"] = answer(http.StatusForbidden, nil, []byte(text))
		for _, media := range []string{"application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"} {
			out[name+" as "+media] = answer(http.StatusOK, http.Header{"Content-Type": {media}}, []byte(text))
			out[name+" in an annotation of "+media] = answer(http.StatusOK, http.Header{"Content-Type": {media}}, toJSON(map[string]any{
				"schemaVersion": 2, "mediaType": media, "annotations": map[string]string{text: text}, "config": map[string]any{"mediaType": text, "digest": text, "size": -1},
			}))
		}
	}
	deep := strings.Repeat(`{"a":`, 1<<17)
	index := http.Header{"Content-Type": {"application/vnd.oci.image.index.v1+json"}}
	out["deep JSON"] = answer(http.StatusOK, index, []byte(deep))
	out["deep JSON of an error"] = answer(http.StatusForbidden, nil, []byte(`{"errors":[{"detail":`+deep))
	out["an index without end"] = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}
	out["an error without end"] = func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(strings.Repeat("x", 1<<16))); err != nil {
				return
			}
		}
	}
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		for _, to := range []string{"http://" + other + "/v2/", "http://user:pass@" + other + "/", "file:///etc/passwd", "gopher://" + other, "//" + other + "/x", "http://[::1"} {
			out[fmt.Sprintf("%d to %.20q", status, to)] = answer(status, http.Header{"Location": {to}}, nil)
		}
	}
	for _, realm := range []string{"http://user:pass@" + other + "/token", "file:///etc/passwd", "ftp://" + other, "", "//" + other + "/token", "http://[::1"} {
		challenge := fmt.Sprintf("Bearer realm=%q,service=\"x\",scope=\"repository:x:pull\"", realm)
		out[fmt.Sprintf("a token from %.20q", realm)] = answer(http.StatusUnauthorized, http.Header{"Www-Authenticate": {challenge}}, nil)
	}
	return out
}

// TestRepliesOfRegistries: for each response of a registry, the command ends with an
// error that is fit for a terminal, within its memory, and no other origin
// receives the registry's password.
func TestRepliesOfRegistries(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"extension.toml": descriptor("acme/demo", "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"),
		"bin/generate":   "#!/bin/sh\n",
	})
	other := newListener(t)
	t.Cleanup(func() {
		if _, found := other.received(); len(found) > 0 {
			t.Errorf("another origin received %v", found)
		}
	})
	replies, cases := hostileReplies(other.addr()), 0
	for i, name := range slices.Sorted(maps.Keys(replies)) {
		if !full && i%4 != 0 {
			continue
		}
		cases++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Header.Get("Authorization") == "":
					w.Header().Set("Www-Authenticate", `Basic realm="registry"`)
					w.WriteHeader(http.StatusUnauthorized)
				case r.URL.Path == "/v2/":
				case r.Method == http.MethodHead:
					w.WriteHeader(http.StatusForbidden) // writes would be discarded without end
				default:
					replies[name](w, r)
				}
			}))
			defer registry.Close()
			host := strings.TrimPrefix(registry.URL, "http://")
			config := t.TempDir()
			writeFiles(t, config, map[string]string{
				"config.json": `{"auths": {"` + host + `": {"auth": "` + base64.StdEncoding.EncodeToString([]byte("user:"+registryCanary)) + `"}}}`,
			})
			ref := host + "/acme/demo:1"
			commands := [][]string{
				{"inspect", ref},
				{"verify", ref},
				{"index", "create", "-o", "x.cnb", ref},
				{"build", dir, "--engine", "embedded", "--push", "-t", ref},
				{"register", "--print", ref},
				{"run-image", ref},
				{"annotate", ref},
				{"index", "add", ref, ref},
				{"index", "remove", ref, "linux/amd64"},
				{"build", dir, "--engine", "embedded", "--push", "--append", "--target", "linux/arm64", "-t", ref},
				{"lint", ref},
			}
			if !full {
				commands = [][]string{commands[i/4%len(commands)], commands[(i/4+4)%len(commands)], commands[(i/4+8)%len(commands)]}
			}
			for _, args := range commands {
				r := runPlugin(t, t.TempDir(), []string{"DOCKER_CONFIG=" + config}, args...)
				if r.code != 1 && r.code != 2 {
					t.Errorf("%s: exit code %d\n%s%.2000s", args[0], r.code, r.stdout, r.stderr)
				}
				if at := strings.IndexFunc(r.stdout+r.stderr, unfit); at >= 0 || !utf8.ValidString(r.stdout+r.stderr) {
					t.Errorf("%s: prints what is not fit for a terminal: %.500q", args[0], (r.stdout + r.stderr)[max(at-40, 0):])
				}
				if n := len(r.stdout) + len(r.stderr); n > 64<<10 {
					t.Errorf("%s: prints %d bytes", args[0], n)
				}
				for _, p := range plugintest.Repetitions(r.stderr) {
					t.Errorf("%s: %s", args[0], p)
				}
				if r.memory > maxMemory {
					t.Errorf("%s: takes %d MiB", args[0], r.memory)
				}
			}
		})
	}
	t.Logf("%d of %d replies", cases, len(replies))
}

// TestUnreachable: every command that reads or writes a package names the registry
// that cannot be reached, says it once, and adds a hint on a separate line.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"extension.toml": descriptor("acme/demo", ""), "bin/generate": "#!/bin/sh\n"})
	for _, host := range []string{"127.0.0.1:1", "localhost:1", "registry.invalid"} {
		ref := host + "/acme/demo:1"
		for _, args := range [][]string{
			{"build", dir, "--engine", "embedded", "--push", "-t", ref},
			{"build", dir, "--engine", "embedded", "--push", "--append", "--target", "linux/amd64", "-t", ref},
			{"verify", ref},
			{"inspect", ref},
			{"annotate", ref},
			{"run-image", ref},
			{"register", ref},
			{"index", "create", "-t", ref, ref},
			{"index", "add", ref, ref},
			{"index", "remove", ref, "linux/amd64"},
			{"index", "annotate", ref, "--index-annotation", "a=b"},
		} {
			r := runPlugin(t, t.TempDir(), []string{"DOCKER_CONFIG=" + dir}, args...)
			if r.code != 1 || !strings.Contains(r.stderr, host) || !strings.Contains(r.stderr, "\n  check ") {
				t.Errorf("%q: exit code %d\n%s", args, r.code, r.stderr)
			}
			for _, p := range plugintest.Repetitions(r.stderr) {
				t.Errorf("%q: %s", args, p)
			}
		}
	}
}

// unfit reports characters that a terminal acts on or that reverse the text.
func unfit(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}
