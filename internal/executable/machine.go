// Package executable reads how a file is run from its header: the format and
// processor of a program, the interpreter of a script. It reports whether Linux
// on a platform can run it. It reads only headers, except for programs for
// 32-bit ARM, which record their requirements at the end.
package executable

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/platform"
)

// machine is the processor in an ELF header. The e_machine value is not
// sufficient: ppc64 and ppc64le share one, as do the variants of MIPS.
type machine struct {
	machine elf.Machine
	class   elf.Class
	data    elf.Data
}

// arches maps GOARCH names, which OCI's architectures are (image-spec
// config.md, "architecture"), to ELF, and to the name that other tools use.
var arches = map[string]struct {
	machine
	words string
}{
	"386":      {machine{elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB}, "x86"},
	"amd64":    {machine{elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB}, "x86-64"},
	"arm":      {machine{elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB}, "32-bit ARM"},
	"arm64":    {machine{elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB}, "AArch64"},
	"loong64":  {machine{elf.EM_LOONGARCH, elf.ELFCLASS64, elf.ELFDATA2LSB}, "LoongArch"},
	"mips":     {machine{elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2MSB}, "32-bit big-endian MIPS"},
	"mipsle":   {machine{elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2LSB}, "32-bit little-endian MIPS"},
	"mips64":   {machine{elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2MSB}, "64-bit big-endian MIPS"},
	"mips64le": {machine{elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2LSB}, "64-bit little-endian MIPS"},
	"ppc64":    {machine{elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2MSB}, "big-endian POWER"},
	"ppc64le":  {machine{elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2LSB}, "little-endian POWER"},
	"riscv64":  {machine{elf.EM_RISCV, elf.ELFCLASS64, elf.ELFDATA2LSB}, "64-bit RISC-V"},
	"s390x":    {machine{elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB}, "IBM Z"},
}

// String returns "amd64 (x86-64)", or the ELF constants of an unknown machine.
func (m machine) String() string {
	for arch, known := range arches {
		if known.machine == m {
			return fmt.Sprintf("%s (%s)", arch, known.words)
		}
	}
	bits, order := "32-bit", "little-endian"
	if m.class == elf.ELFCLASS64 {
		bits = "64-bit"
	}
	if m.data == elf.ELFDATA2MSB {
		order = "big-endian"
	}
	name := m.machine.String()
	if strings.Contains(name, "+") { // an unknown value, formatted as a constant plus an offset
		name = fmt.Sprintf("machine %d", uint16(m.machine))
	}
	return fmt.Sprintf("%s (%s %s)", name, bits, order)
}

// Format is the kind of an executable file.
type Format string

// Known formats.
const (
	ELF   Format = "ELF"
	MachO Format = "Mach-O (macOS)"
	PE    Format = "PE (Windows)"
)

// Program is the header of a program or a shared object.
type Program struct {
	Format Format
	// machine is set for ELF only.
	machine machine
	// os and arch are Go's names. arch is "" if Go has no name, or if the file
	// is for several architectures.
	os, arch string
	// version is the architecture version that a program for 32-bit ARM
	// requires, or 0 if unknown.
	version int
}

// HeadBytes is the number of bytes that Read needs. A PE header follows a short
// DOS stub.
const HeadBytes = 4096

// Read returns the program in the head of a file, or nil if it is not a
// program. Relocatable objects, core dumps and eBPF programs are not programs.
// Neither are Windows DLLs: .NET uses them for portable code on every system.
func Read(head []byte) *Program {
	switch {
	case len(head) < 20:
		return nil
	case string(head[:4]) == elf.ELFMAG:
		return readELF(head)
	case isMachO(head):
		return &Program{Format: MachO, os: "darwin", arch: machOArch(head)}
	case isPE(head):
		return &Program{Format: PE, os: "windows", arch: peArches[binary.LittleEndian.Uint16(head[peHeader(head)+4:])]}
	}
	return nil
}

// Platform returns the platform that the program is built for. ok is false if
// the header does not determine it.
func (p *Program) Platform() (of v1.Platform, ok bool) {
	of = v1.Platform{OS: p.os, Architecture: p.arch}
	if p.version > 0 {
		of.Variant = "v" + strconv.Itoa(p.version)
	}
	return normalize(of), p.arch != ""
}

// String returns the format and the processor of the program.
func (p *Program) String() string {
	if p.Format == ELF {
		return fmt.Sprintf("an ELF executable for %s", p.machine)
	}
	if p.arch == "" {
		return fmt.Sprintf("a %s executable", p.Format)
	}
	return fmt.Sprintf("a %s executable for %s", p.Format, p.arch)
}

// IsARM reports whether the program is for 32-bit ARM, so that [ReadARM] can
// read its version.
func (p *Program) IsARM() bool { return p.machine.machine == elf.EM_ARM }

