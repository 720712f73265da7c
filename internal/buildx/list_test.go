package buildx

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// answers is a fake buildx with a given output, for output that the real buildx
// of this version does not have.
type answers func(args []string) (string, error)

func (f answers) Output(_ context.Context, args ...string) ([]byte, error) {
	out, err := f(args)
	if err != nil {
		return nil, &RunError{Args: args, Stderr: diag.Text(err), Err: errors.New("exit status 1")}
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
	for name, want := range map[string]State{"a": Running, "b": Unreachable, "c": Inactive} {
		if b := Find(list, name); b.State(b.Nodes[0]) != want || b.Usable() != (want != Unreachable) {
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
	if err == nil || diag.Text(err) != "listing builders: buildx ls: no such" {
		t.Error(err)
	}
	_, err = List(t.Context(), answers(func([]string) (string, error) { return "", stderr("ERROR: no builder \"ctx\" found\n") }))
	if err == nil || !strings.HasPrefix(diag.Text(err), "listing builders: docker context \"ctx\" not found\n  run \"docker context ls\"") {
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
	if diag.Text(err) != "buildx create: panic: assignment to entry in nil map" {
		t.Error(err)
	}
}
