package plan

import (
	"testing"
	"time"

	"github.com/extpack/extpack/internal/diag"
)

func TestSourceDate(t *testing.T) {
	for value, want := range map[string]time.Time{
		"": {}, "0": time.Unix(0, 0).UTC(), "1700000000": time.Date(2023, time.November, 14, 22, 13, 20, 0, time.UTC),
	} {
		t.Setenv("SOURCE_DATE_EPOCH", value)
		if got, err := SourceDate(); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", value, got, err)
		}
	}
	for _, value := range []string{"yesterday", "-1", "1.5", "253402300800"} { // the last is in the year 10000
		t.Setenv("SOURCE_DATE_EPOCH", value)
		if got, err := SourceDate(); !diag.IsInvalid(err) || diag.Hint(err) == "" {
			t.Errorf("%q: %v, %v", value, got, err)
		}
	}
}
