package builder

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// answers is a buildx that says what it was told, for what a real one of this
// version does not say.
type answers func(args []string) (string, error)

func (f answers) Output(_ context.Context, args ...string) ([]byte, error) {
	out, err := f(args)
	if err != nil {
		return nil, &RunError{Args: args, Stderr: err.Error(), Err: errors.New("exit status 1")}
	}
	return []byte(out), nil
}

// stderr is what it writes to standard error before it fails.
type stderr string

func (s stderr) Error() string { return string(s) }

// A buildx before 0.32 does not know --timeout.
func TestListWithAnOldBuildx(t *testing.T) {
	var calls []string
	list, err := List(t.Context(), answers(func(args []string) (string, error) {
		calls = append(calls, strings.Join(args, " "))
		if slices.Contains(args, "--timeout") {
			return "", stderr("unknown flag: --timeout\nSee 'buildx ls --help'.")
		}
		return `{"Name":"a","Driver":"remote","Err":{},"Nodes":[{"Status":"running","Err":null}]}
{"Name":"b","Driver":"docker-container","Current":true,"Err":{"x":1},"Nodes":[{"Status":"inactive"}]}
{"Name":"c","Driver":"docker-container","Nodes":[{"Name":"c0","Status":"stopped","Err":""}]}`, nil
	}))
	if err != nil || len(calls) != 2 || calls[1] != "ls --format json" {
		t.Fatalf("%v, %q", err, calls)
	}
	for name, want := range map[string]State{"a": Running, "b": Dead, "c": Asleep} {
		if b := Find(list, name); b.State(b.Nodes[0]) != want || b.Usable() != (want != Dead) {
			t.Errorf("%s is %d", name, b.State(b.Nodes[0]))
		}
	}
	if b := Find(list, ""); b == nil || b.Name != "b" {
		t.Errorf("current is %+v", b)
	}
	if Find(list, "d") != nil || list[2].Node("c0") == nil || list[2].Node("c1") != nil {
		t.Error("found what is not there, or not what is")
	}
}

// One before 0.24 or so lists the current builder twice and does not say that it
// is the current one.
func TestListWithoutCurrent(t *testing.T) {
	for said, want := range map[string]string{"Name:          b\nDriver:        remote\n": "b", "Name: gone\n": "", "": ""} {
		list, err := List(t.Context(), answers(func(args []string) (string, error) {
			switch {
			case args[0] == "ls":
				return `{"Name":"b","Driver":"remote","Nodes":[]} {"Name":"b","Driver":"remote","Nodes":[]} {"Name":"default","Driver":"docker","Nodes":[]}`, nil
			case said == "":
				return "", stderr("ERROR: no builder \"x\" found")
			}
			return said, nil
		}))
		if err != nil || len(list) != 2 {
			t.Fatalf("%v, %+v", err, list)
		}
		if b := Find(list, ""); (b == nil) != (want == "") || b != nil && b.Name != want {
			t.Errorf("%q: current is %+v", said, b)
		}
	}
}

func TestListFails(t *testing.T) {
	for _, out := range []string{"{", "not JSON", `{"Nodes":3}`} {
		if _, err := List(t.Context(), answers(func([]string) (string, error) { return out, nil })); err == nil {
			t.Errorf("%s was read", out)
		}
	}
	_, err := List(t.Context(), answers(func([]string) (string, error) { return "", stderr("#1 progress\nERROR: no such\n") }))
	if err == nil || err.Error() != "listing builders: buildx ls: no such" {
		t.Error(err)
	}
	_, err = List(t.Context(), answers(func([]string) (string, error) { return "", stderr("ERROR: no builder \"ctx\" found\n") }))
	if err == nil || !strings.HasPrefix(err.Error(), "listing builders: there is no docker context \"ctx\"\n  run \"docker context ls\"") {
		t.Error(err)
	}
}

// buildx passes over a node with an error and fails for one that is mute.
func TestUsable(t *testing.T) {
	running, failing, mute := Node{Status: "running"}, Node{Err: "x"}, Node{Status: "inactive"}
	for _, tc := range []struct {
		driver string
		nodes  []Node
		want   bool
	}{
		{DriverRemote, []Node{running}, true},
		{DriverRemote, []Node{running, failing}, true},
		{DriverRemote, []Node{running, mute}, false},
		{DriverContainer, []Node{mute}, true},
		{DriverContainer, []Node{failing}, false},
		{DriverRemote, nil, false},
		{"", []Node{mute}, false},
	} {
		if b := (&Builder{Driver: tc.driver, Nodes: tc.nodes}); b.Usable() != tc.want {
			t.Errorf("%+v: usable is %v", b, !tc.want)
		}
	}
}

func TestRunErrorNamesAPanic(t *testing.T) {
	err := &RunError{Args: []string{"create"}, Stderr: "panic: assignment to entry in nil map\n\ngoroutine 1 [running]:\n", Err: errors.New("exit status 2")}
	if err.Error() != "buildx create: panic: assignment to entry in nil map" {
		t.Error(err)
	}
}

func TestParseNative(t *testing.T) {
	for in, want := range map[string]Native{
		"arm64=ssh://u@h":         {"linux/arm64", "ssh://u@h"},
		"linux/arm/v7=tcp://h:1":  {"linux/arm/v7", "tcp://h:1"},
		"aarch64=ctx":             {"linux/arm64", "ctx"},
		"linux/amd64=tcp://h?a=b": {"linux/amd64", "tcp://h?a=b"},
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
	b := &Builder{Name: "b", Driver: DriverContainer, Nodes: []Node{
		{Name: "b0", Endpoint: "desktop-linux", Status: "running"},
		{Name: "b-arm64", Endpoint: "ssh://arm.test", Err: "refused"},
		{Name: "b-s390x", Endpoint: "mainframe", Err: "refused"},
	}}
	want := "removing the builder b: it is gone, but the containers of nodes that do not answer are left: b-arm64 at ssh://arm.test: refused, b-s390x at mainframe: refused\n" +
		"  when they answer again: docker --host ssh://arm.test rm --force buildx_buildkit_b-arm64 && docker --host ssh://arm.test volume rm buildx_buildkit_b-arm64_state; " +
		"docker --context mainframe rm --force buildx_buildkit_b-s390x && docker --context mainframe volume rm buildx_buildkit_b-s390x_state"
	if err := leftBehind(b, errors.New("exit status 1")); err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
