package verify

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/layertest"
	"github.com/extpack/extpack/internal/oci"
)

func TestValidPackage(t *testing.T) {
	t.Parallel()
	p := validPackage()
	p.files = func(n int, files []file) []file {
		return append(files, reg(testDir+"lib/tool", elfHeader(p.platforms[n].Architecture), 0o755))
	}
	if f := p.check(t); len(f) != 0 {
		t.Errorf("findings:\n%s", lines(f))
	}
}

// mutation breaks a valid package in one way.
type mutation struct {
	change func(p *testPackage)
	// id and message are of the one finding expected; none when id is empty.
	id, message string
}

// onSecond changes the files of the second image, linux/arm64, only.
func onSecond(change func(files []file) []file) func(*testPackage) {
	return func(p *testPackage) {
		p.files = func(n int, files []file) []file {
			if n == 1 {
				return change(files)
			}
			return files
		}
	}
}

// adding adds files to the second image.
func adding(more ...file) func(*testPackage) {
	return onSecond(func(files []file) []file { return append(files, more...) })
}

// replacing replaces the file of that name in the second image.
func replacing(with file) func(*testPackage) {
	return onSecond(func(files []file) []file {
		at := slices.IndexFunc(files, func(f file) bool { return f.Name == with.Name })
		return slices.Concat(files[:at], []file{with}, files[at+1:])
	})
}

func link(name, target string, kind byte) file {
	return file{Header: tar.Header{Name: testDir + name, Linkname: target, Typeflag: kind, Mode: 0o755}}
}

func run(t *testing.T, mutations map[string]mutation) {
	t.Helper()
	for name, m := range mutations {
		t.Run(name, func(t *testing.T) {
			p := validPackage()
			m.change(p)
			found := p.check(t)
			if m.id == "" {
				if len(found) != 0 {
					t.Errorf("findings:\n%s", lines(found))
				}
				return
			}
			if len(found) != 1 || found[0].ID != m.id || !strings.Contains(found[0].Message, m.message) {
				t.Fatalf("want one %s with %q, findings:\n%s", m.id, m.message, lines(found))
			}
			want := severityOf(t, m.id)
			if p.opts.AllowPlatformMismatch && (m.id == "binary-platform" || m.id == "binary-variant") {
				want = Warning
			}
			if found[0].Severity != want {
				t.Errorf("severity %s", found[0].Severity)
			}
			if err := Err(found); (err != nil) != (want == Error) {
				t.Errorf("Err = %v", err)
			}
		})
	}
}

func severityOf(t *testing.T, id string) Severity {
	t.Helper()
	for _, c := range Checks() {
		if c.ID == id {
			return c.Severity
		}
	}
	t.Fatalf("there is no check %s", id)
	return ""
}

