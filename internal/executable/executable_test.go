package executable

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"
)

// header returns the head of an executable for a processor.
func header(m machine) []byte {
	head := make([]byte, 64)
	copy(head, elf.ELFMAG)
	head[elf.EI_CLASS], head[elf.EI_DATA], head[elf.EI_VERSION] = byte(m.class), byte(m.data), 1
	var order binary.ByteOrder = binary.LittleEndian
	if m.data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	order.PutUint16(head[16:], uint16(elf.ET_EXEC))
	order.PutUint16(head[18:], uint16(m.machine))
	return head
}

func TestReadKnowsEveryArchitecture(t *testing.T) {
	for arch, known := range arches {
		if p := Read(header(known.machine)); p == nil || p.machine != known.machine || p.machine.String() != arch+" ("+known.words+")" {
			t.Errorf("%s is read as %+v", arch, p)
		}
	}
}

// A program is spooled to a temporary file, which must not stay.
func TestReadARMFailures(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	reset := errors.New("connection reset")
	p := Read(header(arches["arm"].machine))
	if err := p.ReadARM(io.MultiReader(bytes.NewReader(header(arches["arm"].machine)), iotest.ErrReader(reset)), 100); !errors.Is(err, reset) {
		t.Errorf("got %v", err)
	}
	if err := p.ReadARM(iotest.ErrReader(reset), maxProgramBytes+1); err != nil || p.version != 0 {
		t.Errorf("a huge program: %v", err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func FuzzReadARM(f *testing.F) {
	f.Add(header(arches["arm"].machine))
	f.Add([]byte("\xff Go buildinf:\x04\x02\nbuild\tGOARM=7\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, size := bytes.NewReader(data), int64(len(data))
		if _, err := attributesVersion(r, size); err != nil {
			t.Error(err)
		}
		if _, err := goVersion(r, size); err != nil {
			t.Error(err)
		}
		cpuVersion(data, binary.LittleEndian)
	})
}

func FuzzReadScript(f *testing.F) {
	for _, seed := range []string{"#!/bin/sh\n", "#!", "#!\r\n", "\xef\xbb\xbf#!/bin/sh", "#!/usr/bin/env -S a b\n", "", "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		if fault := ReadScript(head); fault != nil && (fault.Words == "" || fault.Rule == nil) {
			t.Errorf("got %+v", fault)
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, known := range arches {
		f.Add(header(known.machine))
	}
	f.Add([]byte("\xca\xfe\xba\xbe\x00\x00\x00\x02"))
	f.Add([]byte("MZ"))
	f.Fuzz(func(t *testing.T, head []byte) {
		if p := Read(head); p != nil && p.Format == ELF && p.machine.String() == "" {
			t.Errorf("no words for %+v", p.machine)
		}
	})
}
