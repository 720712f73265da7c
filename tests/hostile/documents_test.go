package hostile_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// object is a JSON object.
type object = map[string]any

// bundle is a package file that is written by hand, so that it can lie.
type bundle struct {
	index string
	blobs map[string][]byte
}

func (b *bundle) put(mediaType string, data []byte) object {
	d := digest.FromBytes(data)
	b.blobs[d.Encoded()] = data
	return object{"mediaType": mediaType, "digest": d.String(), "size": len(data)}
}

func toJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return data
}

// extra changes a package at the places where it can lie.
type extra struct {
	layer    func(tw *tar.Writer) // adds entries behind the extension's
	tail     []byte               // follows the tar of the layer
	metadata string               // the label
	layers   string               // the label, LAYER being the diffID
	config   string               // fields at the beginning of the config
	second   func(tw *tar.Writer) // a second layer
	index    func(b *bundle, manifest object) string
}

const dir = "cnb/extensions/hostile_x/1.2.3"

func entry(tw *tar.Writer, h tar.Header, content string) {
	if h.Mode == 0 && h.Typeflag != tar.TypeXGlobalHeader {
		h.Mode = 0o644
	}
	if h.Typeflag == 0 {
		h.Typeflag = tar.TypeReg
	}
	if h.Typeflag == tar.TypeReg {
		h.Size = int64(len(content))
	}
	if err := tw.WriteHeader(&h); err != nil {
		panic(err)
	}
	if _, err := tw.Write([]byte(content)); err != nil {
		panic(err)
	}
}

// newBundle makes a package of the extension hostile/x@1.2.3 that is sound but
// for x.
func newBundle(x extra) *bundle {
	b := &bundle{blobs: map[string][]byte{}}
	var plain bytes.Buffer
	tw := tar.NewWriter(&plain)
	for i := range strings.Count(dir, "/") + 1 {
		entry(tw, tar.Header{Typeflag: tar.TypeDir, Name: strings.Join(strings.Split(dir, "/")[:i+1], "/") + "/", Mode: 0o755}, "")
	}
	entry(tw, tar.Header{Name: dir + "/extension.toml"}, descriptor("hostile/x", ""))
	entry(tw, tar.Header{Typeflag: tar.TypeDir, Name: dir + "/bin/", Mode: 0o755}, "")
	entry(tw, tar.Header{Name: dir + "/bin/generate", Mode: 0o755}, "#!/bin/sh\n")
	if x.layer != nil {
		x.layer(tw)
	}
	_ = tw.Close() // a header without its content is the point of some
	plain.Write(x.tail)
	// The records that archive/tar does not write.
	data := bytes.ReplaceAll(plain.Bytes(), []byte("GNU_sparse"), []byte("GNU.sparse"))
	diffIDs := []string{digest.FromBytes(data).String()}
	layers := []object{b.put(typeLayer, gzipped(data))}
	if x.second != nil {
		var second bytes.Buffer
		tw := tar.NewWriter(&second)
		x.second(tw)
		_ = tw.Close()
		diffIDs = append(diffIDs, digest.FromBytes(second.Bytes()).String())
		layers = append(layers, b.put(typeLayer, gzipped(second.Bytes())))
	}
	if x.metadata == "" {
		x.metadata = `{"id":"hostile/x","version":"1.2.3","stacks":null}`
	}
	if x.layers == "" {
		x.layers = `{"hostile/x":{"1.2.3":{"api":"0.10","layerDiffID":"LAYER"}}}`
	}
	config := b.put(typeConfig, fmt.Appendf(nil, `{%s"architecture":"amd64","os":"linux","config":{"Labels":%s},"rootfs":{"type":"layers","diff_ids":%s}}`, x.config, toJSON(object{
		"io.buildpacks.buildpackage.metadata": x.metadata,
		"io.buildpacks.extension.layers":      strings.ReplaceAll(x.layers, "LAYER", diffIDs[0]),
	}), toJSON(diffIDs)))
	manifest := b.put(typeManifest, toJSON(object{"schemaVersion": 2, "mediaType": typeManifest, "config": config, "layers": layers}))
	manifest["platform"] = object{"os": "linux", "architecture": "amd64"}
	if x.index == nil {
		x.index = func(_ *bundle, manifest object) string { return string(indexOf(manifest)) }
	}
	b.index = x.index(b, manifest)
	return b
}

