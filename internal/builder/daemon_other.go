//go:build !linux

package builder

import (
	"context"
	"fmt"
	"os"

	"github.com/extpack/extpack/internal/diag"
)

func (d daemon) lock(context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the builder: %w", err)
	}
	return func() {}, nil
}

func (d daemon) ensure(context.Context, []byte) (started bool, err error) {
	return false, diag.WithHint(fmt.Errorf("%w: it needs Linux", errNoBuildKit), "start Docker Desktop or another Docker Engine")
}

func (d daemon) stop(context.Context) error { return nil }

func (d daemon) remove(context.Context) error { return os.RemoveAll(d.dir) }
