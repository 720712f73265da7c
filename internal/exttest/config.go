package exttest

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/dockerfile"
	"github.com/extpack/extpack/internal/runimage"
)

// config is the part of an image config that Dockerfiles of extensions change.
type config struct {
	user   string
	env    map[string]string
	labels map[string]string
	// rebasable is as the extender computes it: whether every Dockerfile says so.
	rebasable bool
}

func newConfig(c runimage.Config) config {
	out := config{user: c.User, env: map[string]string{}, labels: maps.Clone(c.Labels), rebasable: true}
	for _, kv := range c.Env {
		name, value, _ := strings.Cut(kv, "=")
		out.env[name] = value
	}
	if out.labels == nil {
		out.labels = map[string]string{}
	}
	return out
}

// apply applies the instructions of a Dockerfile to the config, as a builder
// does: no RUN can change it.
func (c *config) apply(f *dockerfile.File, args map[string]string) error {
	if len(f.Stages) == 0 {
		return nil
	}
	result, err := f.Config(len(f.Stages)-1, dockerfile.Config{User: c.user, Env: c.env, Labels: c.labels}, args)
	if err != nil {
		return err
	}
	c.user, c.env, c.labels = result.User, result.Env, result.Labels
	// The lifecycle, in phase/extender.go: the label counts after each
	// Dockerfile, and is then overwritten with the result so far.
	own, err := strconv.ParseBool(c.labels[labelRebasable])
	c.rebasable = c.rebasable && err == nil && own
	c.labels[labelRebasable] = strconv.FormatBool(c.rebasable)
	return nil
}

// ids returns the user and group as the extender passes them to a Dockerfile.
func (c *config) ids() (uid, gid string) {
	uid, gid, ok := strings.Cut(c.user, ":")
	if !ok {
		return c.user, ""
	}
	return uid, gid
}

// isRoot reports whether the final user is root.
func (c *config) isRoot() bool {
	uid, _ := c.ids()
	return slices.Contains([]string{"", "0", "root"}, uid)
}
