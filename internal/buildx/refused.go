package buildx

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// NoBuilder returns in a clause why the builder called name, or the current one,
// cannot build, and "" when it can or nothing is known against it. buildx is
// asked only where its addresses do not decide: that takes as long as a small
// build, and longer where any other builder does not respond.
func (b *Client) NoBuilder(ctx context.Context, name string) (string, error) {
	why, unsure := b.unanswered(ctx, name, func(ctx context.Context, endpoint string) reply { return probe(ctx, endpoint, dialTimeout) })
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
	switch {
	case found == nil && name != "":
		return fmt.Sprintf("builder %q not found", name), nil
	case found == nil || found.Usable():
		return "", nil
	}
	for _, n := range found.Nodes {
		if why := (found.Err + n.Err).String(); why != "" {
			if address, ok := EngineDown(why); ok {
				return "no Docker Engine responds at " + address, nil
			}
			return why, nil
		}
		if found.State(n) == Unreachable {
			return fmt.Sprintf("the builder %s does not respond at %s", found.Name, n.Endpoint), nil
		}
	}
	return fmt.Sprintf("the builder %s does not respond", found.Name), nil
}

// engineDown matches the error of the docker client for an unreachable engine.
var engineDown = lazyregexp.New(`(?:[Cc]annot connect to the Docker daemon|failed to connect to the docker API) at ([^\s;]*[^\s;.])`)

// EngineDown returns the address of the unreachable Docker Engine in a message.
func EngineDown(message string) (address string, ok bool) {
	m := engineDown.Get().FindStringSubmatch(message)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// CheckAnswers returns a [*BuildError] if every address of the builder called
// name, or of the current one, refuses connections. buildx tries such an address
// for 20 seconds and more. A builder that accepts connections and is silent may
// be busy: that is left to buildx.
func (b *Client) CheckAnswers(ctx context.Context, name string) error {
	why, unsure := b.unanswered(ctx, name, func(ctx context.Context, endpoint string) reply {
		if reply := probe(ctx, endpoint, answerTimeout); reply == refused {
			return refused
		}
		return speaks
	})
	if why == "" || unsure {
		return nil
	}
	return ForBuilder(diag.WithHint(&BuildError{Cause: why, NoBuilder: true}, unreachableHint), name)
}

// unanswered returns in a clause why no address of the builder that a build uses
// answers, "" if one does, and whether buildx has to be asked. Which builder that
// is, and where, is read from buildx's state files.
func (b *Client) unanswered(ctx context.Context, name string, ask func(ctx context.Context, endpoint string) reply) (why string, unsure bool) {
	name = b.builderName(name)
	endpoints, who, ok := b.endpoints(name)
	if !ok {
		return "", true
	}
	missing := 0
	for _, endpoint := range endpoints {
		switch ask(ctx, endpoint) {
		case refused:
			missing++
			why = "no Docker Engine responds at " + endpoint
			if who != "the Docker Engine" {
				why = fmt.Sprintf("%s does not respond at %s", who, endpoint)
			}
		case silent:
			missing++
			why = fmt.Sprintf("%s accepts connections at %s and does not respond", who, endpoint)
		case speaks:
		}
	}
	if missing == len(endpoints) {
		return why, false
	}
	return "", missing > 0
}

// endpoints returns the addresses of the builder called name, "" for that of the
// current docker context, what it is called in messages, and whether all
// addresses are known.
func (b *Client) endpoints(name string) (all []string, who string, ok bool) {
	var g group
	if name == "" || !readJSON(b.stateFile("instances", name), &g) {
		host := b.Contexts.Hosts[cmp.Or(name, b.Contexts.Current, defaultContext)]
		return []string{host}, "the Docker Engine", host != ""
	}
	for _, n := range g.Nodes {
		if !strings.Contains(n.Endpoint, "://") { // the name of a context
			n.Endpoint = b.Contexts.Hosts[n.Endpoint]
		}
		if n.Endpoint == "" {
			return nil, "", false
		}
		all = append(all, n.Endpoint)
	}
	return all, "the builder " + name, len(all) > 0
}

// configDir returns the folder of the state files of buildx.
func (b *Client) configDir() string {
	if dir := envValue(b.Env, "BUILDX_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(envValue(b.Env, "DOCKER_CONFIG"), "buildx")
}
