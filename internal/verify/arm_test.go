package verify

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// armProgram returns a program for 32-bit ARM with these build attributes.
func armProgram(attributes []byte) []byte {
	const header, section = 52, 40
	var b bytes.Buffer
	b.WriteString(elfHeader("arm")[:24])
	word := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes everything
		}
	}
	at := uint32(header + len(attributes))
	word(uint32(0), uint32(0), at, uint32(0), uint16(header), uint16(0), uint16(0), uint16(section), uint16(2), uint16(0))
	b.Write(attributes)
	b.Write(make([]byte, section)) // the null section
	word(uint32(0), uint32(0x70000003), uint32(0), uint32(0), uint32(header), uint32(len(attributes)), uint32(0), uint32(0), uint32(1), uint32(0))
	return b.Bytes()
}

// buildAttributes encodes as assemblers do: a name of the processor first, then
// Tag_CPU_arch.
func buildAttributes(arch byte) []byte {
	tags := append([]byte("\x05Cortex\x00\x06"), arch, 8, 1, 44, 0)
	file := block(append([]byte{1}, block4(5+len(tags))...), tags)
	vendor := append([]byte("aeabi\x00"), file...)
	return append([]byte{'A'}, block(block4(4+len(vendor)), vendor)...)
}

func block(head, content []byte) []byte { return append(head, content...) }

func block4(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }

// onARM makes the package for one variant of 32-bit ARM, with a program.
func onARM(variant, program string) func(*testPackage) {
	return func(p *testPackage) {
		p.platforms, p.promise = []v1.Platform{{OS: "linux", Architecture: "arm", Variant: variant}}, nil
		p.files = func(_ int, files []file) []file {
			files[6] = reg(testDir+"bin/generate", "#!/bin/sh\n", 0o755)
			return append(files, reg(testDir+"lib/tool", program, 0o755))
		}
	}
}

func TestARMVariants(t *testing.T) {
	t.Parallel()
	for arch, version := range map[byte]int{1: 4, 3: 5, 4: 5, 6: 6, 7: 6, 9: 6, 10: 7, 13: 7, 14: 8} {
		program := string(armProgram(buildAttributes(arch)))
		for n, variant := range map[int]string{5: "v5", 6: "v6", 7: "v7", 8: "v8"} {
			t.Run(fmt.Sprintf("v%d in %s", version, variant), func(t *testing.T) {
				p := validPackage()
				onARM(variant, program)(p)
				found := p.check(t)
				if version <= n {
					if len(found) != 0 {
						t.Errorf("findings:\n%s", lines(found))
					}
					return
				}
				want := fmt.Sprintf("lib/tool requires ARMv%d, but this image is for ARMv%d", version, n)
				if len(found) != 1 || found[0].ID != "binary-variant" || found[0].Message != want || found[0].Subject != "lib/tool" {
					t.Errorf("want %q, findings:\n%s", want, lines(found))
				}
			})
		}
	}
	v7 := string(armProgram(buildAttributes(10)))
	v8 := string(armProgram(buildAttributes(14)))
	run(t, map[string]mutation{
		"no variant is v7": {onARM("", v7), "", ""},
		"no variant":       {onARM("", v8), "binary-variant", "requires ARMv8, but this image is for ARMv7"},
		"allowed":          {func(p *testPackage) { onARM("v6", v7)(p); p.opts.AllowPlatformMismatch = true }, "binary-variant", "requires ARMv7"},
		"no attributes":    {onARM("v6", elfHeader("arm")), "", ""},
		"cut short":        {onARM("v6", v7[:len(v7)-1]), "", ""},
		"another machine": {func(p *testPackage) {
			onARM("v6", v7)(p)
			p.platforms = []v1.Platform{amd64}
		}, "binary-platform", "lib/tool is built for arm"},
	})
}

// goProgram returns a program for 32-bit ARM as Go's linker writes it: without
// build attributes, but with build information.
func goProgram(t *testing.T, goarm string) []byte {
	t.Helper()
	const header, segment = 52, 32
	const at = 96 // the first multiple of 16 after both
	text := func(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }
	mark := func(s string) string { return strings.Repeat("m", 16) + s + strings.Repeat("m", 16) } // which readers cut off
	info := append([]byte("\xff Go buildinf:\x04\x02"), make([]byte, 16)...)
	info = append(append(info, text("go1.26")...), text(mark("path\tcommand\nbuild\tGOOS=linux\nbuild\tGOARM="+goarm+"\n"))...)
	info = append(info, make([]byte, 64)...) // readers want to read ahead

	var b bytes.Buffer
	b.WriteString(elfHeader("arm")[:20])
	size := uint32(len(info))
	for _, v := range []any{
		uint32(1), uint32(0), uint32(header), uint32(0), uint32(0), uint16(header), uint16(segment), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(elf.PT_LOAD), uint32(at), uint32(at), uint32(at), size, size, uint32(elf.PF_R | elf.PF_W), uint32(16),
	} {
		_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes everything
	}
	b.Write(make([]byte, at-header-segment))
	b.Write(info)
	read, err := buildinfo.Read(bytes.NewReader(b.Bytes()))
	if err != nil || !slices.Contains(read.Settings, debug.BuildSetting{Key: "GOARM", Value: goarm}) {
		t.Fatalf("the standard library reads %+v, %v", read, err)
	}
	return b.Bytes()
}

func TestARMFromGo(t *testing.T) {
	t.Parallel()
	for _, goarm := range []string{"5", "6", "7,softfloat"} {
		program := string(goProgram(t, goarm))
		for n, variant := range map[int]string{5: "v5", 6: "v6", 7: "v7"} {
			p := validPackage()
			onARM(variant, program)(p)
			version := int(goarm[0] - '0')
			found := p.check(t)
			if version <= n && len(found) != 0 || version > n && (len(found) != 1 || found[0].ID != "binary-variant") {
				t.Errorf("GOARM=%s in %s, findings:\n%s", goarm, variant, lines(found))
			}
		}
	}
}

// TestARMLeavesNoFiles: no files are left, however the program ends.
func TestARMLeavesNoFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	program := armProgram(buildAttributes(10))
	p := validPackage()
	onARM("v7", string(program))(p)
	if found := p.check(t); len(found) != 0 {
		t.Errorf("findings:\n%s", lines(found))
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "missing"))
	onARM("v6", string(program))(p)
	l, root := p.build(t)
	if found, err := Check(t.Context(), l, root, Options{}); err == nil || len(found) != 0 {
		t.Errorf("without a place for temporary files: %v, findings:\n%s", err, lines(found))
	}
}
