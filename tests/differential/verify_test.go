package differential_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
	"github.com/extpack/extpack/internal/verify"
)

// full reports whether all mutations are wanted rather than a sample of them.
var full = os.Getenv("EXTPACK_TORTURE") == "full"

// mutant is a package file of the extension a/b@1.2.3, in parts that can be
// changed.
type mutant struct {
	metadata, layers any
	config           map[string]any
	manifest         map[string]any
	index            map[string]any
}

const layerType = "application/vnd.oci.image.layer.v1.tar+gzip"

var layerPlain = func() []byte {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, h := range []tar.Header{
		{Name: "cnb/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "cnb/extensions/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "cnb/extensions/a_b/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "cnb/extensions/a_b/1.2.3/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "cnb/extensions/a_b/1.2.3/extension.toml", Typeflag: tar.TypeReg, Mode: 0o644, Linkname: "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.2.3\"\n"},
	} {
		content := []byte(nil)
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname = []byte(h.Linkname), ""
			h.Size = int64(len(content))
		}
		if err := tw.WriteHeader(&h); err != nil {
			panic(err)
		}
		if _, err := tw.Write(content); err != nil {
			panic(err)
		}
	}
	if err := tw.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}()

var layerGzip = func() []byte {
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	_, err := zw.Write(layerPlain)
	if err == nil {
		err = zw.Close()
	}
	if err != nil {
		panic(err)
	}
	return buf.Bytes()
}()

type (
	list = []any
	obj  = map[string]any
)

func newMutant() *mutant {
	diffID := digest.FromBytes(layerPlain).String()
	return &mutant{
		metadata: obj{
			"id": "a/b", "version": "1.2.3", "name": "n", "description": "d", "homepage": "h", "keywords": list{"k"}, "exec-env": list{"e"},
			"licenses": list{obj{"Type": "MIT", "URI": "u"}}, "clear-env": false, "stacks": nil,
		},
		layers: obj{"a/b": obj{"1.2.3": obj{
			"api": "0.10", "layerDiffID": diffID, "homepage": "h", "name": "n",
			"stacks": list{obj{"id": "*", "mixins": list{"m"}}}, "targets": list{obj{"os": "linux", "arch": "amd64", "variant": "v1", "distros": list{obj{"name": "d", "version": "1"}}}},
			"order": list{obj{"group": list{obj{"id": "x", "version": "1", "optional": true}}}},
		}}},
		config: obj{
			"os": "linux", "architecture": "amd64", "created": "1980-01-01T00:00:01Z", "author": "a",
			"rootfs": obj{"type": "layers", "diff_ids": list{diffID}}, "history": list{obj{"created": "1980-01-01T00:00:01Z"}},
		},
		manifest: obj{
			"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
			"layers":      list{obj{"mediaType": layerType, "digest": digest.FromBytes(layerGzip).String(), "size": len(layerGzip)}},
			"annotations": obj{"a": "b"},
		},
		index: obj{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "annotations": obj{"a": "b"}},
	}
}

// otherValue returns what a mutation puts in the place of another value.
func otherValue(r *rand.Rand) any {
	values := list{nil, true, 0, -1, 1.5, "", "x", "0.10", "sha256:x", list{}, list{nil}, list{"x"}, list{1}, obj{}, obj{"x": "y"}, obj{"id": 1}}
	return values[r.IntN(len(values))]
}

// mutate changes one value below v, or its name, or takes it out.
func mutate(r *rand.Rand, v any, depth int) any {
	descend := depth == 0 || r.IntN(4) > 0
	switch v := v.(type) {
	case obj:
		keys := sortedKeys(v)
		if !descend || len(keys) == 0 {
			break
		}
		key := keys[r.IntN(len(keys))]
		switch r.IntN(8) {
		case 0:
			delete(v, key)
		case 1:
			v[otherCase(r, key)] = v[key]
		case 2:
			old := v[key]
			delete(v, key)
			v[otherCase(r, key)] = old
		case 3:
			v["unknown"] = otherValue(r)
		default:
			v[key] = mutate(r, v[key], depth+1)
		}
		return v
	case list:
		if !descend || len(v) == 0 {
			break
		}
		i := r.IntN(len(v))
		switch r.IntN(4) {
		case 0:
			return append(v, v[i])
		case 1:
			return slices.Delete(slices.Clone(v), i, i+1)
		}
		v[i] = mutate(r, v[i], depth+1)
		return v
	}
	return otherValue(r)
}

func sortedKeys(m obj) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func otherCase(r *rand.Rand, s string) string {
	if r.IntN(2) == 0 {
		return strings.ToUpper(s)
	}
	return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):]
}

func toJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // made of maps and lists
	}
	return data
}

