//go:build !linux && !darwin

package atomicfile

import (
	"fmt"
	"runtime"
)

// exchange swaps two paths atomically.
func exchange(_, _ string) error {
	return fmt.Errorf("%w on %s", errNoExchange, runtime.GOOS)
}
