package content

import (
	"debug/elf"
	"encoding/binary"
	"io/fs"
	"testing"
)

// TestModesOfContent: the modes that a system without modes determines are those
// that files have in a checkout on one with modes.
func TestModesOfContent(t *testing.T) {
	t.Parallel()
	program := make([]byte, 64)
	copy(program, elf.ELFMAG)
	program[elf.EI_CLASS], program[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	binary.LittleEndian.PutUint16(program[16:], uint16(elf.ET_EXEC))
	binary.LittleEndian.PutUint16(program[18:], uint16(elf.EM_X86_64))
	got := read(t, map[string]string{
		"bin/detect": "#!/bin/sh\n", "bin/generate": string(program), "lib/tool": "#!/usr/bin/env bash\n",
		"README.md": "# Read me\n", "empty": "", "folder/": "", "link": "-> README.md",
	})
	if err := got.setModes(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		"bin/detect": 0o755, "bin/generate": 0o755, "lib/tool": 0o755, "README.md": 0o644, "empty": 0o644,
	} {
		if f, ok := got.Lookup(name); !ok || f.Mode != want {
			t.Errorf("%s: got mode %v, want %v", name, f.Mode, want)
		}
	}
	for name, want := range map[string]fs.FileMode{"folder": fs.ModeDir, "link": fs.ModeSymlink} {
		if f, ok := got.Lookup(name); !ok || f.Mode.Type() != want {
			t.Errorf("%s: got mode %v, want type %v", name, f.Mode, want)
		}
	}
}