// write writes the package file, and returns what it contains in short.
func (m *mutant) write(t *testing.T, name string, nested bool) string {
	t.Helper()
	blobs := map[string][]byte{digest.FromBytes(layerGzip).Encoded(): layerGzip}
	put := func(mediaType string, data []byte) obj {
		d := digest.FromBytes(data)
		blobs[d.Encoded()] = data
		return obj{"mediaType": mediaType, "digest": d.String(), "size": len(data)}
	}
	if _, ok := m.config["config"]; !ok {
		m.config["config"] = obj{"Labels": obj{
			"io.buildpacks.buildpackage.metadata": string(toJSON(m.metadata)),
			"io.buildpacks.extension.layers":      string(toJSON(m.layers)),
		}}
	}
	if _, ok := m.manifest["config"]; !ok {
		m.manifest["config"] = put("application/vnd.oci.image.config.v1+json", toJSON(m.config))
	}
	manifest := put("application/vnd.oci.image.manifest.v1+json", toJSON(m.manifest))
	manifest["platform"] = obj{"os": "linux", "architecture": "amd64"}
	if _, ok := m.index["manifests"]; !ok {
		m.index["manifests"] = list{manifest}
		if nested {
			m.index["manifests"] = list{put("application/vnd.oci.image.index.v1+json", toJSON(obj{"schemaVersion": 2, "manifests": list{manifest}}))}
		}
	}
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	add := func(name string, data []byte) {
		if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	add("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	add("index.json", toJSON(m.index))
	for _, sum := range sortedBlobs(blobs) {
		add("blobs/sha256/"+sum, blobs[sum])
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("index %s\nmanifest %s\nconfig %s", toJSON(m.index), toJSON(m.manifest), toJSON(m.config))
}

func sortedBlobs(m map[string][]byte) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// stricter are what verify refuses and pack's loader reads, each for a reason of
// its own. Two of them in one package count under the first.
var stricter = []struct{ why, what string }{
	{"another reader takes another field", `is ambiguous|is repeated`},
	{"the lifecycle and the registry need one id and version", `\[label-single\]|has no id or no version`},
	{"the labels name two extensions", `\[label-mismatch\]`},
	{"the index chooses by platform", `\[config-platform\]`},
	{"containerd and docker need a diffID for each layer", `\[layer-count\]`},
	{"registries and containerd go by media type", `\[media-type\]`},
	{"registries and containerd go by size", `has more than the|has a descriptor with size`},
}

// reason returns why verify is right to refuse what pack reads, or nothing.
func reason(message string) string {
	for _, s := range stricter {
		if regexp.MustCompile(s.what).MatchString(message) {
			return s.why
		}
	}
	return ""
}

// refusal returns what verify says against a package file, nothing when it
// accepts it.
func refusal(t *testing.T, client *registry.Client, name string) (message string) {
	t.Helper()
	s, err := source.Open(t.Context(), client, name)
	if err != nil {
		return err.Error()
	}
	defer s.Close()
	r, err := verify.Package(t.Context(), s, name, s.Root, verify.Options{File: s.File, NestedFile: s.NestedFile})
	if err != nil {
		return err.Error()
	}
	for _, f := range r.Findings {
		if f.Severity == verify.Error {
			message += f.String() + "\n"
		}
	}
	return message
}

// TestVerifyAgreesWithPack mutates labels and layouts, and asks verify and
// pack's own code: no package that verify accepts is refused by pack, and one that
// pack reads is refused by verify only for the reasons above.
func TestVerifyAgreesWithPack(t *testing.T) {
	mutations := 1_000
	if full {
		mutations = 10_000
	}
	const seed = 20261126
	r := rand.New(rand.NewPCG(seed, 1))
	pack, client := startReader(t), registry.New(registry.Options{})
	name := filepath.Join(t.TempDir(), "x.cnb")
	newMutant().write(t, name, false)
	if ours, theirs := refusal(t, client, name), pack.read(t, name); ours != "" || theirs != (answer{ID: "a/b", Version: "1.2.3", API: "0.10"}) {
		t.Fatalf("the package without a mutation: verify says %q, pack reads %+v", ours, theirs)
	}
	var both, neither, alone int
	reasons := map[string]int{}
	for n := range mutations {
		m := newMutant()
		for range 1 + r.IntN(2) {
			switch r.IntN(6) {
			case 0, 1:
				m.metadata = mutate(r, m.metadata, 0)
			case 2, 3:
				m.layers = mutate(r, m.layers, 0)
			case 4:
				m.config = mutate(r, m.config, 0).(obj)
			default:
				if r.IntN(2) == 0 {
					m.manifest = mutate(r, m.manifest, 0).(obj)
				} else {
					m.index = mutate(r, m.index, 0).(obj)
				}
			}
		}
		what := m.write(t, name, r.IntN(50) == 0)
		ours, theirs := refusal(t, client, name), pack.read(t, name)
		switch {
		case ours == "" && theirs.Error != "":
			t.Errorf("mutation %d: verify accepts what pack refuses: %s\n%s", n, theirs.Error, what)
		case ours == "" && (theirs.ID != "a/b" || theirs.Version != "1.2.3"):
			t.Errorf("mutation %d: verify accepts it as a/b@1.2.3, pack reads %+v\n%s", n, theirs, what)
		case ours == "":
			both++
		case theirs.Error != "":
			neither++
		default:
			alone++
			why := reason(ours)
			if why == "" {
				t.Errorf("mutation %d: pack reads %+v, verify refuses it without a known reason: %s\n%s", n, theirs, ours, what)
			}
			reasons[why]++
		}
	}
	t.Logf("%d mutations: %d accepted by both, %d refused by both, %d refused by verify alone", mutations, both, neither, alone)
	for why, n := range reasons {
		t.Logf("%5d because %s", n, why)
	}
	if both < mutations/20 || neither < mutations/20 {
		t.Errorf("the mutations are too similar to tell anything")
	}
}
