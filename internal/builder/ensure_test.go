package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
)

// store is a buildx that keeps its builders in memory. Nodes at endpoints in
// down do not respond, and the first command that begins with fails ends with an
// error.
type store struct {
	builders []buildx.Builder
	down     map[string]bool
	fails    string
	commands []string
}

func (s *store) Output(_ context.Context, args ...string) ([]byte, error) {
	line := strings.Join(args, " ")
	failed := func(stderr string) ([]byte, error) {
		return nil, &buildx.RunError{Args: args, Stderr: "ERROR: " + stderr, Err: errors.New("exit status 1")}
	}
	if args[0] != "ls" && line != "inspect" {
		s.commands = append(s.commands, line)
	}
	if s.fails != "" && strings.HasPrefix(line, s.fails) {
		s.fails = ""
		return failed("it failed")
	}
	var node buildx.Node
	var name, driver string
	var add, leave bool
	var rest []string
	for i := 1; i < len(args); i++ {
		value := func() string { i++; return args[i] }
		switch args[i] {
		case "--name":
			name = value()
		case "--node":
			node.Name = value()
		case "--driver":
			driver = value()
		case "--platform":
			node.Platforms = strings.Split(value(), ",")
		case "--driver-opt":
			key, value, _ := strings.Cut(strings.Trim(value(), `"`), "=")
			node.DriverOpts = map[string]string{key: value}
		case "--buildkitd-config":
			data, err := os.ReadFile(value())
			if err != nil {
				return nil, err
			}
			node.Files = map[string][]byte{configFile: data}
		case "--buildkitd-flags", "--format", "--timeout":
			value()
		case "--append":
			add = true
		case "--leave":
			leave = true
		case "--force", "--keep-state", "--keep-daemon", "--bootstrap", "--no-trunc":
		default:
			rest = append(rest, args[i])
		}
	}
	if len(rest) > 0 && args[0] == "create" {
		node.Endpoint = rest[0]
	}
	if len(rest) > 0 && args[0] != "create" {
		name = rest[0]
	}
	at := slices.IndexFunc(s.builders, func(b buildx.Builder) bool { return b.Name == name })
	switch args[0] {
	case "ls":
		return s.list(line)
	case "create":
		node.Status, node.Version = "running", "v0.33.0"
		if s.down[node.Endpoint] {
			node.Status = "inactive"
		}
		if at < 0 {
			s.builders = append(s.builders, buildx.Builder{Name: name, Driver: driver})
			at = len(s.builders) - 1
		} else if !add && !leave && s.builders[at].Node(node.Name) == nil {
			return failed("existing instance for " + name)
		}
		b := &s.builders[at]
		if old := b.Node(node.Name); old != nil && node.Platforms == nil {
			node.Platforms = old.Platforms // as buildx does
		}
		b.Nodes = slices.DeleteFunc(b.Nodes, func(n buildx.Node) bool { return n.Name == node.Name })
		if !leave {
			b.Nodes = append(b.Nodes, node)
		}
	case "rm":
		if at < 0 {
			return failed("no builder " + name)
		}
		s.builders = slices.Delete(s.builders, at, at+1)
	case "use":
		for i := range s.builders {
			s.builders[i].Current = i == at
		}
	}
	return nil, nil
}

func (s *store) list(line string) ([]byte, error) {
	var out []byte
	for _, b := range s.builders {
		if strings.Contains(line, "{{.Name}}") {
			out = fmt.Appendf(out, "%s\t\n", b.Name)
			for _, n := range b.Nodes {
				out = fmt.Appendf(out, "%s\t%s*\n", n.Name, strings.Join(n.Platforms, "*, "))
			}
			continue
		}
		data, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		out = append(append(out, data...), '\n')
	}
	return out, nil
}

// nodes returns the nodes of a builder, as "name driver endpoint".
func (s *store) nodes(name string) string {
	b := buildx.Find(s.builders, name)
	if b == nil {
		return "none"
	}
	var all []string
	for _, n := range b.Nodes {
		all = append(all, strings.Join(strings.Fields(n.Name+" "+b.Driver+" "+n.Endpoint+" "+strings.Join(n.Platforms, ",")), " "))
	}
	return strings.Join(all, "; ")
}

func options(t *testing.T) Options {
	t.Helper()
	return Options{Name: "x", Driver: buildx.DriverContainer, StateDir: t.TempDir(), Log: t.Logf}
}

