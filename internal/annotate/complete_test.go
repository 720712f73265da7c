package annotate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layertest"
	"github.com/extpack/extpack/internal/oci"
)

const (
	labelMetadata = "io.buildpacks.buildpackage.metadata"
	labelLayers   = "io.buildpacks.extension.layers"
)

// labelled returns both labels of an extension in the layer with this diffID.
func labelled(id, diffID string) map[string]string {
	return map[string]string{
		labelMetadata: fmt.Sprintf(`{"id":%q,"version":"1.2.3","stacks":null}`, id),
		labelLayers:   fmt.Sprintf(`{%q:{"1.2.3":{"api":"0.10","layerDiffID":%q}}}`, id, diffID),
	}
}

// other is a layer with nothing of interest.
func other(name string) []file { return []file{{"etc/" + name, name}, {"cnb/extensions/readme", "x"}} }

// TestCompleteFindsTheLayer wherever it is and however it is stored.
func TestCompleteFindsTheLayer(t *testing.T) {
	t.Parallel()
	dotted, rooted := holding("a/b"), holding("a/b")
	for i := range dotted {
		dotted[i].name = "./" + dotted[i].name
		rooted[i].name = "/" + rooted[i].name
	}
	plain := func(_ testing.TB, data []byte) []byte { return data }
	big := make([]byte, 2<<20)
	if _, err := rand.NewChaCha8([32]byte{}).Read(big); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		image image
		layer int
	}{
		"only one":        {image{layers: [][]file{holding("a/b")}}, 0},
		"second of three": {image{layers: [][]file{other("1"), holding("a/b"), other("3")}}, 1},
		"empty layers":    {image{layers: [][]file{{}, holding("a/b"), {}, {}}}, 1},
		"same twice":      {image{layers: [][]file{holding("a/b"), holding("a/b")}}, 0},
		"docker":          {image{layers: [][]file{other("1"), holding("a/b")}, docker: true}, 1},
		"zstd":            {image{layers: [][]file{other("1"), holding("a/b")}, pack: layertest.Zstd, layerType: v1.MediaTypeImageLayerZstd}, 1},
		"plain":           {image{layers: [][]file{other("1"), holding("a/b")}, pack: plain, layerType: v1.MediaTypeImageLayer}, 1},
		"lying type":      {image{layers: [][]file{other("1"), holding("a/b")}, pack: layertest.Zstd}, 1},
		"./cnb":           {image{layers: [][]file{dotted, other("2")}}, 0},
		"/cnb":            {image{layers: [][]file{rooted, other("2")}}, 0},
		"named again":     {image{layers: [][]file{append([]file{{"cnb/extensions/a_b/1.2.3/extension.toml", toml("a/b", "name = \"old\"\n")}}, holding("a/b")...)}}, 0},
		"large":           {image{layers: [][]file{{{"data", string(big)}}, append(holding("a/b"), file{"z", string(big)}), {{"z", string(big)}}}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			root := s.index(t, v1.MediaTypeImageIndex, "", s.image(t, c.image))
			o, done, err := s.complete(t, root, Additions{})
			if err != nil {
				t.Fatal(err)
			}
			index, _, configs := images(t, o, done)
			if got, want := configs[0].Config.Labels, labelled("a/b", configs[0].RootFS.DiffIDs[c.layer].String()); !maps.Equal(got, want) {
				t.Errorf("labels are %v, want %v", got, want)
			}
			want := map[string]string{
				"io.buildpacks.extension.id": "a/b", "io.buildpacks.extension.version": "1.2.3", "io.buildpacks.extension.api": "0.10",
				labelMetadata: labelled("a/b", "")[labelMetadata], v1.AnnotationTitle: "a/b", v1.AnnotationVersion: "1.2.3", v1.AnnotationCreated: "2020-01-02T03:04:05Z",
			}
			if !maps.Equal(index.Annotations, want) {
				t.Errorf("annotations are %v, want %v", index.Annotations, want)
			}
			_, again, err := over(o).complete(t, done, Additions{})
			if err != nil || again.Digest != done.Digest {
				t.Errorf("running it twice gives %s, not %s: %v", again.Digest, done.Digest, err)
			}
		})
	}
}

