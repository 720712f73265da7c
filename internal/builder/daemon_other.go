//go:build !linux

package builder

import (
	"context"
	"fmt"
	"os"

	"github.com/extpack/extpack/internal/diag"
)

func (d daemon) ensure(context.Context, []byte) (started bool, err error) {
	return false, diag.WithHint(fmt.Errorf("%w: Linux is required", errNoBuildKit), "start Docker Desktop or another Docker Engine")
}

func (d daemon) stop(context.Context) error { return nil }

func (d daemon) remove(context.Context) error { return os.RemoveAll(d.dir) }

func (d daemon) registerHandlers() (added bool, err error) {
	return false, errBinfmt("Linux is required")
}

func (d daemon) unregisterHandlers(context.Context) error { return nil }