// damage overwrites the blob that pick chooses.
func damage(pick func(index v1.Index, m v1.Manifest) v1.Descriptor, with func([]byte) []byte) func(*testPackage) {
	return func(p *testPackage) {
		var m v1.Manifest
		p.manifest = func(n int, manifest *v1.Manifest) { m = *manifest }
		p.after = func(t *testing.T, dir string, index v1.Index) {
			name := filepath.Join(dir, "blobs", "sha256", pick(index, m).Digest.Encoded())
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if data = with(data); data == nil {
				err = os.Remove(name)
			} else {
				err = os.WriteFile(name, data, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	manifest := func(index v1.Index, _ v1.Manifest) v1.Descriptor { return index.Manifests[1] }
	config := func(_ v1.Index, m v1.Manifest) v1.Descriptor { return m.Config }
	layer := func(_ v1.Index, m v1.Manifest) v1.Descriptor { return m.Layers[0] }
	gone := func([]byte) []byte { return nil }
	longer := func(data []byte) []byte { return append(data, 0) }
	shorter := func(data []byte) []byte { return data[:len(data)-1] }
	flipped := func(data []byte) []byte { data[len(data)/2] ^= 1; return data }
	empty := func([]byte) []byte { return []byte{} }
	run(t, map[string]mutation{
		"manifest gone":    {damage(manifest, gone), idContent, "is missing"},
		"manifest flipped": {damage(manifest, flipped), idContent, "has different content"},
		"manifest longer":  {damage(manifest, longer), idContent, "has more than"},
		"config gone":      {damage(config, gone), idContent, "is missing"},
		"config shorter":   {damage(config, shorter), idContent, "bytes, not the"},
		"layer gone":       {damage(layer, gone), idContent, "is missing"},
		"layer flipped":    {damage(layer, flipped), idContent, "has different content"},
		"layer longer":     {damage(layer, longer), idContent, "has more than"},
		"layer shorter":    {damage(layer, shorter), idContent, "bytes, not the"},
		"layer empty":      {damage(layer, empty), idContent, "has 0 bytes"},
		"negative size": {func(p *testPackage) {
			p.index = func(index *v1.Index) { index.Manifests[1].Size = -1 }
		}, idContent, "size -1"},
		"huge config": {func(p *testPackage) {
			p.manifest = func(n int, m *v1.Manifest) {
				if n == 1 {
					m.Config.Size = oci.MaxManifestSize + 1
				}
			}
		}, idContent, "the limit is"},
		"unknown layer type": {func(p *testPackage) {
			p.manifest = func(n int, m *v1.Manifest) {
				if n == 1 {
					m.Layers[0].MediaType = "application/x-rar"
				}
			}
		}, idMediaType, `"application/x-rar", which readers do not support`},
		"unknown config type": {func(p *testPackage) {
			p.manifest = func(n int, m *v1.Manifest) {
				if n == 1 {
					m.Config.MediaType = "application/json"
				}
			}
		}, idMediaType, "not that of an image config"},
		"manifest calls itself something else": {func(p *testPackage) {
			p.manifest = func(n int, m *v1.Manifest) {
				if n == 1 {
					m.MediaType = oci.MediaTypeDockerManifest
				}
			}
		}, idMediaType, "the document has the media type"},
		"unknown child": {func(p *testPackage) {
			p.index = func(index *v1.Index) {
				child := index.Manifests[0]
				child.MediaType = "application/x-rar"
				index.Manifests = append(index.Manifests, child)
			}
		}, idMediaType, "is not that of an image or index"},
		"no image": {func(p *testPackage) {
			p.promise = nil
			p.index = func(index *v1.Index) { index.Manifests = nil }
		}, idNoImage, "contains no image"},
	})
}

func TestLayerFormat(t *testing.T) {
	t.Parallel()
	onLayer := func(change func([]byte) []byte) func(*testPackage) {
		return func(p *testPackage) {
			p.layer = func(n int, raw []byte) []byte {
				if n == 1 {
					return change(raw)
				}
				return raw
			}
		}
	}
	run(t, map[string]mutation{
		"media type without compression": {func(p *testPackage) {
			p.manifest = func(n int, m *v1.Manifest) {
				if n == 1 {
					m.Layers[0].MediaType = v1.MediaTypeImageLayer
				}
			}
		}, idLayerFormat, "it has gzip compression"},
		"no tar":        {onLayer(func([]byte) []byte { return slices.Repeat([]byte("hello "), 200) }), idLayerFormat, "invalid tar header"},
		"truncated tar": {onLayer(func(raw []byte) []byte { return raw[:len(raw)-1800] }), idLayerFormat, "unexpected EOF"},
		"other content": {onLayer(func(raw []byte) []byte { return append(raw, make([]byte, 512)...) }), idDiffIDMismatch, "expands to sha256:"},
		"bomb": {func(p *testPackage) {
			p.platforms, p.promise = p.platforms[:1], nil
			p.stored = func(_ int, zipped []byte) []byte {
				// A gzip file may consist of many; these expand to zeros.
				const member = 1 << 20
				return append(zipped, bytes.Repeat(layertest.Gzip(t, make([]byte, member)), (256<<20)/member+1)...)
			}
		}, idLayerBomb, "times as many"},
		"trailing rubbish": {func(p *testPackage) {
			p.platforms, p.promise = p.platforms[:1], nil
			p.stored = func(_ int, zipped []byte) []byte { return append(zipped, "rubbish after it"...) }
		}, idLayerFormat, "invalid header"},
		"a diffID more": {func(p *testPackage) { p.config = addDiffID }, idLayerCount, "has 1 layers, but its config has 2 diffIDs"},
		"zstd": {func(p *testPackage) {
			p.platforms, p.promise = p.platforms[:1], nil
			p.stored = func(n int, zipped []byte) []byte { return zstdOf(t, zipped) }
			p.manifest = func(n int, m *v1.Manifest) { m.Layers[0].MediaType = v1.MediaTypeImageLayerZstd }
		}, idLayerCompression, "a layer is compressed with zstd, which pack can read in a registry"},
		"zstd in a file": {func(p *testPackage) {
			p.platforms, p.promise, p.opts.File = p.platforms[:1], nil, true
			p.stored = func(n int, zipped []byte) []byte { return zstdOf(t, zipped) }
			p.manifest = func(n int, m *v1.Manifest) { m.Layers[0].MediaType = v1.MediaTypeImageLayerZstd }
		}, idFileCompression, "which pack cannot read in a package file"},
		"zstd that is gzip": {func(p *testPackage) {
			p.platforms, p.promise, p.opts.NoLayers = p.platforms[:1], nil, true
			p.manifest = func(n int, m *v1.Manifest) { m.Layers[0].MediaType = v1.MediaTypeImageLayerZstd }
		}, idLayerCompression, "compressed with zstd"},
		"not compressed": {func(p *testPackage) {
			p.stored = func(_ int, zipped []byte) []byte { return unzipped(t, zipped) }
			p.manifest = func(_ int, m *v1.Manifest) { m.Layers[0].MediaType = v1.MediaTypeImageLayer }
		}, "", ""},
		"diffID unlisted": {func(p *testPackage) { p.layers = otherDiffID }, idDiffIDUnlisted, "is not one of the image's layers"},
	})
}

func addDiffID(n int, c *v1.Image) {
	if n == 1 {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digest.FromString("x"))
	}
}

func otherDiffID(n int, _, version map[string]any) {
	if n == 1 {
		version["layerDiffID"] = digest.FromString("x")
	}
}

// zstdOf compresses with zstd what a gzip file holds.
func zstdOf(t *testing.T, zipped []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw, err := zstd.NewWriter(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zw.Write(unzipped(t, zipped)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func unzipped(t *testing.T, zipped []byte) []byte {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
