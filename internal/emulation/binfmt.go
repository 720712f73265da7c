package emulation

import (
	"encoding/binary"
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
)

// Dir is where binfmt_misc is mounted.
const Dir = "/proc/sys/fs/binfmt_misc"

// Handler is a registration with binfmt_misc (Linux, "Kernel Support for
// miscellaneous Binary Formats").
type Handler struct {
	Name                     string
	magic, mask, interpreter string
	// argv0 passes the name that a program was started by.
	argv0 bool
}

// qemuNames are QEMU's names of architectures.
var qemuNames = map[string]string{
	"amd64": "x86_64", "386": "i386", "arm64": "aarch64", "arm": "arm", "riscv64": "riscv64", "ppc64le": "ppc64le", "s390x": "s390x",
}

// Names returns QEMU's names of all architectures that can be emulated, sorted:
// those of its user mode emulators in Debian and in BuildKit.
func Names() []string { return slices.Sorted(maps.Values(qemuNames)) }

// Handlers returns the registrations of emulators, by QEMU's name of their
// architecture, for what this machine does not run itself. Their names begin with
// prefix.
func Handlers(prefix string, emulators map[string]string) []Handler {
	var all []Handler
	for _, arch := range slices.Sorted(maps.Keys(machines)) {
		interpreter, found := emulators[qemuNames[arch]]
		if !found || arch == runtime.GOARCH || arch == "386" && runtime.GOARCH == "amd64" {
			continue
		}
		h := Handler{Name: prefix + qemuNames[arch], interpreter: interpreter, argv0: passesArgv0(interpreter)}
		h.magic, h.mask = machines[arch].header()
		all = append(all, h)
	}
	return all
}

// header returns the first bytes of the ELF files of a machine and a mask of
// the bits to compare. The ABI is not compared, and programs may be
// position-independent.
func (m machine) header() (magic, mask string) {
	head := m.file(nil)[:20]
	bits := []byte(strings.Repeat("\xff", len(head)))
	bits[7] = 0
	if m.order == binary.ByteOrder(binary.BigEndian) {
		bits[17] = 0xfe
	} else {
		bits[16] = 0xfe
	}
	return string(head), string(bits)
}

// String returns the line to register with. The kernel opens the interpreter
// during the registration (F), so that containers find it, and respects
// set-user-ID bits (C). It keeps argv[0] where it can (P), because programs
// with several names, such as busybox, depend on it.
func (h Handler) String() string {
	flags := "OCF"
	if h.argv0 {
		flags = "POCF"
	}
	return fmt.Sprintf(":%s:M:0:%s:%s:%s:%s", h.Name, escape(h.magic), escape(h.mask), h.interpreter, flags)
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, `\x%02x`, s[i])
	}
	return b.String()
}

// Register registers handlers in the folder of binfmt_misc, except for programs
// that have a handler. added reports whether there was one to add.
func Register(dir string, handlers []Handler) (added bool, err error) {
	taken, err := magics(dir)
	if err != nil {
		return false, err
	}
	for _, h := range handlers {
		if slices.Contains(taken, h.magic) {
			continue
		}
		if err := writeFile(path.Join(dir, "register"), h.String()); err != nil {
			return added, fmt.Errorf("registering %s with the kernel: %w", path.Base(h.interpreter), err)
		}
		added = true
	}
	return added, nil
}