func TestCompleteRefuses(t *testing.T) {
	t.Parallel()
	huge := holding("a/b")
	huge[1].content = toml("a/b", strings.Repeat("#", extension.MaxSize))
	moved := holding("a/b")
	moved[1].name = "cnb/extensions/c/1.2.3/extension.toml"
	broken := holding("a/b")
	broken[1].content = "[extension\n"
	two := append(holding("a/b"), holding("c")...)
	patched := holding("a/b")[1:]
	for name, c := range map[string]struct {
		image image
		says  string
	}{
		"no layers":       {image{}, "the image contains no extension"},
		"no extension":    {image{layers: [][]file{other("1"), {{"extension.toml", toml("a/b", "")}}}}, "the image contains no extension: no layer has cnb/extensions/ID/VERSION/extension.toml"},
		"two in a layer":  {image{layers: [][]file{two}}, "the image contains two extensions, a/b@1.2.3 and c@1.2.3"},
		"two in layers":   {image{layers: [][]file{holding("a/b"), other("2"), holding("c")}}, "the image contains two extensions, "},
		"in two layers":   {image{layers: [][]file{holding("a/b"), patched}}, "the image contains a/b@1.2.3 in two layers, of which readers use only one"},
		"over the limit":  {image{layers: [][]file{huge}}, fmt.Sprintf("extension.toml has %d bytes, more than the limit of %d", len(huge[1].content), extension.MaxSize)},
		"elsewhere":       {image{layers: [][]file{moved}}, "cnb/extensions/c/1.2.3/extension.toml describes a/b@1.2.3, which does not match its path"},
		"broken":          {image{layers: [][]file{broken}}, "cnb/extensions/a_b/1.2.3/extension.toml:1:"},
		"no tar":          {image{layers: [][]file{holding("a/b")}, pack: func(testing.TB, []byte) []byte { return bytes.Repeat([]byte("no"), 999) }}, "invalid tar header"},
		"cut":             {image{layers: [][]file{holding("a/b")}, pack: func(t testing.TB, d []byte) []byte { return layertest.Gzip(t, d)[:60] }}, "unexpected EOF"},
		"diffIDs":         {image{layers: [][]file{holding("a/b")}, config: `,"rootfs":{"type":"layers","diff_ids":[]}`}, "the image has 1 layers and 0 diffIDs"},
		"unreadable type": {image{layers: [][]file{holding("a/b")}, layerType: "application/vnd.oci.image.layer.v1.tar+encrypted"}, "the image contains no extension"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			desc := s.image(t, c.image)
			_, _, err := s.complete(t, s.index(t, v1.MediaTypeImageIndex, "", desc), Additions{})
			if err == nil || !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), c.says) || !strings.HasPrefix(diag.Text(err), "linux/amd64 ("+desc.Digest.String()+"): ") {
				t.Errorf("error is %v", err)
			}
		})
	}
	t.Run("other content", func(t *testing.T) {
		s := newStore()
		desc := s.image(t, image{layers: [][]file{holding("a/b")}})
		m, _, err := oci.ReadManifest(t.Context(), s, desc)
		if err != nil {
			t.Fatal(err)
		}
		o := swapped{s, m.Layers[0], layertest.Gzip(t, tarOf(t, holding("evil")))}
		if _, err = search(t.Context(), o, m.Layers[0]); !diag.IsInvalid(err) {
			t.Errorf("a layer of other content is taken: %v", err)
		}
	})
	t.Run("different ids", func(t *testing.T) {
		s := newStore()
		root := s.index(t, v1.MediaTypeImageIndex, "",
			s.image(t, image{layers: [][]file{holding("a/b")}}), s.image(t, image{arch: "arm64", layers: [][]file{holding("c")}}))
		_, _, err := s.complete(t, root, Additions{})
		if !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), "linux/arm64") || !strings.Contains(diag.Text(err), "the image contains c@1.2.3, others contain a/b@1.2.3") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		s := newStore()
		if _, _, err := s.complete(t, s.index(t, v1.MediaTypeImageIndex, ""), Additions{}); !diag.IsInvalid(err) {
			t.Errorf("error is %v", err)
		}
	})
}

