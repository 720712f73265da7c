package buildx

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// HasNodes reports whether the builder called name, or the current one, may
// have several nodes. It reads the state files of buildx, because running
// buildx takes as long as a small build, and 20 seconds if a node is
// unreachable. The files do not determine the current builder; HasNodes returns
// true if any candidate has several nodes, because building platform by
// platform always works, but more slowly.
func (b *Client) HasNodes(name string) bool {
	dir := b.configDir()
	for _, candidate := range candidates(dir, name, envValue(b.Env, "BUILDX_BUILDER")) {
		var group struct{ Nodes []struct{} }
		if readJSON(filepath.Join(dir, "instances", candidate), &group) && len(group.Nodes) > 1 {
			return true
		}
	}
	return false
}

// candidates returns the builders that a build may use: the named one, or those
// that "buildx use" has selected for a docker endpoint.
func candidates(dir string, named ...string) []string {
	for _, name := range named {
		if name != "" {
			return []string{filepath.Base(name)}
		}
	}
	var names []string
	var current struct{ Name string }
	if readJSON(filepath.Join(dir, "current"), &current) && current.Name != "" {
		names = append(names, filepath.Base(current.Name))
	}
	defaults, _ := filepath.Glob(filepath.Join(dir, "defaults", "*"))
	for _, file := range defaults {
		if data, err := os.ReadFile(file); err == nil && len(data) > 0 {
			names = append(names, filepath.Base(strings.TrimSpace(string(data))))
		}
	}
	return names
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
