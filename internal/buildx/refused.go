package buildx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// dialTimeout bounds the look at an address on this machine or nearby; one that
// takes longer is asked about by buildx.
const dialTimeout = 300 * time.Millisecond

// NoBuilder returns in a clause why the builder called name, or the current one,
// cannot build, and "" when it can or nothing is known against it. dockerHost is
// the engine of the docker context. Where the builder's address takes
// connections, buildx is not asked: that takes as long as a small build.
func (b *Client) NoBuilder(ctx context.Context, name, dockerHost string) (string, error) {
	if !b.refused(ctx, name, dockerHost) {
		return "", nil
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
		return "", nil // of one that is not there, buildx tells more
	}
	for _, n := range found.Nodes {
		if why := (found.Err + n.Err).String(); why != "" {
			if address, ok := EngineDown(why); ok {
				return "no Docker Engine answers at " + address, nil
			}
			return why, nil
		}
		if found.State(n) == Dead {
			return fmt.Sprintf("the builder %s does not answer at %s", found.Name, n.Endpoint), nil
		}
	}
	return fmt.Sprintf("the builder %s does not answer", found.Name), nil
}

// engineDown is how the docker client says that no engine answers.
var engineDown = regexp.MustCompile(`(?:[Cc]annot connect to the Docker daemon|failed to connect to the docker API) at ([^\s;]*[^\s;.])`)

// EngineDown returns the address of a Docker Engine of which a message says that
// it does not answer.
func EngineDown(message string) (address string, ok bool) {
	m := engineDown.FindStringSubmatch(message)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// refused reports whether an address of a builder that a build may use takes no
// connections. Which builder that is, and where, is read from buildx's notes.
func (b *Client) refused(ctx context.Context, name, dockerHost string) bool {
	dir := b.configDir()
	endpoints := map[string]bool{}
	names := candidates(dir, name, envValue(b.Env, "BUILDX_BUILDER"))
	if len(names) == 0 {
		names = []string{"default"}
	}
	for _, name := range names {
		var group struct {
			Nodes []struct{ Endpoint string }
		}
		if !readJSON(filepath.Join(dir, "instances", name), &group) {
			endpoints[dockerHost] = true // the builder of a docker context
		}
		for _, n := range group.Nodes {
			if !strings.Contains(n.Endpoint, "://") {
				n.Endpoint = dockerHost // the name of a docker context
			}
			endpoints[n.Endpoint] = true
		}
	}
	for endpoint := range endpoints {
		if !connects(ctx, endpoint) {
			return true
		}
	}
	return false
}

// connects reports whether an address takes connections, or is of a kind for
// which that cannot be told.
func connects(ctx context.Context, endpoint string) bool {
	network, address, _ := strings.Cut(endpoint, "://")
	if network != "tcp" && network != "unix" {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return errors.Is(err, context.Canceled)
	}
	return conn.Close() == nil
}

// configDir returns where buildx keeps its notes.
func (b *Client) configDir() string {
	if dir := envValue(b.Env, "BUILDX_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(envValue(b.Env, "DOCKER_CONFIG"), "buildx")
}
