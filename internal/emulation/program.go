package emulation

import (
	"bytes"
	"encoding/binary"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// base is the address that a program is loaded at.
	base = 0x400000
	// notStarted is the exit code of a program that could not start the other.
	notStarted = 42
	// second is the path of the program that the first one starts.
	second = "/second"
)

// machine is the code of programs of an architecture (System V ABI, "Object
// Files", and its processor supplements).
type machine struct {
	number uint16 // e_machine
	flags  uint32 // e_flags
	wide   bool   // 64 bits
	order  binary.ByteOrder
	// exit exits with 0.
	exit []byte
	// start returns code that executes the path at an address, and exits with
	// notStarted if that fails.
	start func(path uint32) []byte
}

// words returns machine code of 32-bit little-endian instructions.
func words(list ...uint32) []byte {
	var code []byte
	for _, w := range list {
		code = binary.LittleEndian.AppendUint32(code, w)
	}
	return code
}

// patch returns a copy of code with value at an offset.
func patch(code []byte, order binary.ByteOrder, offset int, value uint32) []byte {
	code = bytes.Clone(code)
	order.PutUint32(code[offset:], value)
	return code
}

var machines = map[string]machine{
	"amd64": {
		62, 0, true, binary.LittleEndian,
		// mov eax, 60; xor edi, edi; syscall
		[]byte{0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05},
		// mov edi, path; xor esi, esi; xor edx, edx; mov eax, 59; syscall
		// mov edi, 42; mov eax, 60; syscall
		func(path uint32) []byte {
			return patch([]byte{
				0xbf, 0, 0, 0, 0, 0x31, 0xf6, 0x31, 0xd2, 0xb8, 59, 0, 0, 0, 0x0f, 0x05,
				0xbf, notStarted, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05,
			}, binary.LittleEndian, 1, path)
		},
	},
	"386": {
		3, 0, false, binary.LittleEndian,
		// mov eax, 1; xor ebx, ebx; int 0x80
		[]byte{0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80},
		// mov ebx, path; xor ecx, ecx; xor edx, edx; mov eax, 11; int 0x80
		// mov ebx, 42; mov eax, 1; int 0x80
		func(path uint32) []byte {
			return patch([]byte{
				0xbb, 0, 0, 0, 0, 0x31, 0xc9, 0x31, 0xd2, 0xb8, 11, 0, 0, 0, 0xcd, 0x80,
				0xbb, notStarted, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0xcd, 0x80,
			}, binary.LittleEndian, 1, path)
		},
	},
	"arm64": {
		183, 0, true, binary.LittleEndian,
		// mov x8, #93; mov x0, #0; svc #0
		words(0xd2800ba8, 0xd2800000, 0xd4000001),
		// movz x0, #low; movk x0, #high, lsl #16; mov x1, #0; mov x2, #0; mov x8, #221; svc #0
		// mov x8, #93; mov x0, #42; svc #0
		func(path uint32) []byte {
			return words(0xd2800000|path&0xffff<<5, 0xf2a00000|path>>16<<5, 0xd2800001, 0xd2800002, 0xd2801ba8, 0xd4000001,
				0xd2800ba8, 0xd2800000|notStarted<<5, 0xd4000001)
		},
	},
	"arm": {
		40, 0x05000000, false, binary.LittleEndian,
		// mov r7, #1; mov r0, #0; svc #0
		words(0xe3a07001, 0xe3a00000, 0xef000000),
		// mov r0, #base; add r0, r0, #offset; mov r1, #0; mov r2, #0; mov r7, #11; svc #0
		// mov r7, #1; mov r0, #42; svc #0
		func(path uint32) []byte {
			return words(0xe3a00501, 0xe2800000|path-base, 0xe3a01000, 0xe3a02000, 0xe3a0700b, 0xef000000,
				0xe3a07001, 0xe3a00000|notStarted, 0xef000000)
		},
	},
	"riscv64": {
		243, 0, true, binary.LittleEndian,
		// li a7, 93; li a0, 0; ecall
		words(0x05d00893, 0x00000513, 0x00000073),
		// lui a0, high; addi a0, a0, low; li a1, 0; li a2, 0; li a7, 221; ecall
		// li a7, 93; li a0, 42; ecall
		func(path uint32) []byte {
			return words(path&^0xfff|0x537, path&0xfff<<20|0x00050513, 0x00000593, 0x00000613, 0x0dd00893, 0x00000073,
				0x05d00893, notStarted<<20|0x00000513, 0x00000073)
		},
	},
	"ppc64le": {
		21, 2, true, binary.LittleEndian,
		// li 0, 1; li 3, 0; sc
		words(0x38000001, 0x38600000, 0x44000002),
		// lis 3, high; ori 3, 3, low; li 4, 0; li 5, 0; li 0, 11; sc
		// li 0, 1; li 3, 42; sc
		func(path uint32) []byte {
			return words(0x3c600000|path>>16, 0x60630000|path&0xffff, 0x38800000, 0x38a00000, 0x3800000b, 0x44000002,
				0x38000001, 0x38600000|notStarted, 0x44000002)
		},
	},
	"s390x": {
		22, 0, true, binary.BigEndian,
		// lghi %r2, 0; svc 1
		[]byte{0xa7, 0x29, 0, 0, 0x0a, 1},
		// llilf %r2, path; lghi %r3, 0; lghi %r4, 0; svc 11
		// lghi %r2, 42; svc 1
		func(path uint32) []byte {
			return patch([]byte{
				0xc0, 0x2f, 0, 0, 0, 0, 0xa7, 0x39, 0, 0, 0xa7, 0x49, 0, 0, 0x0a, 11,
				0xa7, 0x29, 0, notStarted, 0x0a, 1,
			}, binary.BigEndian, 2, path)
		},
	},
}

// programs returns two Linux executables for a platform: one that starts the
// other, and the other, which exits with 0. ok is false if none are known.
func programs(p v1.Platform) (first, other []byte, ok bool) {
	m, ok := machines[p.Architecture]
	if !ok || p.OS != "linux" {
		return nil, nil, false
	}
	path := base + m.codeOffset() + uint32(len(m.start(base))) //nolint:gosec // a few bytes
	return m.file(append(m.start(path), second+"\x00"...)), m.file(m.exit), true
}

// codeOffset returns the offset of the code in a file.
func (m machine) codeOffset() uint32 {
	if m.wide {
		return 64 + 56
	}
	return 52 + 32
}

// file returns an executable with code.
func (m machine) file(code []byte) []byte {
	const (
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
	start := m.codeOffset()
	size := start + uint32(len(code)) //nolint:gosec // a few bytes
	put([]byte{0x7f, 'E', 'L', 'F', class, data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	put(uint16(2), m.number, uint32(1), address(base+start), address(uint32(headers)), address(0), m.flags)
	put(headers, segment, uint16(1), uint16(0), uint16(0), uint16(0))
	if m.wide {
		put(uint32(load), uint32(readExec), address(0), address(base), address(base), address(size), address(size), address(align))
	} else {
		put(uint32(load), address(0), address(base), address(base), address(size), address(size), uint32(readExec), address(align))
	}
	put(code)
	return buf.Bytes()
}
