package doctor

import (
	"bytes"
	"encoding/binary"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// machine is the code of a program that exits with 0 for an architecture
// (System V ABI, "Object Files", and its processor supplements).
type machine struct {
	number uint16 // e_machine
	flags  uint32 // e_flags
	wide   bool   // 64 bits
	order  binary.ByteOrder
	code   []byte
}

// words returns machine code of 32-bit little-endian instructions.
func words(list ...uint32) []byte {
	var code []byte
	for _, w := range list {
		code = binary.LittleEndian.AppendUint32(code, w)
	}
	return code
}

var machines = map[string]machine{
	// mov eax, 60; xor edi, edi; syscall
	"amd64": {62, 0, true, binary.LittleEndian, []byte{0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05}},
	// mov eax, 1; xor ebx, ebx; int 0x80
	"386": {3, 0, false, binary.LittleEndian, []byte{0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80}},
	// mov x8, #93; mov x0, #0; svc #0
	"arm64": {183, 0, true, binary.LittleEndian, words(0xd2800ba8, 0xd2800000, 0xd4000001)},
	// mov r7, #1; mov r0, #0; svc #0
	"arm": {40, 0x05000000, false, binary.LittleEndian, words(0xe3a07001, 0xe3a00000, 0xef000000)},
	// li a7, 93; li a0, 0; ecall
	"riscv64": {243, 0, true, binary.LittleEndian, words(0x05d00893, 0x00000513, 0x00000073)},
	// li 0, 1; li 3, 0; sc
	"ppc64le": {21, 2, true, binary.LittleEndian, words(0x38000001, 0x38600000, 0x44000002)},
	// lghi %r2, 0; svc 1
	"s390x": {22, 0, true, binary.BigEndian, []byte{0xa7, 0x29, 0, 0, 0x0a, 1}},
}

// program returns a Linux executable for a platform that exits with 0, or nil
// if none is known.
func program(p v1.Platform) []byte {
	m, ok := machines[p.Architecture]
	if !ok || p.OS != "linux" {
		return nil
	}
	const (
		base     = 0x400000
		align    = 0x10000
		readExec = 5
		load     = 1
	)
	var buf bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&buf, m.order, v) // writing to memory cannot fail
		}
	}
	class, headers, segment := byte(1), uint16(52), uint16(32)
	if m.wide {
		class, headers, segment = 2, 64, 56
	}
	data := byte(1)
	if m.order == binary.BigEndian {
		data = 2
	}
	address := func(n uint32) any {
		if m.wide {
			return uint64(n)
		}
		return n
	}
	start := uint32(headers + segment)
	size := start + uint32(len(m.code)) //nolint:gosec // a few bytes
	put([]byte{0x7f, 'E', 'L', 'F', class, data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	put(uint16(2), m.number, uint32(1), address(base+start), address(uint32(headers)), address(0), m.flags)
	put(headers, segment, uint16(1), uint16(0), uint16(0), uint16(0))
	if m.wide {
		put(uint32(load), uint32(readExec), address(0), address(base), address(base), address(size), address(size), address(align))
	} else {
		put(uint32(load), address(0), address(base), address(base), address(size), address(size), uint32(readExec), address(align))
	}
	put(m.code)
	return buf.Bytes()
}
