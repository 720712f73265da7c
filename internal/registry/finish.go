package registry

import (
	"context"
	"time"
)

// finishTime is how long an interrupted run may take to finish a publish.
const finishTime = 5 * time.Second

// Finishing returns a context for the time after the first tag was written. It
// outlives ctx by a few seconds, so that an interrupt does not leave only some
// of the tags moved.
func Finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return outlive(ctx, finishTime)
}

// outlive returns a context that outlives ctx by d.
func outlive(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(context.Cause(ctx))
		case <-out.Done():
		}
	})
	return out, func() { stop(); cancel(nil) }
}
