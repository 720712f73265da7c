package builder

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
)

// answers is a fake buildx with a given output, for output that the real buildx
// of this version does not have.
type answers func(args []string) (string, error)

func (f answers) Output(_ context.Context, args ...string) ([]byte, error) {
	out, err := f(args)
	if err != nil {
		return nil, &buildx.RunError{Args: args, Stderr: diag.Text(err), Err: errors.New("exit status 1")}
	}
	return []byte(out), nil
}

func TestParseNative(t *testing.T) {
	for in, want := range map[string]Native{
		"arm64=ssh://u@h":                     {"linux/arm64", "ssh://u@h"},
		"linux/arm/v7=tcp://h:1":              {"linux/arm/v7", "tcp://h:1"},
		"aarch64=ctx":                         {"linux/arm64", "ctx"},
		"linux(24.04)/arm64:ubuntu@24.04=ctx": {"linux/arm64", "ctx"},
		"linux/amd64=tcp://h?a=b":             {"linux/amd64", "tcp://h?a=b"},
	} {
		if got, err := ParseNative(in); err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	if got := (Native{Platform: "linux/arm/v7"}).node("b"); got != "b-arm-v7" {
		t.Error(got)
	}
	for _, in := range []string{"", "arm64", "=x", "arm64=", "a b=x", "linux/=x", "a/b/c/d=x", "quantum=x"} {
		if got, err := ParseNative(in); !diag.IsInvalid(err) {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
}

func TestParseRegistry(t *testing.T) {
	asked := func(context.Context, string) (string, error) { return ModeInsecure, nil }
	for in, want := range map[string]Registry{
		"h:5000=http": {"h:5000", ModeHTTP}, "h=insecure": {"h", ModeInsecure},
		"h.example.com": {"h.example.com", ModeInsecure}, "[::1]:5000=http": {"[::1]:5000", ModeHTTP},
	} {
		if got, err := ParseRegistry(t.Context(), in, asked); err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "=http", "http://h", "h/repo", "h:port", "h=https", "h\n=http", "-h=http"} {
		if got, err := ParseRegistry(t.Context(), in, asked); !diag.IsInvalid(err) {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
}

// What a configuration says besides stays; what it says already is not added.
func TestConfigure(t *testing.T) {
	const old = "debug = true\n\n[worker.oci]\n  gckeepstorage = 9\n\n[registry.\"a:1\"]\n  mirrors = [\"m\"]\n  http = true\n"
	out, changed, err := configure([]byte(old), []Registry{{"a:1", ModeInsecure}, {"b", ModeHTTP}, {"c", ""}})
	if err != nil || !changed {
		t.Fatal(err)
	}
	doc, err := parseConfig(out)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(doc)
	const want = `{"debug":true,"registry":{"a:1":{"insecure":true,"mirrors":["m"]},"b":{"http":true}},"worker":{"oci":{"gckeepstorage":9}}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	again, changed, err := configure(out, []Registry{{"a:1", ModeInsecure}, {"b", ModeHTTP}})
	if err != nil || changed || string(again) != string(out) {
		t.Errorf("a second time: %v, %v\n%s", changed, err, again)
	}
	if Knows(out, Registry{"a:1", ModeHTTP}) || !Knows(out, Registry{"z", ""}) || Knows([]byte("="), Registry{"a:1", ModeHTTP}) {
		t.Error("Knows is wrong")
	}
	if _, _, err := configure([]byte("="), nil); err == nil {
		t.Error("a broken configuration was read")
	}
}

func TestSnippet(t *testing.T) {
	got := Snippet([]Registry{{"b", ModeHTTP}, {"a:1", ModeInsecure}, {"c", ""}})
	if want := `[registry."a:1"] insecure = true, [registry."b"] http = true`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Only the socket of a daemon in our own folder is ours.
func TestLocalRoot(t *testing.T) {
	for endpoint, want := range map[string]string{
		"unix:///s/x/buildkitd.sock":   "/s/x/root",
		"unix:///s/x/y/buildkitd.sock": "",
		"unix:///s/x/other.sock":       "",
		"tcp:///s/x/buildkitd.sock":    "",
		"unix:///s/../x":               "",
	} {
		if got, ok := LocalRoot("/s", endpoint); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", endpoint, got, ok)
		}
	}
}

// What stays on other machines is named with the commands that take it away.
func TestLeftBehind(t *testing.T) {
	b := &buildx.Builder{Name: "b", Driver: buildx.DriverContainer, Nodes: []buildx.Node{
		{Name: "b0", Endpoint: "desktop-linux", Status: "running"},
		{Name: "b-arm64", Endpoint: "ssh://arm.test", Err: "refused"},
		{Name: "b-s390x", Endpoint: "mainframe", Err: "refused"},
	}}
	want := "removing the builder b: it was removed, except for the containers of nodes that do not respond: b-arm64 at ssh://arm.test: refused, b-s390x at mainframe: refused\n" +
		"  when they respond again, run: docker --host ssh://arm.test rm --force buildx_buildkit_b-arm64 && docker --host ssh://arm.test volume rm buildx_buildkit_b-arm64_state; " +
		"docker --context mainframe rm --force buildx_buildkit_b-s390x && docker --context mainframe volume rm buildx_buildkit_b-s390x_state"
	if err := leftBehind(b, errors.New("exit status 1")); diag.Text(err) != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