// TestCompleteReadsNoMoreThanItMust: no layer of a complete package, shared
// layers once, and of a large one not what follows the descriptor.
func TestCompleteReadsNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	s := newStore()
	first := s.image(t, image{layers: [][]file{holding("a/b"), other("2")}})
	_, manifests, configs := images(t, s.Staging, s.index(t, v1.MediaTypeImageIndex, "", first))
	layers := manifests[0].Layers
	done := s.image(t, image{layers: [][]file{holding("a/b"), other("2")}, labels: labelled("a/b", configs[0].RootFS.DiffIDs[0].String())})
	if _, _, err := s.complete(t, s.index(t, v1.MediaTypeImageIndex, "", done), Additions{Labels: map[string]string{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		if n := s.read[l.Digest]; n > 0 {
			t.Errorf("of a complete package %d bytes of layer %s were read", n, l.Digest)
		}
	}
	arm := s.image(t, image{arch: "arm64", layers: [][]file{holding("a/b"), other("2")}})
	if _, _, err := s.complete(t, s.index(t, v1.MediaTypeImageIndex, "", first, arm), Additions{}); err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		if n := s.read[l.Digest]; n != l.Size {
			t.Errorf("%d bytes of layer %s were read, which has %d and is in both images", n, l.Digest, l.Size)
		}
	}

	big := make([]byte, 8<<20)
	if _, err := rand.NewChaCha8([32]byte{}).Read(big); err != nil {
		t.Fatal(err)
	}
	large := s.image(t, image{layers: [][]file{append(holding("a/b"), file{"z", string(big)})}})
	_, manifests, _ = images(t, s.Staging, s.index(t, v1.MediaTypeImageIndex, "", large))
	if _, _, err := s.complete(t, s.index(t, v1.MediaTypeImageIndex, "", large), Additions{}); err != nil {
		t.Fatal(err)
	}
	if n := s.read[manifests[0].Layers[0].Digest]; n == 0 || n > 1<<20 {
		t.Errorf("%d bytes of the large layer were read", n)
	}
}

// TestCompleteRepairsLabels that contradict each other or the layers.
func TestCompleteRepairsLabels(t *testing.T) {
	t.Parallel()
	s := newStore()
	diffID := func() string {
		_, _, configs := images(t, s.Staging, s.index(t, v1.MediaTypeImageIndex, "", s.image(t, image{layers: [][]file{holding("a/b")}})))
		return configs[0].RootFS.DiffIDs[0].String()
	}()
	const elsewhere = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	good := labelled("a/b", diffID)
	with := func(key, value string) map[string]string {
		labels := maps.Clone(good)
		labels[key] = value
		maps.DeleteFunc(labels, func(_, v string) bool { return v == "" })
		return labels
	}
	for name, labels := range map[string]map[string]string{
		"none":            {},
		"no metadata":     with(labelMetadata, ""),
		"no layers":       with(labelLayers, ""),
		"no JSON":         with(labelLayers, "{"),
		"other layer":     with(labelLayers, labelled("a/b", elsewhere)[labelLayers]),
		"other id":        with(labelMetadata, labelled("c", diffID)[labelMetadata]),
		"other version":   with(labelMetadata, strings.ReplaceAll(good[labelMetadata], "1.2.3", "1.2.4")),
		"two ids":         with(labelLayers, `{"c":{"1.2.3":{"api":"0.10"}},`+good[labelLayers][1:]),
		"two versions":    with(labelLayers, strings.Replace(good[labelLayers], `{"1.2.3"`, `{"1.0.0":{"api":"0.10"},"1.2.3"`, 1)),
		"no api":          with(labelLayers, strings.Replace(good[labelLayers], `"api":"0.10",`, "", 1)),
		"metadata a list": with(labelMetadata, "[]"),
	} {
		labels["mine"] = "kept"
		root := s.index(t, v1.MediaTypeImageIndex, "", s.image(t, image{layers: [][]file{holding("a/b")}, labels: labels}))
		o, done, err := s.complete(t, root, Additions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, _, configs := images(t, o, done)
		if got := configs[0].Config.Labels; !maps.Equal(got, with("mine", "kept")) {
			t.Errorf("%s: labels are %v", name, got)
		}
	}
}

// TestCompleteKeepsTheRest: everything that another tool wrote stays where it is.
func TestCompleteKeepsTheRest(t *testing.T) {
	t.Parallel()
	for _, docker := range []bool{false, true} {
		s := newStore()
		made := image{
			layers: [][]file{holding("a/b")}, docker: docker, labels: map[string]string{"old": "1"}, config: `,"x-config":{"b":1,"a":[2]}`,
			manifest: `,"subject":{"mediaType":"application/x","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":3},"annotations":{"k":"<v>"},"artifactType":"application/y","x-manifest":true`,
		}
		first := s.image(t, made)
		first.Annotations = map[string]string{"entry": "1"}
		first.URLs = []string{"https://example.com"}
		first.Platform.OSFeatures = []string{"f"}
		mediaType := v1.MediaTypeImageIndex
		if docker {
			mediaType = oci.MediaTypeDockerIndex
		}
		const more = `,"annotations":{"org.opencontainers.image.title":"theirs","io.buildpacks.extension.api":"0.3"},"subject":{"mediaType":"application/z","digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111","size":4},"artifactType":"application/w","x-index":[1,{"b":2}]`
		root := s.index(t, mediaType, more, first)
		o, done, err := s.complete(t, root, Additions{Labels: map[string]string{"new": "2"}})
		if err != nil {
			t.Fatal(err)
		}
		index, manifests, configs := images(t, o, done)
		labels := configs[0].Config.Labels
		if labels["old"] != "1" || labels["new"] != "2" || labels[labelLayers] == "" {
			t.Errorf("labels are %v", labels)
		}
		if a := index.Annotations; a["org.opencontainers.image.title"] != "theirs" || a["io.buildpacks.extension.api"] != "0.10" {
			t.Errorf("annotations are %v", a)
		}
		if d := index.Manifests[0]; d.MediaType != first.MediaType || d.Annotations["entry"] != "1" || len(d.Platform.OSFeatures) != 1 || d.URLs != nil {
			t.Errorf("entry is %+v; urls of what it was are wrong", d)
		}
		// Removing what was added restores what there was.
		for _, c := range []struct {
			raw  []byte
			want string
		}{
			{readRaw(t, o, done), more[strings.Index(more, `,"subject"`):]},
			{readRaw(t, o, index.Manifests[0]), made.manifest},
			{readRaw(t, o, index.Manifests[0]), `,"x-config":1}`},
			{readRaw(t, o, manifests[0].Config), made.config},
			{readRaw(t, o, manifests[0].Config), `"User":"1","x-inner":"<1>"`},
		} {
			if !bytes.Contains(c.raw, []byte(c.want)) {
				t.Errorf("%s\nhas lost %s", c.raw, c.want)
			}
		}
		if manifests[0].Config.MediaType != map[bool]string{false: v1.MediaTypeImageConfig, true: oci.MediaTypeDockerConfig}[docker] {
			t.Errorf("the config has become a %s", manifests[0].Config.MediaType)
		}
	}
}

// TestCompleteNamesPlatforms: readers take an image that is listed without a
// platform for linux/amd64, also one that a nested index lists.
func TestCompleteNamesPlatforms(t *testing.T) {
	t.Parallel()
	s := newStore()
	arm, riscv := s.image(t, image{arch: "arm64", layers: [][]file{holding("a/b")}}), s.image(t, image{arch: "riscv64", layers: [][]file{holding("a/b")}})
	arm.Platform, riscv.Platform = nil, &v1.Platform{}
	inner := s.index(t, v1.MediaTypeImageIndex, "", arm)
	o, done, err := s.complete(t, s.index(t, v1.MediaTypeImageIndex, "", inner, riscv), Additions{})
	if err != nil {
		t.Fatal(err)
	}
	index, _, _ := images(t, o, done)
	var got []string
	for _, d := range index.Manifests {
		raw, err := json.Marshal(d.Platform)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(raw))
	}
	if want := `{"architecture":"arm64","os":"linux"} {"architecture":"riscv64","os":"linux"}`; strings.Join(got, " ") != want {
		t.Errorf("platforms are %s", got)
	}
}