// TestEnsure runs Ensure twice: the second time nothing changes.
func TestEnsure(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		have   []buildx.Builder
		change func(o *Options)
		want   string
		config string
		opt    string
	}{
		"container":        {nil, func(*Options) {}, "x0 docker-container", "", ""},
		"driver of engine": {[]buildx.Builder{{Name: "default", Driver: buildx.DriverDocker, Nodes: []buildx.Node{{Status: "running"}}}}, func(o *Options) { o.Driver, o.Context = "", "default" }, "x0 docker-container", "", ""},
		"native": {
			nil, func(o *Options) { o.Native = []Native{{"linux/arm64", "ssh://u@h"}} },
			"x0 docker-container; x-arm64 docker-container ssh://u@h linux/arm64", "", "",
		},
		"registry": {nil, func(o *Options) { o.Registries = []Registry{{"127.0.0.1:5000", ModeHTTP}} }, "x0 docker-container", "http = true", "host"},
		"registry added": {
			[]buildx.Builder{{Name: "x", Driver: buildx.DriverContainer, Nodes: []buildx.Node{{Name: "x0", Status: "running", Platforms: []string{"linux/amd64"}}}}},
			func(o *Options) { o.Registries = []Registry{{"h.test", ModeInsecure}} }, "x0 docker-container linux/amd64", "insecure = true", "",
		},
		"node moved": {
			[]buildx.Builder{{Name: "x", Driver: buildx.DriverContainer, Nodes: []buildx.Node{{Name: "x0", Status: "running"}, {Name: "x-arm64", Endpoint: "ssh://old", Status: "running", Platforms: []string{"linux/arm64"}}}}},
			func(o *Options) { o.Native = []Native{{"linux/arm64", "ssh://new"}} },
			"x0 docker-container; x-arm64 docker-container ssh://new linux/arm64", "", "",
		},
		"foreign remote": {
			[]buildx.Builder{{Name: "x", Driver: buildx.DriverRemote, Nodes: []buildx.Node{{Name: "x0", Endpoint: "tcp://h:1", Status: "running"}}}},
			func(o *Options) { o.Driver = "" }, "x0 remote tcp://h:1", "", "",
		},
		"bootstrap and use": {nil, func(o *Options) { o.Bootstrap, o.Use = true, true }, "x0 docker-container", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o := &store{builders: tt.have}, options(t)
			tt.change(&o)
			changed, err := Ensure(t.Context(), s, o)
			if err != nil || changed != (name != "foreign remote") {
				t.Fatalf("got %v, %v after %q", changed, err, s.commands)
			}
			if got := s.nodes("x"); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			n := buildx.Find(s.builders, "x").Nodes[0]
			if !strings.Contains(string(n.Files[configFile]), tt.config) || n.DriverOpts["network"] != tt.opt {
				t.Errorf("got %s and %v", n.Files[configFile], n.DriverOpts)
			}
			if b := buildx.Find(s.builders, ""); (b != nil && b.Name == "x") != o.Use {
				t.Errorf("the current builder is %+v", b)
			}
			o.Bootstrap = false
			if changed, err := Ensure(t.Context(), s, o); err != nil || changed {
				t.Errorf("the second time: %v, %v after %q", changed, err, s.commands)
			}
		})
	}
}

// TestEnsureRollsBack checks that a failure leaves the builders as they were.
func TestEnsureRollsBack(t *testing.T) {
	t.Parallel()
	builder := func(driver string) []buildx.Builder {
		return []buildx.Builder{{Name: "x", Driver: driver, Nodes: []buildx.Node{{Name: "x0", Status: "running"}, {Name: "x-arm64", Endpoint: "ssh://old", Status: "running", Platforms: []string{"linux/arm64"}}}}}
	}
	for name, tt := range map[string]struct {
		have   []buildx.Builder
		fails  string
		change func(o *Options)
		want   string
	}{
		"creation":  {nil, "create", func(*Options) {}, "creating the builder x"},
		"bootstrap": {nil, "inspect", func(o *Options) { o.Bootstrap = true }, "starting the builder x"},
		"native":    {nil, "create --name x --append", func(o *Options) { o.Native = []Native{{"linux/arm64", "ssh://new"}} }, "adding ssh://new for linux/arm64"},
		"unreachable": {
			builder(buildx.DriverRemote), "", func(o *Options) { o.Driver, o.Native = "", []Native{{"linux/arm64", "tcp://down:1"}} },
			"the node x-arm64 of the builder x at tcp://down:1 does not respond",
		},
		"recreation": {builder(buildx.DriverContainer), "create --name x --append", func(o *Options) { o.Driver, o.Registries = "", []Registry{{"h.test", ModeHTTP}} }, "creating the builder x"},
		"use":        {nil, "use", func(o *Options) { o.Use = true }, "selecting the builder x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o := &store{builders: tt.have, fails: tt.fails, down: map[string]bool{"tcp://down:1": true}}, options(t)
			tt.change(&o)
			before := s.nodes("x")
			_, err := Ensure(t.Context(), s, o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if after := s.nodes("x"); after != before {
				t.Errorf("got %s, before it was %s, after %q", after, before, s.commands)
			}
			if _, err := os.Stat(filepath.Join(o.StateDir, "x")); err == nil && tt.have == nil {
				t.Error("the folder is left")
			}
		})
	}
}

