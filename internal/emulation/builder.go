package emulation

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/buildx"
)

// Builder tries what a builder can run.
type Builder struct {
	// Client runs buildx. Selected is the builder of the environment, or "".
	Client interface {
		buildx.Runner
		Selected() string
	}
	// Name is the builder of a flag, or "".
	Name string

	nodes []buildx.Node // once they are known
}

// Support returns whether the builder emulates a platform, and if it has to, why
// that cannot be relied on.
func (b *Builder) Support(ctx context.Context, p v1.Platform) (emulated bool, reason string, err error) {
	if b.nodes == nil {
		list, err := buildx.List(ctx, b.Client)
		if err != nil {
			return false, "", err
		}
		name := b.Name
		if name == "" {
			name = b.Client.Selected()
		}
		if found := buildx.Find(list, name); found != nil {
			b.nodes = found.Nodes
		}
	}
	if len(b.nodes) == 0 || buildx.IsNative(p, b.nodes) {
		return false, "", nil
	}
	reason, err = b.Unreliable(ctx, p)
	return true, reason, err
}

// Unreliable returns why emulated programs of a platform cannot be relied on, or
// "".
func (b *Builder) Unreliable(ctx context.Context, p v1.Platform) (string, error) {
	support, err := Probe(ctx, b.Client, b.Name, p)
	return support.Reason(p), err
}
