package cliplugin

import (
	"os"
	"strconv"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// limitFactor returns the user's factor for the limits on reading packages.
func limitFactor() (int, error) {
	value := os.Getenv(oci.EnvLimits)
	if value == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 1000 {
		return 0, diag.Invalidf("%s=%.40q is not a number from 1 to 1000", oci.EnvLimits, value)
	}
	return n, nil
}
