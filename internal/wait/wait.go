// Package wait pauses until a duration has passed or a context is done.
package wait

import (
	"context"
	"time"
)

// For waits for d, or until ctx ends, whose cause it then returns.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
