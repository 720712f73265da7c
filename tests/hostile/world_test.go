package hostile_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/sandbox"
)

// world is the sandbox with buildx, BuildKit and a registry, started by the
// first test that needs it.
var world struct {
	sync.Once
	*sandbox.Sandbox
	err error
}

// sandboxed returns the sandbox that all tests share.
func sandboxed(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	world.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		world.Sandbox, world.err = sandbox.Start(ctx, sandbox.Options{Log: os.Stderr})
	})
	if world.err != nil {
		t.Fatal(world.err)
	}
	return world.Sandbox
}

func stopWorld() {
	if world.Sandbox != nil {
		_ = world.Stop()
	}
}
