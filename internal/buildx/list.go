package buildx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/extpack/extpack/internal/diag"
)

// Runner runs buildx; [*Client] does.
type Runner interface {
	// Output runs buildx and returns its standard output; a run that fails is a
	// [*RunError].
	Output(ctx context.Context, args ...string) ([]byte, error)
}

// RunError is a buildx run that failed.
type RunError struct {
	Args []string
	// Stderr is what buildx wrote to standard error, as it is.
	Stderr string
	// Err is how the process ended.
	Err error
}

// Error returns buildx's own words, without the progress around them.
func (e *RunError) Error() string {
	message := e.Err.Error()
	_, stderr, _ := FindSSHFailure(e.Stderr)
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "ERROR: "); ok {
			message = text // the last one sums up
		} else if strings.HasPrefix(line, "panic: ") {
			message = line
			break
		}
	}
	return fmt.Sprintf("buildx %s: %s", e.Args[0], message)
}

func (e *RunError) Unwrap() error { return e.Err }

// The drivers that are treated apart.
const (
	DriverDocker    = "docker"
	DriverContainer = "docker-container"
	DriverRemote    = "remote"
)

// Builder is a builder as buildx lists it.
type Builder struct {
	Name    string
	Driver  string // empty when buildx could not tell
	Current bool
	Err     Fault
	Nodes   []Node
}

// Node is one BuildKit of a builder.
type Node struct {
	Name, Endpoint string
	// Status is "running", "inactive", "stopped", …; empty when unknown.
	Status string
	// Version is BuildKit's, such as "v0.33.1", of a running node.
	Version string
	Err     Fault
	// Platforms holds what was fixed when the node was made and, of a running
	// node, what it can run, its own platform first.
	Platforms []string
	Labels    map[string]string
	// Flags, DriverOpts and Files are what the node was made with.
	Flags      []string
	DriverOpts map[string]string
	Files      map[string][]byte
}

// Fault is an error in JSON, which buildx writes as text, null, "" or, before
// 0.13, as {}; of the last the text is lost.
type Fault string

// UnmarshalJSON reads any of these.
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

// String returns the fault in as few words as there are for it.
func (f Fault) String() string {
	_, plain, _ := FindSSHFailure(string(f))
	return plain
}

// StatusTimeout is how long builders that do not answer are waited for; buildx
// by itself waits 20 seconds.
const StatusTimeout = 5 * time.Second

// noContext is what "buildx ls" says then: every docker context is a builder
// too, and it was asked for no other.
var noContext = regexp.MustCompile(`no builder "([^"]+)" found`)

// List asks buildx for all builders. One that accepts connections but does not
// answer costs [StatusTimeout], or 20 seconds where buildx is older than 0.32
// and knows no other.
func List(ctx context.Context, client Runner) ([]Builder, error) {
	args := []string{"ls", "--format", "json"}
	out, err := client.Output(ctx, append(args, "--timeout", StatusTimeout.String())...)
	var failed *RunError
	if errors.As(err, &failed) && strings.Contains(failed.Stderr, "unknown flag: --timeout") {
		out, err = client.Output(ctx, args...)
	}
	if errors.As(err, &failed) {
		if m := noContext.FindStringSubmatch(failed.Stderr); m != nil {
			return nil, diag.WithHint(fmt.Errorf("listing builders: there is no docker context %q", m[1]),
				`run "docker context ls" to see the contexts there are, and "docker context use default", or correct --context or DOCKER_CONTEXT`)
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

// decode reads what buildx lists; releases around 0.20 list the current builder
// twice.
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

var namePrinted = regexp.MustCompile(`(?m)^Name:\s+(\S+)`)

// markCurrent asks which builder is current where the list does not say so, as
// that of buildx 0.23 does not. When no one can tell, none is.
func markCurrent(ctx context.Context, client Runner, list []Builder) {
	if len(list) == 0 || slices.ContainsFunc(list, func(b Builder) bool { return b.Current }) {
		return
	}
	out, err := client.Output(ctx, "inspect")
	if err != nil {
		return
	}
	if name := namePrinted.FindSubmatch(out); name != nil {
		if b := Find(list, string(name[1])); b != nil {
			b.Current = true
		}
	}
}

// Find returns the builder called name, or the current one when name is empty;
// nil when there is none.
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

// State is whether a node can be built on.
type State int

const (
	// Dead is a node that does not answer.
	Dead State = iota
	// Asleep is one that does not run but that buildx starts when it is used.
	Asleep
	// Running is one that answers.
	Running
)

// State tells whether a node of the builder can be built on. buildx calls a
// node that does not answer "inactive", with no error: for drivers that start
// nothing by themselves that is a dead one.
func (b *Builder) State(n Node) State {
	switch {
	case b.Err != "" || n.Err != "":
		return Dead
	case n.Status == "running":
		return Running
	case b.Driver == DriverRemote, b.Driver == DriverDocker, b.Driver == "":
		return Dead
	}
	return Asleep
}

// Usable reports whether every build can begin: a node answers or can be
// started, and none may keep it waiting. buildx passes over nodes with an error,
// but for one that only does not answer a build that needs it waits 20 seconds
// and then fails (measured with 0.37). Which one does depends on the platforms
// that were fixed for each node.
func (b *Builder) Usable() bool {
	alive := slices.ContainsFunc(b.Nodes, func(n Node) bool { return b.State(n) != Dead })
	return alive && !slices.ContainsFunc(b.Nodes, b.Blocks)
}

// Blocks reports whether a node makes a build that needs it fail.
func (b *Builder) Blocks(n Node) bool { return b.State(n) == Dead && n.Err == "" }