func indexOf(manifests ...object) []byte {
	return toJSON(object{"schemaVersion": 2, "mediaType": typeIndex, "manifests": manifests, "annotations": object{
		"io.buildpacks.extension.id": "hostile/x", "io.buildpacks.extension.version": "1.2.3", "io.buildpacks.extension.api": "0.10",
		"io.buildpacks.buildpackage.metadata": `{"id":"hostile/x","version":"1.2.3"}`,
		"org.opencontainers.image.title":      "x", "org.opencontainers.image.version": "1.2.3", "org.opencontainers.image.created": "1980-01-01T00:00:01Z",
	}})
}

func gzipped(data []byte) []byte {
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err == nil {
		_, err = zw.Write(data)
	}
	if err == nil {
		err = zw.Close()
	}
	if err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// write writes the package file, and returns its name.
func (b *bundle) write(t *testing.T) string {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	entry(tw, tar.Header{Name: "oci-layout"}, `{"imageLayoutVersion":"1.0.0"}`)
	entry(tw, tar.Header{Name: "index.json"}, b.index)
	for name, data := range b.blobs {
		entry(tw, tar.Header{Name: "blobs/sha256/" + name}, string(data))
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "x.cnb")
	if err := os.WriteFile(name, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// checkIDs returns the checks that "verify" reports an error of.
func checkIDs(t *testing.T, r result) []string {
	t.Helper()
	var report struct {
		Findings []struct{ ID, Severity, Message string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		return nil // it cannot be opened
	}
	var ids []string
	for _, f := range report.Findings {
		if f.Severity == "error" {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// usage is what a command took.
type usage struct {
	cpu    float64 // seconds
	memory int64   // MiB
}

// A package with false sizes costs no more than this, for any content.
const (
	maxCPU    = 10.0
	maxMemory = 256
)

// verifyBundle runs verify and fails the test when it takes too much.
func verifyBundle(t *testing.T, b *bundle, env ...string) (result, usage) {
	t.Helper()
	temp := t.TempDir()
	r := runPlugin(t, t.TempDir(), append([]string{"TMPDIR=" + temp}, env...), "verify", "--format", "json", b.write(t))
	u := usage{cpu: r.state.UserTime().Seconds() + r.state.SystemTime().Seconds(), memory: r.memory}
	if u.cpu > maxCPU || u.memory > maxMemory {
		t.Errorf("verify took %.1f s of CPU and %d MiB", u.cpu, u.memory)
	}
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("verify left %v", left)
	}
	return r, u
}

func TestSoundBundlePasses(t *testing.T) {
	if r, _ := verifyBundle(t, newBundle(extra{})); r.code != 0 {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// add returns a function that adds one entry to a layer.
func add(h tar.Header, content string) func(*tar.Writer) {
	return func(tw *tar.Writer) { entry(tw, h, content) }
}

// both adds two files.
func both(a, b string) func(*tar.Writer) {
	return func(tw *tar.Writer) {
		entry(tw, tar.Header{Name: dir + "/" + a}, "a")
		entry(tw, tar.Header{Name: dir + "/" + b}, "b")
	}
}

// TestPackagesThatLie: what two readers, or two extractors, understand
// differently is an error, and so is what pack refuses.
func TestPackagesThatLie(t *testing.T) {
	label := func(fields string) string {
		return `{"hostile/x":{"1.2.3":{"api":"0.10","layerDiffID":"LAYER",` + fields + `}}}`
	}
	metadata := func(fields string) string { return `{"id":"hostile/x","version":"1.2.3",` + fields + `}` }
	pax := func(key, value string) tar.Header {
		return tar.Header{Name: dir + "/x", PAXRecords: map[string]string{key: value}}
	}
	index := func(change func(string) string) func(*bundle, object) string {
		return func(_ *bundle, m object) string { return change(string(indexOf(m))) }
	}
	for name, c := range map[string]struct {
		lie  extra
		want string // a check, or a part of the error when it cannot be opened
	}{
		"two manifests fields": {extra{index: index(func(s string) string {
			return strings.Replace(s, `{"annotations"`, `{"Manifests":[],"annotations"`, 1)
		})}, `the field "Manifests" is ambiguous`},
		"repeated manifests": {extra{index: index(func(s string) string {
			return strings.Replace(s, `{"annotations"`, `{"manifests":[],"annotations"`, 1)
		})}, `the field "manifests" is repeated`},
		"config by case":    {extra{config: `"Architecture":"arm64",`}, "content"},
		"config twice":      {extra{config: `"os":"windows",`}, "content"},
		"label by case":     {extra{layers: label(`"layerDiffId":"sha256:0"`)}, "label-invalid"},
		"label twice":       {extra{layers: label(`"api":"0.9"`)}, "label-invalid"},
		"metadata by case":  {extra{metadata: metadata(`"ID":"other"`)}, "label-invalid"},
		"stacks as text":    {extra{layers: label(`"stacks":"x"`)}, "label-invalid"},
		"metadata stacks":   {extra{metadata: metadata(`"stacks":"x"`)}, "label-invalid"},
		"name as number":    {extra{layers: label(`"name":1`)}, "label-invalid"},
		"homepage as list":  {extra{layers: label(`"homepage":[]`)}, "label-invalid"},
		"order as object":   {extra{layers: label(`"order":{}`)}, "label-invalid"},
		"targets as text":   {extra{layers: label(`"targets":"linux"`)}, "label-invalid"},
		"keywords as text":  {extra{metadata: metadata(`"keywords":"a"`)}, "label-invalid"},
		"licenses as text":  {extra{metadata: metadata(`"licenses":"MIT"`)}, "label-invalid"},
		"clear-env as text": {extra{metadata: metadata(`"clear-env":"yes"`)}, "label-invalid"},
		"nested index":      {extra{index: func(b *bundle, m object) string { return string(indexOf(b.put(typeIndex, indexOf(m)))) }}, "file-index"},
		"sparse":            {extra{layer: add(pax("GNU_sparse.major", "1"), "")}, "layer-format"},
		"global path":       {extra{layer: add(tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"path": "etc/x"}}, "")}, "layer-format"},
		"second archive":    {extra{tail: bytes.Repeat([]byte("x"), 512)}, "layer-format"},
		"duplicate":         {extra{layer: both("a", "a")}, "path-duplicate"},
		"case":              {extra{layer: both("a", "A")}, "path-collision"},
		"folders by case":   {extra{layer: both("a/x", "A/y")}, "path-collision"},
		"normalization":     {extra{layer: both("caf\u00e9", "cafe\u0301")}, "path-collision"},
		"sharp s":           {extra{layer: both("stra\u00dfe", "STRASSE")}, "path-collision"},
		"link to itself":    {extra{layer: add(tar.Header{Typeflag: tar.TypeLink, Name: dir + "/x", Linkname: dir + "/x"}, "")}, "link-outside"},
		"link forward": {extra{layer: func(tw *tar.Writer) {
			entry(tw, tar.Header{Typeflag: tar.TypeLink, Name: dir + "/x", Linkname: dir + "/y"}, "")
			entry(tw, tar.Header{Name: dir + "/y"}, "")
		}}, "link-outside"},
		"line break in name": {extra{layer: add(tar.Header{Name: dir + "/a\nb"}, "")}, "path-name"},
		"escape in name":     {extra{layer: add(tar.Header{Name: dir + "/\x1b[2J"}, "")}, "path-name"},
		"escape in link":     {extra{layer: add(tar.Header{Typeflag: tar.TypeSymlink, Name: dir + "/x", Linkname: "\x1b[2J"}, "")}, "path-name"},
		"long name":          {extra{layer: add(tar.Header{Name: dir + "/" + strings.Repeat("x", 256)}, "")}, "path-name"},
		"long path":          {extra{layer: add(tar.Header{Name: dir + strings.Repeat("/x", 3000)}, "")}, "path-name"},
		"overlay attribute":  {extra{layer: add(pax("SCHILY.xattr.trusted.overlay.opaque", "y"), "")}, "file-attribute"},
		"whiteout of cnb":    {extra{second: add(tar.Header{Name: ".wh.cnb"}, "")}, "layer-other"},
		"whiteout inside":    {extra{second: add(tar.Header{Name: dir + "/.wh.bin"}, "")}, "layer-other"},
		"opaque":             {extra{second: add(tar.Header{Name: "cnb/.wh..wh..opq"}, "")}, "layer-other"},
		"opaque root":        {extra{second: add(tar.Header{Name: ".wh..wh..opq"}, "")}, "layer-other"},
		"link of cnb":        {extra{second: add(tar.Header{Typeflag: tar.TypeSymlink, Name: "cnb", Linkname: "etc"}, "")}, "layer-other"},
		"file for cnb":       {extra{second: add(tar.Header{Name: "cnb/extensions"}, "")}, "layer-other"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			r, _ := verifyBundle(t, newBundle(c.lie))
			if ids := checkIDs(t, r); r.code != 2 || !slices.Contains(ids, c.want) && !strings.Contains(r.stderr, c.want) {
				t.Errorf("exit code %d, errors %v, want %q\n%s", r.code, ids, c.want, r.stderr)
			}
		})
	}
}

// TestPackagesThatExhaust: packages of a few megabytes that expand to endless
// work are refused, with the limit and how to raise it, in little time and
// memory.
func TestPackagesThatExhaust(t *testing.T) {
	many := func(n int, f func(int) object) func(*bundle, object) string {
		return func(_ *bundle, m object) string {
			list := []object{m}
			for i := range n {
				list = append(list, f(i))
			}
			return string(indexOf(list...))
		}
	}
	for name, c := range map[string]struct {
		make func() *bundle
		want string
	}{
		"missing children": {func() *bundle {
			return newBundle(extra{index: many(9_000, func(i int) object {
				return object{"mediaType": typeManifest, "digest": digest.FromString(fmt.Sprint(i)).String(), "size": 5}
			})})
		}, "limit"},
		"one child many times": {func() *bundle {
			return newBundle(extra{index: func(_ *bundle, m object) string { return string(indexOf(slices.Repeat([]object{m}, 9_000)...)) }})
		}, "platform-duplicate"},
		"large children": {func() *bundle {
			return newBundle(extra{index: func(b *bundle, m object) string {
				list := []object{m}
				for i := range 16 {
					list = append(list, b.put(typeManifest, fmt.Appendf(nil, `{"schemaVersion":%d,"layers":[%s{}]}`, i, strings.Repeat("{},", 90_000))))
				}
				return string(indexOf(list...))
			}})
		}, "limit"},
		"large labels": {func() *bundle {
			return newBundle(extra{index: func(b *bundle, m object) string {
				list := []object{m}
				for i := range 40 {
					label := fmt.Sprint(i) + strings.Repeat("x", 3<<20)
					config := b.put(typeConfig, toJSON(object{"architecture": "amd64", "os": "linux", "config": object{"Labels": object{"a": label}}}))
					list = append(list, b.put(typeManifest, toJSON(object{"schemaVersion": 2, "mediaType": typeManifest, "config": config, "layers": []object{}})))
				}
				return string(indexOf(list...))
			}})
		}, "limit"},
		"equal large labels": {func() *bundle {
			return newBundle(extra{index: func(b *bundle, m object) string {
				list, label := []object{m}, strings.Repeat("x", 3<<20)
				for i := range 80 {
					config := b.put(typeConfig, toJSON(object{"architecture": "amd64", "os": fmt.Sprint(i), "config": object{"Labels": object{"a": label}}}))
					list = append(list, b.put(typeManifest, toJSON(object{"schemaVersion": 2, "mediaType": typeManifest, "config": config, "layers": []object{}})))
				}
				return string(indexOf(list...))
			}})
		}, "limit"},
		"nested indexes": {func() *bundle {
			return newBundle(extra{index: func(b *bundle, m object) string {
				deep := b.put(typeIndex, indexOf(m))
				for range 5 {
					deep = b.put(typeIndex, indexOf(slices.Repeat([]object{deep}, 20)...))
				}
				return string(indexOf(m, deep))
			}})
		}, "content"},
		"values": {func() *bundle {
			return newBundle(extra{config: `"x":[` + strings.Repeat("{},", 1_000_000) + `{}],`})
		}, "content"},
		"files": {func() *bundle {
			return newBundle(extra{layer: func(tw *tar.Writer) {
				for i := range 350_000 {
					entry(tw, tar.Header{Name: fmt.Sprintf("%s/%d", dir, i)}, "")
				}
			}})
		}, "limit"},
		"long names": {func() *bundle {
			return newBundle(extra{layer: func(tw *tar.Writer) {
				for i := range 20_000 {
					entry(tw, tar.Header{Name: dir + strings.Repeat("/0123456789", 200) + fmt.Sprint(i)}, "")
				}
			}})
		}, "limit"},
		"zeros": {func() *bundle {
			return newBundle(extra{tail: make([]byte, 300<<20)})
		}, "layer-bomb"},
		"sparse terabyte": {func() *bundle {
			return newBundle(extra{layer: func(tw *tar.Writer) { sparse(tw, 1<<40) }})
		}, "layer-format"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			r, u := verifyBundle(t, c.make())
			t.Logf("%.1f s of CPU, %d MiB", u.cpu, u.memory)
			if ids := checkIDs(t, r); r.code != 2 || !slices.Contains(ids, c.want) {
				t.Errorf("exit code %d, errors %v, want %q\n%s", r.code, ids, c.want, r.stderr)
			}
			if c.want == "limit" && !strings.Contains(r.stdout, "EXTPACK_LIMITS=2") {
				t.Errorf("it is not said how to raise the limit:\n%.2000s", r.stdout)
			}
		})
	}
}

// sparse adds a file in PAX format 1.0 that claims to be size bytes long.
func sparse(tw *tar.Writer, size int64) {
	entry(tw, tar.Header{Name: dir + "/sparse", PAXRecords: map[string]string{
		"GNU_sparse.major": "1", "GNU_sparse.minor": "0", "GNU_sparse.name": dir + "/sparse", "GNU_sparse.realsize": fmt.Sprint(size),
	}}, "")
}

// TestLimitsAreRaised: what a limit refuses passes when the user raises it.
func TestLimitsAreRaised(t *testing.T) {
	t.Parallel()
	b := newBundle(extra{layer: func(tw *tar.Writer) {
		for i := range 310_000 {
			entry(tw, tar.Header{Name: fmt.Sprintf("%s/%d", dir, i)}, "")
		}
	}})
	name := b.write(t)
	if r := runPlugin(t, t.TempDir(), nil, "verify", name); r.code != 2 || !strings.Contains(r.stdout, "exceeds the limit of 300000 files in layers for one command") {
		t.Errorf("exit code %d\n%s", r.code, r.stdout)
	}
	if r := runPlugin(t, t.TempDir(), []string{"EXTPACK_LIMITS=2"}, "verify", name); r.code != 0 {
		t.Errorf("with higher limits: exit code %d\n%s", r.code, r.stdout)
	}
	if r := runPlugin(t, t.TempDir(), []string{"EXTPACK_LIMITS=none"}, "verify", name); r.code != 2 || !strings.Contains(r.stderr, "is not a number from 1 to 1000") {
		t.Errorf("a bad value: exit code %d\n%s", r.code, r.stderr)
	}
}
