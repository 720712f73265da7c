package plan

import (
	"debug/elf"
	"encoding/binary"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func elfHead(machine elf.Machine) string {
	head := make([]byte, 64)
	copy(head, elf.ELFMAG)
	head[elf.EI_CLASS], head[elf.EI_DATA], head[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	binary.LittleEndian.PutUint16(head[16:], uint16(elf.ET_EXEC))
	binary.LittleEndian.PutUint16(head[18:], uint16(machine))
	return string(head)
}

func machOHead(cpu uint32) string {
	head := make([]byte, 64)
	binary.LittleEndian.PutUint32(head, 0xfeedfacf)
	binary.LittleEndian.PutUint32(head[4:], cpu)
	return string(head)
}

func universalHead(cpus ...uint32) string {
	head := make([]byte, 64)
	binary.BigEndian.PutUint32(head, 0xcafebabe)
	binary.BigEndian.PutUint32(head[4:], uint32(len(cpus)))
	binary.BigEndian.PutUint32(head[8:], cpus[0])
	return string(head)
}

func peHead(machine uint16) string {
	head := make([]byte, 128)
	copy(head, "MZ")
	binary.LittleEndian.PutUint32(head[0x3c:], 64)
	copy(head[64:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(head[68:], machine)
	return string(head)
}

// TestProgramsDecide: without any target the content says which platform a
// package is for, and the machine that builds it never does.
func TestProgramsDecide(t *testing.T) {
	t.Parallel()
	const arm64, amd64 = 0x0100000c, 0x01000007
	tests := []struct {
		name, want, warning string
		files               files
	}{
		{"ELF", "linux/arm64 in .", "building for linux/arm64 only, because bin/generate is an ELF executable for arm64 (AArch64)", files{"bin/generate": elfHead(elf.EM_AARCH64)}},
		{"below", "linux/riscv64 in .", "lib/deep/tool is an ELF", files{"bin/generate": "#!/bin/sh\n", "lib/deep/tool": elfHead(elf.EM_RISCV)}},
		{"two for one platform", "linux/arm64 in .", "because bin/detect is", files{"bin/generate": elfHead(elf.EM_AARCH64), "bin/detect": elfHead(elf.EM_AARCH64)}},
		{"Mach-O", "darwin/arm64 in .", "bin/generate is a Mach-O (macOS) executable for arm64", files{"bin/generate": machOHead(arm64)}},
		{"universal with one", "darwin/amd64 in .", "bin/generate is a Mach-O", files{"bin/generate": universalHead(amd64)}},
		{"PE", "windows/amd64 in .", "bin/generate.exe is a PE (Windows) executable for amd64", files{"bin/detect": "#!/bin/sh\n", "bin/generate.exe": peHead(0x8664)}},
		{"left out by the ignore file", "any in .", "", files{"bin/generate": "#!/bin/sh\n", "tool": elfHead(elf.EM_AARCH64), ".dockerignore": "tool\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := extensionDir(t, "", tt.files)
			p, list, err := New(t.Context(), []string{dir}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			e := p.Extensions[0]
			if got := describe(e); !slices.Equal(got, []string{tt.want}) || e.AnyPlatform() != (tt.warning == "") {
				t.Errorf("got %q", got)
			}
			if tt.warning == "" && len(list) == 0 {
				return
			}
			if len(list) != 1 || !strings.Contains(list[0].String(), tt.warning) || list[0].File != filepath.Join(dir, "extension.toml") {
				t.Errorf("got the warnings %v", list)
			}
		})
	}
}

func TestProgramsDisagree(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, toml, want string
		files            files
	}{
		{
			"two platforms", "", "bin/amd64 is an ELF executable for amd64 (x86-64) but bin/arm64 is an ELF executable for arm64 (AArch64)",
			files{"bin/amd64": elfHead(elf.EM_X86_64), "bin/arm64": elfHead(elf.EM_AARCH64)},
		},
		{"a universal file", "", "that of bin/generate, a Mach-O (macOS) executable, is unknown", files{"bin/generate": universalHead(7, 12)}},
		{"a processor nobody knows", "", "is unknown", files{"bin/generate": elfHead(elf.EM_SPARC)}},
		{"another os", "[[targets]]\nos = \"windows\"\n", "target windows has no arch", files{"bin/generate": ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := New(t.Context(), []string{extensionDir(t, tt.toml, tt.files)}, Options{})
			if !diag.IsInvalid(err) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), NamePlatforms) {
				t.Errorf("got %v", err)
			}
		})
	}
}
