package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/extpack/extpack/internal/emulation"
)

func (d daemon) handlerFile() string { return filepath.Join(d.dir, "binfmt") }

// writeHandlers writes the file that withHandlers reads.
func (d daemon) writeHandlers() error {
	var text strings.Builder
	for _, h := range d.handlers() {
		text.WriteString(h.String() + "\n")
	}
	return os.WriteFile(d.handlerFile(), []byte(text.String()), 0o600)
}

// registerHandlers registers the emulators with the kernel of this machine. added
// reports whether any was not.
func (d daemon) registerHandlers() (added bool, err error) {
	handlers := d.handlers()
	if len(handlers) == 0 {
		return false, errBinfmt("qemu-user-static is not installed")
	}
	if _, err := os.Stat(filepath.Join(emulation.Dir, "register")); errors.Is(err, fs.ErrNotExist) {
		if err := syscall.Mount("binfmt_misc", emulation.Dir, "binfmt_misc", 0, ""); err != nil {
			return false, fmt.Errorf("mounting binfmt_misc: %w", err)
		}
	}
	return emulation.Register(emulation.Dir, handlers)
}

// unregisterHandlers removes what registerHandlers added.
func (d daemon) unregisterHandlers(context.Context) error {
	if _, err := os.Stat(filepath.Join(emulation.Dir, "register")); err != nil || os.Geteuid() != 0 {
		return nil // nothing can be registered
	}
	return emulation.Unregister(emulation.Dir, d.handlerPrefix())
}
