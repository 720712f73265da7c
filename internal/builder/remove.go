package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/extpack/extpack/internal/diag"
)

// Remove takes away a builder that Ensure made, with its BuildKit and cache.
// found is false when there is nothing to take away.
func Remove(ctx context.Context, buildx Buildx, o Options) (found bool, err error) {
	if err := o.check(); err != nil {
		return false, err
	}
	list, err := List(ctx, buildx)
	if err != nil {
		return false, err
	}
	d := daemon{dir: filepath.Join(o.StateDir, o.Name)}
	have := Find(list, o.Name)
	if _, err := os.Stat(d.dir); errors.Is(err, fs.ErrNotExist) {
		if have == nil {
			return false, nil
		}
		return false, diag.Invalidf(fmt.Sprintf("docker buildx rm %s removes it", o.Name), "the builder %s was not made by docker extpack", o.Name)
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	e := &ensurer{Options: o, buildx: buildx, daemon: d}
	// One of the same name may have been made by somebody else after ours went.
	if have != nil && (have.Driver == DriverContainer || e.isLocal(have)) {
		var args []string
		if have.Driver == DriverRemote {
			args = append(args, keepDaemon)
		}
		if err := e.remove(ctx, args...); err != nil {
			return true, fmt.Errorf("removing the builder %s: %w", o.Name, err)
		}
	}
	return true, d.remove(ctx)
}
