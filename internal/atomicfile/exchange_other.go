//go:build !linux && !darwin

package atomicfile

import (
	"fmt"
	"runtime"
)

// exchange exchanges what two names stand for, in one step.
func exchange(_, _ string) error {
	return fmt.Errorf("%w on %s", errNoExchange, runtime.GOOS)
}