func TestEnsureRefuses(t *testing.T) {
	t.Parallel()
	for want, tt := range map[string]struct {
		have   []buildx.Builder
		change func(o *Options)
	}{
		"reserves the name":                 {nil, func(o *Options) { o.Name = "default" }},
		"is not a valid builder name":       {nil, func(o *Options) { o.Name = "Upper" }},
		`--driver "kubernetes"`:             {nil, func(o *Options) { o.Driver = "kubernetes" }},
		"--native names linux/arm64 twice":  {nil, func(o *Options) { o.Native = []Native{{"linux/arm64", "a"}, {"linux/arm64", "b"}} }},
		"--registry names h twice":          {nil, func(o *Options) { o.Registries = []Registry{{"h", ModeHTTP}, {"h", ModeInsecure}} }},
		"cannot be repaired here":           {[]buildx.Builder{{Name: "x", Driver: "kubernetes"}}, func(*Options) {}},
		"x is a broken builder":             {[]buildx.Builder{{Name: "x"}}, func(*Options) {}},
		"has the driver remote, not docker": {[]buildx.Builder{{Name: "x", Driver: buildx.DriverRemote}}, func(*Options) {}},
		"points to tcp://h:1, which does not respond": {
			[]buildx.Builder{{Name: "x", Driver: buildx.DriverRemote, Nodes: []buildx.Node{{Endpoint: "tcp://h:1"}}}}, func(o *Options) { o.Driver = "" },
		},
		"cannot be configured from here": {
			[]buildx.Builder{{Name: "x", Driver: buildx.DriverRemote, Nodes: []buildx.Node{{Endpoint: "tcp://h:1", Status: "running"}}}},
			func(o *Options) { o.Driver, o.Registries = "", []Registry{{"h", ModeHTTP}} },
		},
		"has files besides its configuration": {
			[]buildx.Builder{{Name: "x", Driver: buildx.DriverContainer, Nodes: []buildx.Node{{Name: "x0", Files: map[string][]byte{"certs/ca.pem": nil}}}}},
			func(o *Options) { o.Registries = []Registry{{"h", ModeHTTP}} },
		},
	} {
		s, o := &store{builders: tt.have}, options(t)
		tt.change(&o)
		changed, err := Ensure(t.Context(), s, o)
		if err == nil || changed || !strings.Contains(err.Error(), want) || len(s.commands) > 0 {
			t.Errorf("got %v, %v after %q, want %s", changed, err, s.commands, want)
		}
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	s, o := &store{}, options(t)
	if found, err := Remove(t.Context(), s, o); found || err != nil {
		t.Errorf("without a builder: %v, %v", found, err)
	}
	s.builders = []buildx.Builder{{Name: "x", Driver: buildx.DriverContainer}}
	if found, err := Remove(t.Context(), s, o); found || !diag.IsInvalid(err) {
		t.Errorf("the builder of another: %v, %v", found, err)
	}
	s.builders = nil
	if _, err := Ensure(t.Context(), s, o); err != nil {
		t.Fatal(err)
	}
	if found, err := Remove(t.Context(), s, o); !found || err != nil || s.nodes("x") != "none" {
		t.Errorf("got %v, %v, and %s", found, err, s.nodes("x"))
	}
	if _, err := os.Stat(filepath.Join(o.StateDir, "x")); err == nil {
		t.Error("the folder is left")
	}
	if _, err := Ensure(t.Context(), s, o); err != nil {
		t.Fatal(err)
	}
	s.fails = "rm"
	if found, err := Remove(t.Context(), s, o); !found || err == nil || !strings.Contains(err.Error(), "removing the builder x") {
		t.Errorf("got %v, %v", found, err)
	}
}
