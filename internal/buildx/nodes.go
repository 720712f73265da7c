package buildx

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Contexts are the docker contexts, which are builders too.
type Contexts struct {
	// Current is the name of the current context.
	Current string
	// Hosts are the addresses of the engines by context.
	Hosts map[string]string
}

// defaultContext is the name of the context of DOCKER_HOST.
const defaultContext = "default"

// endpoint returns the key under which "buildx use" notes the selected builder:
// the name of the context or, for the default one, the address of its engine.
func (c Contexts) endpoint() string {
	if c.Current != "" && c.Current != defaultContext {
		return c.Current
	}
	return c.Hosts[defaultContext]
}

// group is a builder in the state files of buildx.
type group struct {
	Nodes []struct{ Endpoint string }
}

// HasNodes reports whether the builder called name, or the selected one, has
// several nodes. It reads the state files of buildx, because running buildx
// takes as long as a small build, and 20 seconds if a node is unreachable.
func (b *Client) HasNodes(name string) bool {
	var g group
	name = b.builderName(name)
	return name != "" && readJSON(b.stateFile("instances", name), &g) && len(g.Nodes) > 1
}

// builderName returns the name of the builder that a build with --builder name
// uses, or "" for that of the current docker context.
//
// buildx's own package for these files is not linked, because it imports
// BuildKit's client (store/store.go, Current).
func (b *Client) builderName(name string) string {
	if name = cmp.Or(name, b.Selected()); name != "" {
		return name
	}
	key := b.Contexts.endpoint()
	var current struct {
		Key, Name string
		Global    bool
	}
	exists := func(name string) bool {
		_, err := os.Stat(b.stateFile("instances", name))
		return err == nil
	}
	if readJSON(b.stateFile("current"), &current) && current.Name != "" {
		switch ok := exists(current.Name); {
		case ok && (current.Global || current.Key == key):
			return current.Name
		case current.Key == key:
			return ""
		}
	}
	data, err := os.ReadFile(b.stateFile("defaults", digest.FromString(key).Encoded()[:20]))
	if name := strings.TrimSpace(string(data)); err == nil && name != "" && exists(name) {
		return name
	}
	return ""
}

// stateFile returns the path of a state file of buildx. The last element may be
// what a user typed.
func (b *Client) stateFile(path ...string) string {
	path[len(path)-1] = filepath.Base(path[len(path)-1])
	return filepath.Join(append([]string{b.configDir()}, path...)...)
}

func readJSON(file string, v any) bool {
	data, err := os.ReadFile(file)
	return err == nil && json.Unmarshal(data, v) == nil
}

// envValue returns the value of an environment variable. As in exec, the last
// value of a name is used.
func envValue(env []string, name string) string {
	value := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// Names returns the builders in the state files of buildx in dir, sorted. It
// does not include those of docker contexts.
func Names(dir string) []string {
	entries, err := os.ReadDir(filepath.Join(dir, "instances"))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}
