package buildx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// Runner runs buildx. [*Client] implements it.
type Runner interface {
	// Output runs buildx and returns its standard output. It returns a
	// [*RunError] if the run fails.
	Output(ctx context.Context, args ...string) ([]byte, error)
}

// RunError is returned for a failed run of buildx.
type RunError struct {
	Args []string
	// Stderr is the standard error of buildx.
	Stderr string
	// Err is the error of the process.
	Err error
}

// Error returns the error message of buildx, without progress.
func (e *RunError) Error() string {
	message := e.Err.Error()
	_, stderr, _ := FindSSHFailure(e.Stderr)
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "ERROR: "); ok {
			message = text // the last one is the summary
		} else if strings.HasPrefix(line, "panic: ") {
			message = line
			break
		}
	}
	return fmt.Sprintf("buildx %s: %s", e.Args[0], message)
}

func (e *RunError) Unwrap() error { return e.Err }

// Drivers with special cases.
const (
	DriverDocker    = "docker"
	DriverContainer = "docker-container"
	DriverRemote    = "remote"
)

// Builder is a builder in the list of buildx.
type Builder struct {
	Name    string
	Driver  string // empty if unknown
	Current bool
	Err     Fault
	Nodes   []Node
}

// Node is one BuildKit instance of a builder.
type Node struct {
	Name, Endpoint string
	// Status is "running", "inactive", "stopped", …; empty if unknown.
	Status string
	// Version is that of BuildKit, such as "v0.33.1", if the node is running.
	Version string
	Err     Fault
	// Platforms are those that were set when the node was created and, if it is
	// running, those that it supports, the native one first.
	Platforms []string
	Labels    map[string]string
	// Flags, DriverOpts and Files are those that the node was created with.
	Flags      []string
	DriverOpts map[string]string
	Files      map[string][]byte
}

// Fault is an error in JSON, which buildx writes as text, null, "" or, before
// 0.13, as {} without its text.
type Fault string

// UnmarshalJSON accepts all of these.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case string:
		*f = Fault(v)
	case map[string]any:
		if len(v) > 0 {
			*f = Fault(data)
		}
	}
	return nil
}

// String returns a short form of the fault.
func (f Fault) String() string {
	_, plain, _ := FindSSHFailure(string(f))
	return plain
}

// StatusTimeout is how long to wait for builders that do not respond. The
// default of buildx is 20 seconds.
const StatusTimeout = 5 * time.Second

// noContext is an error of "buildx ls" without builders: every docker context
// is a builder too.
var noContext = lazyregexp.New(`no builder "([^"]+)" found`)

// List returns all builders of buildx. A builder that accepts connections but
// does not respond delays it by [StatusTimeout], or by 20 seconds with buildx
// before 0.32.
func List(ctx context.Context, client Runner) ([]Builder, error) {
	args := []string{"ls", "--format", "json"}
	out, err := client.Output(ctx, append(args, "--timeout", StatusTimeout.String())...)
	var failed *RunError
	if errors.As(err, &failed) && strings.Contains(failed.Stderr, "unknown flag: --timeout") {
		out, err = client.Output(ctx, args...)
	}
	if errors.As(err, &failed) {
		if m := noContext.Get().FindStringSubmatch(failed.Stderr); m != nil {
			return nil, diag.WithHint(fmt.Errorf("listing builders: docker context %q not found", m[1]),
				`run "docker context ls" to list the contexts, and "docker context use default", or correct --context or DOCKER_CONTEXT`)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listing builders: %w", err)
	}
	list, err := decode(out)
	if err != nil {
		return nil, fmt.Errorf("listing builders: %w", err)
	}
	markCurrent(ctx, client, list)
	return list, nil
}

// decode parses the list of buildx. Releases around 0.20 list the current
// builder twice.
func decode(out []byte) ([]Builder, error) {
	var list []Builder
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var b Builder
		if err := dec.Decode(&b); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(old Builder) bool { return old.Name == b.Name }) {
			list = append(list, b)
		}
	}
}

var namePrinted = lazyregexp.New(`(?m)^Name:\s+(\S+)`)

// markCurrent determines the current builder if the list does not have it, as
// with buildx 0.23. If that fails, none is marked.
func markCurrent(ctx context.Context, client Runner, list []Builder) {
	if len(list) == 0 || slices.ContainsFunc(list, func(b Builder) bool { return b.Current }) {
		return
	}
	out, err := client.Output(ctx, "inspect")
	if err != nil {
		return
	}
	if name := namePrinted.Get().FindSubmatch(out); name != nil {
		if b := Find(list, string(name[1])); b != nil {
			b.Current = true
		}
	}
}

// Find returns the builder called name, or the current one if name is empty, or
// nil.
func Find(list []Builder, name string) *Builder {
	i := slices.IndexFunc(list, func(b Builder) bool {
		return b.Name == name || name == "" && b.Current
	})
	if i < 0 {
		return nil
	}
	return &list[i]
}

// Node returns the node called name, or nil.
func (b *Builder) Node(name string) *Node {
	i := slices.IndexFunc(b.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &b.Nodes[i]
}

// State is the state of a node.
type State int

const (
	// Unreachable is a node that does not respond.
	Unreachable State = iota
	// Inactive is a node that is not running but that buildx starts when it is
	// used.
	Inactive
	// Running is a node that responds.
	Running
)

// State returns the state of a node of the builder. buildx reports a node that
// does not respond as "inactive" without an error. Such a node is unreachable
// if the driver does not start nodes.
func (b *Builder) State(n Node) State {
	switch {
	case b.Err != "" || n.Err != "":
		return Unreachable
	case n.Status == "running":
		return Running
	case b.Driver == DriverRemote, b.Driver == DriverDocker, b.Driver == "":
		return Unreachable
	}
	return Inactive
}

// Usable reports whether builds can start: a node is running or can be started,
// and no node blocks the build. buildx skips nodes with an error, but waits 20
// seconds for one that does not respond, and then fails (measured with 0.37).
// Whether a build needs that node depends on the platforms of each node.
func (b *Builder) Usable() bool {
	alive := slices.ContainsFunc(b.Nodes, func(n Node) bool { return b.State(n) != Unreachable })
	return alive && !slices.ContainsFunc(b.Nodes, b.Blocks)
}

// Blocks reports whether builds that need a node fail.
func (b *Builder) Blocks(n Node) bool { return b.State(n) == Unreachable && n.Err == "" }

// IsNative reports whether a node runs a platform without emulation: the first
// platform of a node is the native one, and it may support 32-bit programs of
// the same family.
func IsNative(p v1.Platform, nodes []Node) bool {
	family := map[string]string{"386": "amd64", "arm": "arm64"}
	for _, n := range nodes {
		if len(n.Platforms) == 0 {
			continue
		}
		own := strings.Split(n.Platforms[0], "/")
		if len(own) > 1 && own[0] == p.OS && (own[1] == p.Architecture || own[1] == family[p.Architecture]) {
			return true
		}
	}
	return false
}
