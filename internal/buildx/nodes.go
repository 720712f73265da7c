package buildx

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// HasNodes reports whether the builder called name, or the current one, may have
// several nodes. Asking buildx takes as long as a small build, and twenty seconds
// when a node is dead, so its own notes are read. They do not say for sure which
// builder is current; one with several nodes among those it may be is enough, as
// building platform by platform is right everywhere, only slower.
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

// candidates returns the builders that a build may use: the one that is named, or
// any that "buildx use" has selected for some docker endpoint.
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

// envValue returns the value of an environment variable; of a name given twice
// the last counts, as for exec.
func envValue(env []string, name string) string {
	value := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// Names returns the builders in buildx's notes, sorted; dir is the folder of the
// notes. Those of docker contexts have none.
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
