//go:build linux || darwin

package builder

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/buildx"
)

// What another command has done counts: a builder that it removed is made,
// and one that it made is removed whole.
func TestAskAfterWaiting(t *testing.T) {
	for name, run := range map[string]func(ctx context.Context, b buildx.Runner, o Options) (bool, error){"ensure": Ensure, "remove": Remove} {
		o := Options{Name: "b", Driver: buildx.DriverContainer, StateDir: t.TempDir(), Log: t.Logf}
		d := daemon{dir: filepath.Join(o.StateDir, o.Name)}
		if err := os.MkdirAll(d.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		unlock, err := d.lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*pollInterval)
		defer cancel()
		_, err = run(ctx, answers(func(args []string) (string, error) {
			t.Errorf("%s: buildx %q before it is our turn", name, args)
			return "", nil
		}), o)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		unlock()
	}
}
