package verify

import (
	"archive/tar"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestDescriptor(t *testing.T) {
	t.Parallel()
	text := func(text string) func(*testPackage) { return replacing(reg(testDir+"extension.toml", text, 0o644)) }
	run(t, map[string]mutation{
		"missing": {
			onSecond(func(files []file) []file { return files[:len(files)-1] }), idDescriptorMissing,
			"the layer contains no /cnb/extensions/samples_curl/0.0.1/extension.toml",
		},
		"a directory": {onSecond(func(files []file) []file {
			return append(files[:len(files)-1], file{Header: tar.Header{Name: testDir + "extension.toml/", Typeflag: tar.TypeDir, Mode: 0o755}})
		}), idDescriptorInvalid, "extension.toml is a directory, not a file"},
		"a symlink": {onSecond(func(files []file) []file {
			return append(files[:len(files)-1], reg(testDir+"other.toml", testTOML, 0o644), link("extension.toml", "other.toml", tar.TypeSymlink))
		}), idDescriptorInvalid, "extension.toml is a symlink, not a file"},
		"too large":     {text(testTOML + strings.Repeat("#", maxDescriptorBytes)), idDescriptorInvalid, "the limit is 262144"},
		"large":         {text(testTOML + strings.Repeat("#", maxDescriptorBytes-len(testTOML))), "", ""},
		"not TOML":      {text("api = "), idDescriptorInvalid, "extension.toml is not valid: extension.toml:1:"},
		"no text":       {text("api = 1"), idDescriptorInvalid, "extension.toml is not valid: extension.toml:1:7: api must be a string"},
		"byte order":    {text("\uFEFF" + testTOML), "", ""},
		"other id":      {text(strings.Replace(testTOML, testID, "samples/wget", 1)), idDescriptorMismatch, `has the id "samples/wget", but the label has "samples/curl"`},
		"other version": {text(strings.Replace(testTOML, testVersion, "0.0.2", 1)), idDescriptorMismatch, `has the version "0.0.2"`},
		"other api":     {text(strings.Replace(testTOML, "0.10", "0.9", 1)), idDescriptorMismatch, `has the api "0.9"`},
		"major api":     {text(strings.Replace(testTOML, "0.10", "1", 1)), idDescriptorMismatch, `has the api "1.0"`},
		"unknown keys":  {text(testTOML + "[metadata]\nx = 1\n"), "", ""},
	})
}

func TestEntryPoints(t *testing.T) {
	t.Parallel()
	script := func(mode int64) file { return reg(testDir+"bin/generate", "#!/bin/sh\n", mode) }
	detect := func(target string) file { return link("bin/detect", target, tar.TypeSymlink) }
	run(t, map[string]mutation{
		"script":     {replacing(script(0o755)), "", ""},
		"hard link":  {adding(link("bin/other", "/"+testDir+"bin/generate", tar.TypeLink)), "", ""},
		"none":       {onSecond(func(files []file) []file { return append(files[:4:4], files[7:]...) }), "", ""},
		"dangling":   {replacing(detect("nowhere")), "entry-point", "bin/detect links to nowhere, which is not in the package"},
		"loop":       {replacing(detect("detect")), "entry-point", "bin/detect links to detect, which is not in the package"},
		"directory":  {replacing(detect("../bin")), "entry-point", "bin/detect is not a file"},
		"roundabout": {replacing(detect("/cnb/extensions/samples_curl/0.0.1/bin/../bin/./generate")), "", ""},
		"not executable": {onSecond(func(files []file) []file {
			files[5], files[6] = reg(testDir+"bin/detect", "#!/bin/sh\n", 0o755), script(0o644)
			return files
		}), "entry-point", "bin/generate has mode 0644, so not every user can execute it"},
		"only for its owner": {onSecond(func(files []file) []file {
			files[5], files[6] = reg(testDir+"bin/detect", "#!/bin/sh\n", 0o755), script(0o744)
			return files
		}), "entry-point", "bin/generate has mode 0744"},
	})
}

func TestPaths(t *testing.T) {
	t.Parallel()
	at := func(name string) file { return reg(name, "", 0o644) }
	special := func(kind byte) file {
		return file{Header: tar.Header{Name: testDir + "x", Typeflag: kind, Mode: 0o644}}
	}
	run(t, map[string]mutation{
		"dots":              {adding(at(testDir + "../../../../etc/passwd")), idPathUnsafe, "the layer contains the path"},
		"dots that stay":    {adding(at(testDir + "a/../b")), idPathUnsafe, "the layer contains the path"},
		"two dots in names": {adding(at(testDir + "a..b")), "", ""},
		"absolute":          {adding(at("/" + testDir + "x")), idPathAbsolute, "1 paths in the layer are absolute"},
		"dot slash":         {adding(at("./" + testDir + "x")), "", ""},
		"outside":           {adding(at("etc/passwd")), idPathOutside, "the layer contains etc/passwd, which is outside cnb/extensions/samples_curl/0.0.1"},
		"beside":            {adding(at("cnb/extensions/samples_curl/0.0.10/x")), idPathOutside, "is outside"},
		"another version": {
			adding(file{Header: tar.Header{Name: "cnb/extensions/samples_curl/0.0.2/", Typeflag: tar.TypeDir, Mode: 0o755}}),
			idPathOutside, "0.0.2, which is outside",
		},
		"twice":              {adding(reg(testDir+"bin/generate", "#!/bin/sh\n", 0o755)), idPathDuplicate, "bin/generate is in the layer twice"},
		"twice, spelled":     {adding(reg("./"+testDir+"extension.toml", testTOML, 0o644)), idPathDuplicate, "extension.toml is in the layer twice"},
		"directory twice":    {adding(file{Header: tar.Header{Name: testDir + "bin", Typeflag: tar.TypeDir, Mode: 0o755}}), "", ""},
		"device":             {adding(special(tar.TypeChar)), idFileType, "x is a device node"},
		"block device":       {adding(special(tar.TypeBlock)), idFileType, "x is a device node"},
		"FIFO":               {adding(special(tar.TypeFifo)), idFileType, "x is a FIFO"},
		"whiteout":           {adding(reg(testDir+"lib/.wh.a", "", 0o644)), idFileType, `lib/.wh.a is a deletion, as its name begins with ".wh."`},
		"setuid":             {adding(reg(testDir+"x", "", 0o4755)), idFileSetID, "x has mode 4755, which is setuid or setgid"},
		"setgid":             {adding(reg(testDir+"x", "", 0o2755)), idFileSetID, "x has mode 2755"},
		"capabilities":       {adding(file{Header: tar.Header{Name: testDir + "x", Mode: 0o755, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x01"}}}), idFileSetID, "x has file capabilities"},
		"writable":           {adding(reg(testDir+"x", "", 0o666)), idFileWritable, "x has mode 0666, so it is world-writable"},
		"writable directory": {adding(file{Header: tar.Header{Name: testDir + "x/", Typeflag: tar.TypeDir, Mode: 0o1777}}), idFileWritable, "x has mode 1777"},
	})

	p := validPackage()
	p.platforms, p.promise = p.platforms[:1], nil
	p.files = func(n int, files []file) []file {
		files[0] = file{Header: tar.Header{Name: "cnb", Typeflag: tar.TypeSymlink, Linkname: "elsewhere", Mode: 0o777}}
		return files
	}
	if found := p.check(t); !slices.ContainsFunc(found, func(f Finding) bool {
		return f.ID == idFileType && strings.Contains(f.Message, `"cnb" leads to the extension, but is a symlink`)
	}) {
		t.Errorf("findings:\n%s", lines(found))
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	symlink := func(name, target string) file { return link(name, target, tar.TypeSymlink) }
	run(t, map[string]mutation{
		"relative out":     {adding(symlink("x", "../../../../etc/passwd")), idLinkOutside, "x links to ../../../../etc/passwd, which is outside the extension"},
		"absolute out":     {adding(symlink("x", "/usr/bin/python3")), idLinkOutside, "x links to /usr/bin/python3"},
		"to a parent":      {adding(symlink("x", "..")), idLinkOutside, "x links to .."},
		"to its own root":  {adding(symlink("lib/x", "..")), "", ""},
		"absolute in":      {adding(symlink("x", "/"+testDir+"bin")), "", ""},
		"out and in again": {adding(symlink("x", "../0.0.1/bin/generate")), "", ""},
		"beside and back":  {adding(symlink("x", "../../other/../samples_curl/0.0.1/bin")), idLinkOutside, "x links to"},
		"dangling":         {adding(symlink("x", "nowhere")), "", ""},
		"beyond the root":  {adding(symlink("x", strings.Repeat("../", 20)+testDir+"bin")), "", ""},
		"through a link":   {adding(symlink("a/b/up", "../.."), symlink("x", "a/b/up/../y")), idLinkOutside, "x links to a/b/up/../y"},
		"loop":             {adding(symlink("x", "y"), symlink("y", "x")), "", ""},
		"hard link out":    {adding(link("x", "etc/shadow", tar.TypeLink)), idLinkOutside, "x is a hard link to etc/shadow, which is outside"},
		"hard link with dots": {
			adding(link("x", testDir+"../../../../etc/shadow", tar.TypeLink)), idLinkOutside,
			"x is a hard link to",
		},
		"hard link to nothing": {adding(link("x", testDir+"nowhere", tar.TypeLink)), idLinkOutside, "which is not in the layer"},
		"hard link in":         {adding(link("x", testDir+"bin/generate", tar.TypeLink)), "", ""},
	})
}

// TestBinaries: copying amd64 programs into an arm64 image is the mistake that pack and buildx let pass.
func TestBinaries(t *testing.T) {
	t.Parallel()
	words := map[string]string{"amd64": "x86-64", "arm64": "AArch64", "arm": "32-bit ARM", "riscv64": "64-bit RISC-V", "s390x": "IBM Z"}
	for arch := range words {
		for other := range words {
			t.Run(arch+" in "+other, func(t *testing.T) {
				p := validPackage()
				p.promise, p.platforms = nil, []v1.Platform{{OS: "linux", Architecture: other}}
				p.files = func(_ int, files []file) []file {
					files[6].Content = elfHeader(arch)
					return files
				}
				found := p.check(t)
				if arch == other {
					if len(found) != 0 {
						t.Errorf("findings:\n%s", lines(found))
					}
					return
				}
				want := fmt.Sprintf("bin/generate is built for %s (%s), but this image is linux/%s (%s)", arch, words[arch], other, words[other])
				if len(found) != 1 || found[0].ID != "binary-platform" || found[0].Message != want || found[0].Subject != "bin/generate" {
					t.Errorf("want %q, findings:\n%s", want, lines(found))
				}
			})
		}
	}
}

func TestForeignFormats(t *testing.T) {
	t.Parallel()
	x86, arm := elfHeader("amd64"), elfHeader("arm64")
	patched := func(head string, at int, with ...byte) string {
		data := []byte(head)
		copy(data[at:], with)
		return string(data)
	}
	pe := make([]byte, 0x100)
	copy(pe, "MZ")
	binary.LittleEndian.PutUint32(pe[0x3c:], 0x80)
	copy(pe[0x80:], "PE\x00\x00\x64\x86")
	dll := patched(string(pe), 0x80+22, 0x02, 0x20)
	in := func(content string) func(*testPackage) { return adding(reg(testDir+"lib/tool", content, 0o644)) }
	allowed := func(p *testPackage) { in(x86)(p); p.opts.AllowPlatformMismatch = true }
	pad := strings.Repeat("\x00", 40)
	run(t, map[string]mutation{
		"shared object":    {in(patched(x86, 16, 3)), "binary-platform", "lib/tool is built for amd64 (x86-64), but this image is linux/arm64 (AArch64)"},
		"object file":      {in(patched(x86, 16, 1)), "", ""},
		"32 bits":          {in(patched(arm, 4, 1)), "binary-platform", "is built for EM_AARCH64 (32-bit little-endian)"},
		"big-endian":       {in(patched(arm, 5, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 183)), "binary-platform", "is built for EM_AARCH64 (64-bit big-endian)"},
		"unknown machine":  {in(patched(arm, 18, 0xff, 0xff)), "binary-platform", "is built for machine 65535 (64-bit little-endian)"},
		"cut short":        {in(x86[:19]), "", ""},
		"just the magic":   {in("\x7fELF"), "", ""},
		"Mach-O":           {in("\xcf\xfa\xed\xfe" + pad), "binary-platform", "lib/tool is a Mach-O (macOS) executable, but this image is linux/arm64 (AArch64)"},
		"universal Mach-O": {in("\xca\xfe\xba\xbe\x00\x00\x00\x02" + pad), "binary-platform", "Mach-O"},
		"Java class":       {in("\xca\xfe\xba\xbe\x00\x00\x00\x34" + pad), "", ""},
		"PE":               {in(string(pe)), "binary-platform", "lib/tool is a PE (Windows) executable"},
		"DLL":              {in(dll), "", ""},
		"text with MZ":     {in("MZ is how some texts begin" + strings.Repeat("\xff", 60)), "", ""},
		"allowed":          {allowed, "binary-platform", "is built for amd64"},
	})
}

// TestLinkedOutputOfAStage: the content of files that a build stage has written
// is checked where their names are links too.
func TestLinkedOutputOfAStage(t *testing.T) {
	for name, link := range map[string]file{
		"file":      {},
		"symlink":   {Header: tar.Header{Typeflag: tar.TypeSymlink, Linkname: "../other"}},
		"hard link": {Header: tar.Header{Typeflag: tar.TypeLink, Linkname: testDir + "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := validPackage()
			p.promise.Images[0].Stage, p.promise.Images[1].Stage = true, true
			p.files = func(_ int, files []file) []file {
				const text = "FROM scratch\nRUN true\n"
				dockerfile := reg(testDir+"generate/build.Dockerfile", text, 0o644)
				if link.Typeflag != 0 {
					link.Name, link.Mode = dockerfile.Name, 0o644
					dockerfile = link
				}
				return append(files[:4:4], files[7], reg(testDir+"other", text, 0o644), dockerfile)
			}
			if found := p.check(t); !strings.Contains(lines(found), "ARG base_image is missing") {
				t.Errorf("findings:\n%s", lines(found))
			}
		})
	}
}

func TestTooManyFindingsAreCut(t *testing.T) {
	t.Parallel()
	p := validPackage()
	p.files = func(n int, files []file) []file {
		for k := range 3 * maxFindings {
			files = append(files, reg(fmt.Sprintf("%sx%d", testDir, k), "", 0o666))
		}
		return files
	}
	if found := p.check(t); len(found) != 2*(maxFindings+1) {
		t.Errorf("%d findings", len(found))
	}
}
