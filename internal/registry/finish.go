package registry

import (
	"context"
	"time"
)

// finishTime is how long an interrupted run may take to finish what it began to
// publish.
const finishTime = 5 * time.Second

// Finishing returns a context for what is left to do once a first tag was
// written: it outlives ctx by a few seconds, so that an interrupt does not
// leave some tags moved and others not.
func Finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(finishTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(context.Cause(ctx))
		case <-out.Done():
		}
	})
	return out, func() { stop(); cancel(nil) }
}