// TestCompleteLeavesArtifacts: what is listed for a platform need not be an
// image.
func TestCompleteLeavesArtifacts(t *testing.T) {
	t.Parallel()
	s := newStore()
	config := s.Put("application/vnd.example.config", []byte("{}"))
	artifact := s.Put(v1.MediaTypeImageManifest, fmt.Appendf(nil, `{"schemaVersion":2,"config":{%s},"layers":[{%s}]}`, refer(config), refer(config)))
	bare := artifact
	artifact.Platform = &v1.Platform{OS: "wasip1", Architecture: "wasm"}
	o, done, err := s.complete(t, s.index(t, v1.MediaTypeImageIndex, "", artifact, s.image(t, image{layers: [][]file{holding("a/b")}}), bare), Additions{})
	if err != nil {
		t.Fatal(err)
	}
	index, _, err := oci.ReadIndex(t.Context(), o, done)
	if err != nil || len(index.Manifests) != 3 || index.Manifests[0].Digest != artifact.Digest || index.Manifests[2].Digest != bare.Digest || index.Manifests[2].Platform != nil {
		t.Errorf("%v: %+v", err, index.Manifests)
	}
	if _, _, err := s.complete(t, s.index(t, v1.MediaTypeImageIndex, "", artifact), Additions{}); !diag.IsInvalid(err) {
		t.Errorf("error is %v", err)
	}
}
