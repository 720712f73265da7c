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
	// maxWait is the longest pause that a registry may request. A longer one
	// would look like a hang.
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

// wait pauses before attempt number n+1, counted from 0. after is the pause
// that the registry requested, or 0.
//
// It returns [ErrRetryLater] immediately if that is more than a minute, and the
// cause of ctx if it is done.
func (b *backoff) wait(ctx context.Context, n int, after time.Duration, what string, cause error) error {
	if ctx.Err() != nil {
		// net/http returns the context's cause as the error of the request,
		// which may be the dropped connection of another request.
		return context.Cause(ctx)
	}
	what = withoutNamed(what, cause)
	if after > maxWait {
		return fmt.Errorf("%s: %w", what, retryLater(cause, after))
	}
	d := after
	if d <= 0 {
		d = firstDelay << n
		d = d/2 + rand.N(d/2) // jitter, so that concurrent uploads do not retry simultaneously
	}
	b.logf("%s: %s; trying again in %s", cleanText(what), cleanText(cause.Error()), d.Round(100*time.Millisecond))
	return b.sleep(ctx, d)
}

// retryLater returns the error for a pause that is too long.
func retryLater(cause error, after time.Duration) error {
	return fmt.Errorf("%w: %w (in %s)", cause, ErrRetryLater, after.Round(time.Second))
}

// withoutNamed returns what without the digest at its end if the cause names that
// content, too.
func withoutNamed(what string, cause error) string {
	action, name, found := strings.Cut(what, " sha256:")
	if found && strings.Contains(cause.Error(), "sha256:"+name) {
		return action
	}
	return what
}

// retryAfter reads Retry-After in both forms of RFC 9110 section 10.2.3. A date
// is relative to the Date of the response, so that clocks may differ. It
// returns 0 for a missing or invalid value.
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
