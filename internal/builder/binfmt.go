package builder

import (
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/emulation"
)

// handlers returns the registrations of the installed emulators with the kernel.
// Their names tell the builder.
func (d daemon) handlers() []emulation.Handler {
	found := map[string]string{}
	for name, path := range emulatorLinks() {
		found[strings.TrimPrefix(name, "buildkit-qemu-")] = path
	}
	return emulation.Handlers(d.handlerPrefix(), found)
}

func (d daemon) handlerPrefix() string { return "docker-extpack-" + filepath.Base(d.dir) + "-qemu-" }

// withHandlers is run by rootlesskit. It registers emulators in the user namespace
// of the daemon, which Linux 6.7 and newer allow, and starts the daemon. Without
// that, BuildKit starts the emulators.
const withHandlers = `dir=` + emulation.Dir + `
if mount -t binfmt_misc binfmt_misc "$dir" 2>/dev/null; then
	while read -r line; do printf %s "$line" >"$dir/register"; done <"$0"
fi
exec "$@"`

// errBinfmt is returned where emulators cannot be registered from here.
func errBinfmt(reason string) error {
	return diag.WithHint(diag.Invalidf("--binfmt: %s", reason),
		"register QEMU on the machine of the builder: docker run --privileged --rm tonistiigi/binfmt --install all")
}
