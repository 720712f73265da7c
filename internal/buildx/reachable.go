package buildx

import (
	"bytes"
	"context"
	"strings"
)

// Output runs buildx and returns its standard output. It returns a [*RunError]
// if the run fails. An interrupt is forwarded to buildx.
func (b *Client) Output(ctx context.Context, args ...string) ([]byte, error) {
	cmd := b.Command(ctx, args...)
	var stdout bytes.Buffer
	stderr := &TailBuffer{Limit: 64 << 10}
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, &RunError{Args: args, Stderr: stderr.String(), Err: err}
	}
	return stdout.Bytes(), nil
}

// Reachable reports whether the builder called name, or the current one if name
// is empty, has a node that is running or that buildx can start. It waits for
// nodes that do not respond as long as [List].
func (b *Client) Reachable(ctx context.Context, name string) (bool, error) {
	list, err := List(ctx, b)
	if err != nil {
		return false, err
	}
	if name == "" {
		name = b.Selected()
	}
	found := Find(list, name)
	return found != nil && found.Usable(), nil
}

// Selected returns the builder that the environment selects, or "". As in exec,
// the last value of a name is used.
func (b *Client) Selected() string {
	name := ""
	for _, kv := range b.Env {
		if value, ok := strings.CutPrefix(kv, "BUILDX_BUILDER="); ok {
			name = value
		}
	}
	return name
}
