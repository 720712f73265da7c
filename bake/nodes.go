package bake

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/platform"
)

// spread gives each platform its own target where the builder has several
// nodes. buildx sends a platform to the node that has it, but refuses to export
// a layout for a target that needs two ("oci for multi-node builds currently
// not supported", buildx build/build.go, prepareMultiDriverExports). The
// targets of one platform are in the file in any case.
func (e *Engine) spread(targets []Target) (all []Target, differ bool) {
	several := false
	for _, t := range targets {
		several = several || len(t.Images) > 1 && !e.once(t)
	}
	if !several || !e.hasNodes() {
		return targets, false
	}
	for _, t := range targets {
		if e.once(t) {
			all = append(all, t)
			continue
		}
		all = append(all, t.each()...)
	}
	return all, true
}

// each gives a target for each image of t, the ones that build one platform.
func (t Target) each() []Target {
	var all []Target
	for _, i := range t.Images {
		one := Target{Name: t.Name, Extension: t.Extension, Images: []int{i}}
		if image := t.Extension.Images[i]; t.shared() && !platform.IsZero(image.Platform) {
			one.Name = platformName(t.Extension, image)
		}
		all = append(all, one)
	}
	return all
}

// hasNodes reports whether the builder may have several nodes. Asking buildx
// takes as long as a small build, and twenty seconds when a node is dead, so its
// own notes are read. They do not say for sure which builder is current; one
// with several nodes among those it may be is enough, as building platform by
// platform is right everywhere, only slower.
func (e *Engine) hasNodes() bool {
	dir := envValue(e.Env, "BUILDX_CONFIG")
	if dir == "" {
		dir = filepath.Join(envValue(e.Env, "DOCKER_CONFIG"), "buildx")
	}
	for _, name := range candidates(dir, e.Options.Builder, envValue(e.Env, "BUILDX_BUILDER")) {
		var group struct{ Nodes []struct{} }
		if readJSON(filepath.Join(dir, "instances", name), &group) && len(group.Nodes) > 1 {
			return true
		}
	}
	return false
}

// candidates gives the builders that a build may use: the one that is named, or
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

// envValue gives the value of an environment variable; of a name given twice
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
