package bake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// builderInfo is what of "buildx ls --format json" is read, one object a line.
type builderInfo struct {
	Name    string
	Current bool
	Err     any
	Nodes   []struct{ Err any }
}

// Reachable reports whether the builder called name, or the current one when
// name is empty, has a node that answers. buildx waits up to 20 seconds for
// one that does not.
func (b *Buildx) Reachable(ctx context.Context, name string) (bool, error) {
	cmd := exec.CommandContext(ctx, b.Path, "ls", "--format", "json")
	cmd.Env = b.Env
	out, err := cmd.Output()
	if err != nil {
		return false, fmt.Errorf("listing builders: %w", err)
	}
	if name == "" {
		name = selected(b.Env)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var info builderInfo
		if err := dec.Decode(&info); errors.Is(err, io.EOF) {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("listing builders: %w", err)
		}
		if info.Name == name || name == "" && info.Current {
			return answers(info), nil
		}
	}
}

// selected gives the builder that the environment selects; of a name given
// twice the last counts, as for exec.
func selected(env []string) string {
	name := ""
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, "BUILDX_BUILDER="); ok {
			name = value
		}
	}
	return name
}

func answers(info builderInfo) bool {
	for _, node := range info.Nodes {
		if isEmpty(node.Err) && isEmpty(info.Err) {
			return true
		}
	}
	return false
}

// isEmpty reports an error that is none: buildx writes null, "" or {}.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	}
	return false
}
