package index

import (
	"testing"
	"time"
)

// TestSettleFor: a look that took a minute because a registry was silent does not
// make an edit take four.
func TestSettleFor(t *testing.T) {
	t.Parallel()
	for look, want := range map[time.Duration]time.Duration{
		time.Millisecond: time.Second, time.Second: 3 * time.Second, time.Minute: 10 * time.Second,
	} {
		if got := settleFor(look); got != want {
			t.Errorf("a look of %s: %s", look, got)
		}
	}
}
