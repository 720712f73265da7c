package executable

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/scratch"
)

// The architecture version that a program for 32-bit ARM requires is in a
// section at any offset, and the section table is at the end. Such a program is
// therefore copied to a temporary file, one for each layer that is being read,
// so that memory stays bounded.
const (
	// maxProgramBytes is the size of the largest program that is examined.
	maxProgramBytes = 128 << 20
	// maxAttributesBytes and maxBuildInfoBytes limit what is read into memory.
	// Real sections have less than a hundred bytes and a few kilobytes.
	maxAttributesBytes = 64 << 10
	maxBuildInfoBytes  = 1 << 20
)

// LocalError is a failure of this machine, not of the file.
type LocalError struct{ err error }

func (e *LocalError) Error() string { return "reading a program: " + e.err.Error() }
func (e *LocalError) Unwrap() error { return e.err }

// ReadARM sets the architecture version that the program for 32-bit ARM in r
// requires, if it is recorded. It reads all size bytes of r.
func (p *Program) ReadARM(r io.Reader, size int64) error {
	version, err := readARM(r, size)
	p.version = version
	return err
}

func readARM(r io.Reader, size int64) (version int, err error) {
	if size > maxProgramBytes {
		return 0, nil
	}
	temp, err := scratch.New()
	if err != nil {
		return 0, &LocalError{err}
	}
	defer temp.Remove()
	f, err := os.OpenFile(filepath.Join(temp.Path, "program"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, &LocalError{err}
	}
	defer f.Close()
	if err := spool(f, r); err != nil {
		return 0, err
	}
	if version, err = attributesVersion(f, size); version == 0 && err == nil {
		version, err = goVersion(f, size)
	}
	if err != nil {
		return 0, &LocalError{err}
	}
	return version, nil
}

// spool copies src to a file. It returns a [*LocalError] if writing fails.
func spool(w io.Writer, r io.Reader) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return &LocalError{err}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// attributesVersion reads the build attributes of an ELF file ("ELF for the Arm
// Architecture", section types). Package debug/elf is not used because it does
// not limit the number and size of sections.
func attributesVersion(r io.ReaderAt, size int64) (int, error) {
	const (
		headerBytes, sectionBytes = 52, 40
		typeAttributes            = 0x70000003 // SHT_ARM_ATTRIBUTES
		flagCompressed            = uint32(elf.SHF_COMPRESSED)
	)
	header, err := readAt(r, 0, headerBytes, size)
	if header == nil {
		return 0, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(header[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	at, count := int64(order.Uint32(header[32:])), int64(order.Uint16(header[48:]))
	if at == 0 || order.Uint16(header[46:]) != sectionBytes {
		return 0, nil
	}
	sections, err := readAt(r, at, count*sectionBytes, size)
	if err != nil {
		return 0, err
	}
	for ; len(sections) >= sectionBytes; sections = sections[sectionBytes:] {
		length := int64(order.Uint32(sections[20:]))
		if order.Uint32(sections[4:]) != typeAttributes || order.Uint32(sections[8:])&flagCompressed != 0 || length > maxAttributesBytes {
			continue
		}
		data, err := readAt(r, int64(order.Uint32(sections[16:])), length, size)
		return cpuVersion(data, order), err // there is only one
	}
	return 0, nil
}

// readAt reads n bytes. It returns nil if the file is shorter.
func readAt(r io.ReaderAt, at, n, size int64) ([]byte, error) {
	if n <= 0 || at > size || n > size-at {
		return nil, nil
	}
	data := make([]byte, n)
	if _, err := r.ReadAt(data, at); err != nil {
		return nil, err
	}
	return data, nil
}

// cpuVersion returns the architecture version in the build attributes, or 0
// ("Addenda to, and Errata in, the ABI for the Arm Architecture", "Build
// Attributes").
func cpuVersion(data []byte, order binary.ByteOrder) int {
	const tagFile, formatVersion = 1, 'A'
	if len(data) == 0 || data[0] != formatVersion {
		return 0
	}
	// A section of subsections, one for each vendor, of attributes for the
	// file, its sections or symbols; each begins with its own length.
	for data = data[1:]; len(data) > 4; {
		vendor, rest := cutBlock(data, 0, order)
		data = rest
		name, blocks, _ := bytes.Cut(vendor, []byte{0})
		if string(name) != "aeabi" {
			continue
		}
		for len(blocks) > 5 {
			scope := blocks[0]
			var attributes []byte
			attributes, blocks = cutBlock(blocks, 1, order)
			if scope == tagFile {
				return fileVersion(attributes)
			}
		}
	}
	return 0
}

// cutBlock returns the content of the block at the beginning of data and the
// remaining data. The length of the whole block is at offset at.
func cutBlock(data []byte, at int, order binary.ByteOrder) (block, rest []byte) {
	length := int64(order.Uint32(data[at:]))
	if length < int64(at+4) || length > int64(len(data)) {
		return nil, nil
	}
	return data[at+4 : length], data[length:]
}

// fileVersion reads the attributes of a file up to Tag_CPU_arch.
func fileVersion(attributes []byte) int {
	const tagRawName, tagName, tagArch, tagCompatibility = 4, 5, 6, 32
	for len(attributes) > 0 {
		tag, n := binary.Uvarint(attributes) // ULEB128
		if n <= 0 {
			return 0
		}
		attributes = attributes[n:]
		text := tag == tagRawName || tag == tagName || tag > tagCompatibility && tag%2 == 1
		if !text {
			value, n := binary.Uvarint(attributes)
			if n <= 0 {
				return 0
			}
			attributes = attributes[n:]
			if tag == tagArch {
				return versionOf(value)
			}
		}
		if text || tag == tagCompatibility {
			_, attributes, _ = bytes.Cut(attributes, []byte{0})
		}
	}
	return 0
}

// versionOf returns the architecture version of a Tag_CPU_arch.
func versionOf(arch uint64) int {
	switch {
	case arch <= 2: // before v4, v4, v4T
		return 4
	case arch <= 5: // v5T, v5TE, v5TEJ
		return 5
	case arch == 10 || arch == 13: // v7, v7E-M
		return 7
	case arch <= 12: // v6 and its extensions
		return 6
	case arch <= 21: // v8-A to v8.1-M
		return 8
	case arch == 22:
		return 9
	}
	return 0
}

// goVersion returns the GOARM value that the Go toolchain recorded. The Go
// linker writes build information instead of build attributes. Programs exit on
// an older processor. Package debug/buildinfo is not used because it has the
// limits of debug/elf.
func goVersion(r io.ReaderAt, size int64) (int, error) {
	const (
		magic    = "\xff Go buildinf:"
		setting  = "\nbuild\tGOARM="
		aligned  = 16
		chunk    = 64 << 10
		flagsAt  = 15
		isInline = 2 // of the flags: the text follows
		// Programs that read build information contain the magic too.
		maxFinds = 16
	)
	buf := make([]byte, chunk)
	for at, finds := int64(0), 0; at < size && finds < maxFinds; at += chunk {
		n, err := r.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i := 0; i+aligned <= n; i += aligned {
			if !bytes.HasPrefix(buf[i:n], []byte(magic)) || buf[i+flagsAt]&isInline == 0 {
				continue
			}
			if finds++; finds > maxFinds {
				break
			}
			start := at + int64(i)
			info, err := readAt(r, start, min(size-start, maxBuildInfoBytes), size)
			if err != nil {
				return 0, err
			}
			if _, value, ok := strings.Cut(string(info), setting); ok && value != "" {
				version, err := strconv.Atoi(value[:1]) // "6" or "6,softfloat"
				if err == nil {
					return version, nil
				}
			}
		}
	}
	return 0, nil
}