// Mismatch returns why the program does not run on a platform, as the end of a
// sentence about the program, or "" if it runs or that is unknown. variant
// reports whether only the variant of the platform is too old.
func (p *Program) Mismatch(on v1.Platform) (words string, variant bool) {
	arch := normalize(on).Architecture
	want, known := arches[arch]
	this := platform.Format(on)
	if known {
		this = fmt.Sprintf("%s (%s)", this, want.words)
	}
	switch {
	case p.Format != ELF:
		return fmt.Sprintf("is a %s executable, but this image is %s", p.Format, this), false
	case known && p.machine != want.machine:
		return fmt.Sprintf("is built for %s, but this image is %s", p.machine, this), false
	case arch != "arm":
		return "", false
	}
	have, err := strconv.Atoi(strings.TrimPrefix(normalize(on).Variant, "v"))
	if err != nil || p.version <= have {
		return "", false
	}
	return fmt.Sprintf("requires ARMv%d, but this image is for ARMv%d", p.version, have), true
}

// normalize returns a platform without an os unchanged. containerd would use
// the os of this machine.
func normalize(p v1.Platform) v1.Platform {
	if p.OS == "" {
		return p
	}
	return platforms.Normalize(p)
}

// Foreign returns what a program with this head is built for if that is not the
// platform, or "" if it is, or if head is not that of a program.
func Foreign(head []byte, p v1.Platform) string {
	exe := Read(head)
	want, known := arches[normalize(p).Architecture]
	switch {
	case exe == nil:
		return ""
	case exe.Format != ELF:
		return string(exe.Format)
	case known && exe.machine != want.machine:
		return exe.machine.String()
	}
	return ""
}

// readELF reads the fields that all classes share: e_ident, e_type and
// e_machine (System V ABI, "ELF Header").
func readELF(head []byte) *Program {
	m := machine{class: elf.Class(head[elf.EI_CLASS]), data: elf.Data(head[elf.EI_DATA])}
	var order binary.ByteOrder = binary.LittleEndian
	if m.data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	m.machine = elf.Machine(order.Uint16(head[18:]))
	switch elf.Type(order.Uint16(head[16:])) {
	case elf.ET_EXEC, elf.ET_DYN:
		p := &Program{Format: ELF, machine: m, os: "linux"}
		// Most Linux programs have the System V ABI.
		if os, ok := elfSystems[elf.OSABI(head[elf.EI_OSABI])]; ok {
			p.os = os
		}
		for arch, known := range arches {
			if known.machine == m {
				p.arch = arch
			}
		}
		return p
	}
	return nil
}

var elfSystems = map[elf.OSABI]string{
	elf.ELFOSABI_FREEBSD: "freebsd", elf.ELFOSABI_NETBSD: "netbsd", elf.ELFOSABI_OPENBSD: "openbsd", elf.ELFOSABI_SOLARIS: "solaris",
}

// machOArches and peArches map the processors of both formats (Apple,
// mach/machine.h; Microsoft, "PE Format") to Go's names.
var (
	machOArches = map[uint32]string{7: "386", 12: "arm", 0x01000007: "amd64", 0x0100000c: "arm64"}
	peArches    = map[uint16]string{0x14c: "386", 0x1c4: "arm", 0x8664: "amd64", 0xaa64: "arm64"}
)

// machOArch returns the architecture of a thin file, or of a universal file
// with one architecture.
func machOArch(head []byte) string {
	var order binary.ByteOrder = binary.BigEndian
	at := 4
	switch binary.BigEndian.Uint32(head) {
	case 0xcefaedfe, 0xcffaedfe:
		order = binary.LittleEndian
	case 0xcafebabe, 0xcafebabf:
		if order.Uint32(head[4:]) != 1 {
			return ""
		}
		at = 8
	}
	return machOArches[order.Uint32(head[at:])]
}

// isMachO reports whether head is that of a thin or universal file. Java
// classes have the magic of universal files, followed by a version of 45 or
// more instead of the number of architectures.
func isMachO(head []byte) bool {
	switch binary.BigEndian.Uint32(head) {
	case 0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe:
		return true
	case 0xcafebabe, 0xcafebabf:
		return binary.BigEndian.Uint32(head[4:]) < 45
	}
	return false
}

// isPE reports whether head is that of a PE program that is not a DLL.
func isPE(head []byte) bool {
	const characteristicsAt, fileDLL = 22, 0x2000
	at := peHeader(head)
	return at > 0 && binary.LittleEndian.Uint16(head[at+characteristicsAt:])&fileDLL == 0
}

// peHeader returns the offset of the PE header, which is stored at 0x3c
// (Microsoft, "PE Format"), or 0 if there is none.
func peHeader(head []byte) int64 {
	const offsetAt, headerBytes = 0x3c, 24
	if string(head[:2]) != "MZ" || len(head) < offsetAt+4 {
		return 0
	}
	at := int64(binary.LittleEndian.Uint32(head[offsetAt:]))
	if at+headerBytes > int64(len(head)) || string(head[at:at+4]) != "PE\x00\x00" {
		return 0
	}
	return at
}
