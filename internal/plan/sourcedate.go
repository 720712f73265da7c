package plan

import (
	"os"
	"strconv"
	"time"

	"github.com/extpack/extpack/internal/diag"
)

// SourceDate returns the time of the variable SOURCE_DATE_EPOCH
// (https://reproducible-builds.org/specs/source-date-epoch/), zero if it is not
// set.
func SourceDate() (time.Time, error) {
	const name = "SOURCE_DATE_EPOCH"
	value := os.Getenv(name)
	if value == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	// Later years cannot be represented in RFC 3339.
	if err != nil || seconds < 0 || seconds > time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix() {
		return time.Time{}, diag.WithHint(diag.Invalidf("%s %q is not a time between 1970 and 9999", name, value), "set it to seconds since 1970, or unset it")
	}
	return time.Unix(seconds, 0).UTC(), nil
}
