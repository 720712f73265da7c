package buildx

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// NoBuilder returns in a clause why the builder called name, or the current one,
// cannot build, and "" when it can or nothing is known against it. dockerHost is
// the engine of the docker context. buildx is asked only where neither the
// builder's address nor its silence decides: that takes as long as a small
// build, and longer where any other builder does not answer.
func (b *Client) NoBuilder(ctx context.Context, name, dockerHost string) (string, error) {
	why, unsure := b.unanswered(ctx, name, dockerHost)
	if !unsure {
		return why, nil
	}
	list, err := List(ctx, b)
	if err != nil {
		return "", err
	}
	if name == "" {
		name = b.Selected()
	}
	found := Find(list, name)
	if found == nil || found.Usable() {
		return "", nil // buildx reports a missing builder
	}
	for _, n := range found.Nodes {
		if why := (found.Err + n.Err).String(); why != "" {
			if address, ok := EngineDown(why); ok {
				return "no Docker Engine answers at " + address, nil
			}
			return why, nil
		}
		if found.State(n) == Unreachable {
			return fmt.Sprintf("the builder %s does not answer at %s", found.Name, n.Endpoint), nil
		}
	}
	return fmt.Sprintf("the builder %s does not answer", found.Name), nil
}

// engineDown matches the error of the docker client for an unreachable engine.
var engineDown = regexp.MustCompile(`(?:[Cc]annot connect to the Docker daemon|failed to connect to the docker API) at ([^\s;]*[^\s;.])`)

// EngineDown returns the address of the unreachable Docker Engine in a message.
func EngineDown(message string) (address string, ok bool) {
	m := engineDown.FindStringSubmatch(message)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// unanswered returns in a clause why no address of the builder that a build uses
// answers, "" if one does, and whether buildx has to be asked. Which builder that
// is, and where, is read from buildx's notes.
func (b *Client) unanswered(ctx context.Context, name, dockerHost string) (why string, unsure bool) {
	dir := b.configDir()
	selected := envValue(b.Env, "BUILDX_BUILDER")
	names := candidates(dir, name, selected)
	if len(names) == 0 { // the builder of the current docker context
		switch probe(ctx, dockerHost) {
		case refused:
			return "no Docker Engine answers at " + dockerHost, false
		case silent:
			return "the Docker Engine accepts connections at " + dockerHost + " and does not answer", false
		case speaks:
		}
		return "", false
	}
	missing, sure := 0, name+selected != "" // else it may be that of another engine
	var all []string                        // the addresses
	for _, name := range names {
		var group struct {
			Nodes []struct{ Endpoint string }
		}
		if !readJSON(filepath.Join(dir, "instances", name), &group) {
			all, sure = append(all, dockerHost), false // the builder of a docker context
		}
		for _, n := range group.Nodes {
			if !strings.Contains(n.Endpoint, "://") {
				n.Endpoint, sure = dockerHost, false // the name of a docker context
			}
			all = append(all, n.Endpoint)
		}
	}
	for _, endpoint := range all {
		switch probe(ctx, endpoint) {
		case refused:
			missing++
			why = fmt.Sprintf("the builder %s does not answer at %s", names[0], endpoint)
		case silent:
			missing++
			why = fmt.Sprintf("the builder %s accepts connections at %s and does not answer", names[0], endpoint)
		case speaks:
		}
	}
	if missing == len(all) && sure {
		return why, false
	}
	return "", missing > 0
}

// configDir returns the folder of the state files of buildx.
func (b *Client) configDir() string {
	if dir := envValue(b.Env, "BUILDX_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(envValue(b.Env, "DOCKER_CONFIG"), "buildx")
}
