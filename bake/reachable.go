package bake

import (
	"bytes"
	"context"
	"strings"

	"github.com/extpack/extpack/internal/builder"
)

// Output runs buildx and gives its standard output; a run that fails is a
// [*builder.RunError]. An interrupt reaches buildx as one.
func (b *Buildx) Output(ctx context.Context, args ...string) ([]byte, error) {
	cmd := b.command(ctx, args)
	var stdout bytes.Buffer
	stderr := &tailBuffer{limit: 64 << 10}
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, &builder.RunError{Args: args, Stderr: stderr.String(), Err: err}
	}
	return stdout.Bytes(), nil
}

// Reachable reports whether the builder called name, or the current one when
// name is empty, has a node that answers or that buildx can start. It waits
// for one that does not answer as long as [builder.List].
func (b *Buildx) Reachable(ctx context.Context, name string) (bool, error) {
	list, err := builder.List(ctx, b)
	if err != nil {
		return false, err
	}
	if name == "" {
		name = b.Selected()
	}
	found := builder.Find(list, name)
	return found != nil && found.Usable(), nil
}

// Selected gives the builder that the environment selects, or ""; of a name
// given twice the last counts, as for exec.
func (b *Buildx) Selected() string {
	name := ""
	for _, kv := range b.Env {
		if value, ok := strings.CutPrefix(kv, "BUILDX_BUILDER="); ok {
			name = value
		}
	}
	return name
}
