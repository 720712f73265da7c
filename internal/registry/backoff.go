package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/extpack/extpack/internal/wait"
)

const (
	maxRetries = 5
	firstDelay = 500 * time.Millisecond
	// maxWait is the longest pause a registry may ask for; beyond it waiting
	// looks like hanging.
	maxWait = time.Minute
)

// backoff decides whether and how long to wait before another attempt.
type backoff struct {
	sleep func(ctx context.Context, d time.Duration) error
	now   func() time.Time
	logf  func(format string, args ...any)
}

func newBackoff(logf func(string, ...any)) *backoff {
	if logf == nil {
		logf = func(string, ...any) {}
	}
	return &backoff{sleep: wait.For, now: time.Now, logf: logf}
}

// wait pauses before attempt number n+1, counted from 0. after is what the
// registry asked for, or 0.
//
// It fails with [ErrRetryLater] without waiting when that is more than a
// minute, and with the context's cause when it ends meanwhile.
func (b *backoff) wait(ctx context.Context, n int, after time.Duration, what string, cause error) error {
	if ctx.Err() != nil {
		// net/http gives the context's cause as the request's error, which may
		// be another request's dropped connection.
		return context.Cause(ctx)
	}
	if after > maxWait {
		return fmt.Errorf("%s: %w: %w (in %s)", what, cause, ErrRetryLater, after.Round(time.Second))
	}
	d := after
	if d <= 0 {
		d = firstDelay << n
		d = d/2 + rand.N(d/2) // jitter, so that parallel uploads do not return as one
	}
	b.logf("%s: %s; trying again in %s", cleanText(what), cleanText(cause.Error()), d.Round(100*time.Millisecond))
	return b.sleep(ctx, d)
}

// retryAfter reads Retry-After in both forms of RFC 9110 section 10.2.3. A
// date counts from the response's own Date, so that a wrong clock on either
// side does not matter. 0 means that nothing (sensible) was asked for.
func (b *backoff) retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		const year = 365 * 24 * 60 * 60
		return time.Duration(min(seconds, year)) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = b.now()
	}
	return max(at.Sub(now), 0)
}
