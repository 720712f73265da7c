package verify

import (
	"archive/tar"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layertest"
	"github.com/extpack/extpack/internal/layouttest"
)

const (
	testID      = "samples/curl"
	testVersion = "0.0.1"
	testDir     = "cnb/extensions/samples_curl/0.0.1/"
	testTOML    = "api = \"0.10\"\n[extension]\nid = \"samples/curl\"\nversion = \"0.0.1\"\n"
)

var (
	amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = v1.Platform{OS: "linux", Architecture: "arm64"}
)

// file is one entry of a test layer; a zero Typeflag is a regular file.
type file = layertest.Entry

func reg(name, content string, mode int64) file { return layertest.File(name, content, mode) }

// testPackage is a package under construction. It begins valid; the hooks
// break it, each at its stage, n being the image's place.
type testPackage struct {
	platforms []v1.Platform
	files     func(n int, files []file) []file
	layer     func(n int, raw []byte) []byte
	stored    func(n int, zipped []byte) []byte
	config    func(n int, config *v1.Image)
	metadata  func(n int, label map[string]any)
	layers    func(n int, label, version map[string]any)
	labels    func(n int, labels map[string]string)
	manifest  func(n int, manifest *v1.Manifest)
	index     func(index *v1.Index)
	promise   *Promise
	opts      Options
	// after changes the layout on disk.
	after func(t *testing.T, dir string, index v1.Index)
}

func validPackage() *testPackage {
	return &testPackage{
		platforms: []v1.Platform{amd64, arm64},
		promise: &Promise{ID: testID, Version: testVersion, Images: []PromisedImage{
			{Platform: amd64}, {Platform: arm64},
		}},
	}
}

func testAnnotations() map[string]string {
	return map[string]string{
		extension.AnnotationID: testID, extension.AnnotationVersion: testVersion, extension.AnnotationAPI: "0.10",
		extension.LabelMetadata: `{"id":"samples/curl","version":"0.0.1","stacks":null}`,
		v1.AnnotationTitle:      "Curl", v1.AnnotationVersion: testVersion, v1.AnnotationCreated: "1980-01-01T00:00:01Z",
	}
}

// build writes the package and returns its layout and its index's descriptor.
func (p *testPackage) build(t *testing.T) (*layouttest.Layout, v1.Descriptor) {
	t.Helper()
	l := layouttest.New(t)
	index := v1.Index{MediaType: v1.MediaTypeImageIndex, Annotations: testAnnotations()}
	index.SchemaVersion = 2
	for n, platform := range p.platforms {
		index.Manifests = append(index.Manifests, p.buildImage(t, l, n, platform))
	}
	if p.index != nil {
		p.index(&index)
	}
	root := l.JSON(v1.MediaTypeImageIndex, index)
	if p.after != nil {
		p.after(t, l.Dir(), index)
	}
	return l, root
}

func (p *testPackage) buildImage(t *testing.T, l *layouttest.Layout, n int, platform v1.Platform) v1.Descriptor {
	t.Helper()
	files := []file{
		{Header: tar.Header{Name: "cnb/", Typeflag: tar.TypeDir, Mode: 0o755}},
		{Header: tar.Header{Name: "cnb/extensions/", Typeflag: tar.TypeDir, Mode: 0o755}},
		{Header: tar.Header{Name: "cnb/extensions/samples_curl/", Typeflag: tar.TypeDir, Mode: 0o755}},
		{Header: tar.Header{Name: testDir, Typeflag: tar.TypeDir, Mode: 0o755}},
		{Header: tar.Header{Name: testDir + "bin/", Typeflag: tar.TypeDir, Mode: 0o755}},
		{Header: tar.Header{Name: testDir + "bin/detect", Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "generate"}},
		reg(testDir+"bin/generate", elfHeader(platform.Architecture), 0o755),
		reg(testDir+"extension.toml", testTOML, 0o644),
	}
	if p.files != nil {
		files = p.files(n, files)
	}
	raw := layertest.Tar(t, files...)
	diffID := digest.FromBytes(raw)
	if p.layer != nil {
		raw = p.layer(n, raw)
	}
	config := v1.Image{Platform: platform, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}}}
	version := map[string]any{"api": "0.10", "layerDiffID": diffID}
	layers := map[string]any{testID: map[string]any{testVersion: version}}
	metadata := map[string]any{"id": testID, "version": testVersion, "stacks": nil}
	if p.metadata != nil {
		p.metadata(n, metadata)
	}
	if p.layers != nil {
		p.layers(n, layers, version)
	}
	config.Config.Labels = map[string]string{extension.LabelMetadata: marshal(t, metadata), extension.LabelLayers: marshal(t, layers)}
	if p.labels != nil {
		p.labels(n, config.Config.Labels)
	}
	if p.config != nil {
		p.config(n, &config)
	}
	stored := layertest.Gzip(t, raw)
	if p.stored != nil {
		stored = p.stored(n, stored)
	}
	manifest := v1.Manifest{
		MediaType: v1.MediaTypeImageManifest,
		Config:    l.JSON(v1.MediaTypeImageConfig, config),
		Layers:    []v1.Descriptor{l.Bytes(v1.MediaTypeImageLayerGzip, stored)},
	}
	manifest.SchemaVersion = 2
	if p.manifest != nil {
		p.manifest(n, &manifest)
	}
	desc := l.JSON(v1.MediaTypeImageManifest, manifest)
	desc.Platform = &platform
	return desc
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// elfHeader returns the head of an executable.
func elfHeader(arch string) string {
	machines := map[string]elf.Machine{
		"arm64": elf.EM_AARCH64, "amd64": elf.EM_X86_64, "arm": elf.EM_ARM, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390,
	}
	class, data := elf.ELFCLASS64, elf.ELFDATA2LSB
	var order binary.ByteOrder = binary.LittleEndian
	if arch == "arm" {
		class = elf.ELFCLASS32
	}
	if arch == "s390x" {
		data, order = elf.ELFDATA2MSB, binary.BigEndian
	}
	head := make([]byte, 64)
	copy(head, elf.ELFMAG)
	head[elf.EI_CLASS], head[elf.EI_DATA], head[elf.EI_VERSION] = byte(class), byte(data), 1
	order.PutUint16(head[16:], uint16(elf.ET_EXEC))
	order.PutUint16(head[18:], uint16(machines[arch]))
	return string(head)
}

// check runs the checks on p.
func (p *testPackage) check(t *testing.T) []Finding {
	t.Helper()
	l, root := p.build(t)
	opts := p.opts
	opts.Promise = p.promise
	findings, err := Check(t.Context(), l, root, opts)
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

func lines(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s %s %s\n", f.Severity, f.Subject, f)
	}
	return b.String()
}
