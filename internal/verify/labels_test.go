package verify

import (
	"archive/tar"
	"cmp"
	"maps"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
)

func TestLabels(t *testing.T) {
	t.Parallel()
	label := func(name, value string) func(*testPackage) {
		return func(p *testPackage) {
			p.labels = func(n int, labels map[string]string) {
				if n == 1 {
					labels[name] = value
				}
			}
		}
	}
	without := func(name string) func(*testPackage) {
		return func(p *testPackage) {
			p.labels = func(n int, labels map[string]string) {
				if n == 1 {
					delete(labels, name)
				}
			}
		}
	}
	api := func(api any) func(*testPackage) {
		s, _ := api.(string)
		return func(p *testPackage) {
			p.layers = func(_ int, _, version map[string]any) { version["api"] = api }
			p.files = func(_ int, files []file) []file {
				files[len(files)-1].Content = strings.Replace(testTOML, "0.10", s, 1)
				return files
			}
			p.index = func(index *v1.Index) { index.Annotations[extension.AnnotationAPI] = cmp.Or(s, "none") }
			p.platforms, p.promise = p.platforms[:1], nil
		}
	}
	run(t, map[string]mutation{
		"no metadata":            {without(extension.LabelMetadata), idLabelMissing, extension.LabelMetadata},
		"no layers":              {without(extension.LabelLayers), idLabelMissing, extension.LabelLayers},
		"metadata not JSON":      {label(extension.LabelMetadata, "{"), idLabelInvalid, "is not valid JSON"},
		"metadata without id":    {label(extension.LabelMetadata, `{"version":"0.0.1"}`), idLabelInvalid, "has no id or no version"},
		"layers not JSON":        {label(extension.LabelLayers, "nope"), idLabelInvalid, "is not valid JSON"},
		"layers of other form":   {label(extension.LabelLayers, `{"a":["0.0.1"]}`), idLabelInvalid, "is not valid JSON in the expected form"},
		"diffID is not a digest": {label(extension.LabelLayers, `{"samples/curl":{"0.0.1":{"api":"0.10","layerDiffID":"x"}}}`), idLabelInvalid, "is not a digest"},
		"version is a path":      {label(extension.LabelLayers, `{"samples/curl":{"../../etc":{"api":"0.10"}}}`), idLabelInvalid, "cannot be the name of a directory"},
		"id is a parent":         {label(extension.LabelLayers, `{"..":{"0.0.1":{"api":"0.10"}}}`), idLabelInvalid, "cannot be the name of a directory"},
		"no extension":           {label(extension.LabelLayers, `{}`), idLabelSingle, "names 0 extensions"},
		"two extensions":         {label(extension.LabelLayers, `{"a":{"1.0.0":{}},"b":{"1.0.0":{}}}`), idLabelSingle, "names 2 extensions (a, b) in 2 versions"},
		"two versions":           {label(extension.LabelLayers, `{"a":{"1.0.0":{},"2.0.0":{}}}`), idLabelSingle, "names 1 extensions (a) in 2 versions"},
		"metadata of another":    {label(extension.LabelMetadata, `{"id":"other","version":"0.0.1"}`), idLabelMismatch, "names other@0.0.1"},
		"not what was promised": {func(p *testPackage) {
			p.promise.Version = "0.0.2"
			p.platforms = p.platforms[:1]
			p.promise.Images = p.promise.Images[:1]
		}, idLabelMismatch, "but the expected package is samples/curl@0.0.2"},
		"no api":      {api(nil), idAPIInvalid, `has the api "", which is not MAJOR.MINOR`},
		"odd api":     {api("0.10.1"), idAPIInvalid, "which is not MAJOR.MINOR"},
		"old api":     {api("0.6"), idAPIUnsupported, "api 0.6 is not supported by lifecycles"},
		"new api":     {api("0.13"), idAPIUnsupported, "api 0.13"},
		"other major": {api("1.10"), idAPIUnsupported, "api 1.10"},
		"oldest api":  {api("0.7"), "", ""},
		"newest api":  {api("0.12"), "", ""},
	})
}

// TestForeignImages is about images that hold no extension: one finding each.
func TestForeignImages(t *testing.T) {
	t.Parallel()
	labelled := func(want map[string]string) func(*testPackage) {
		return func(p *testPackage) {
			p.labels = func(n int, labels map[string]string) {
				if n == 1 {
					clear(labels)
					maps.Copy(labels, want)
				}
			}
		}
	}
	run(t, map[string]mutation{
		"no labels": {labelled(nil), idLabelMissing, "the image has neither the label"},
		"a buildpack": {
			labelled(map[string]string{extension.LabelMetadata: "{}", "io.buildpacks.buildpack.layers": "{}"}), idLabelMissing,
			"the image is a buildpack, not an extension",
		},
		"a builder":      {labelled(map[string]string{"io.buildpacks.builder.metadata": "{}"}), idLabelMissing, "the image is a builder"},
		"an application": {labelled(map[string]string{"io.buildpacks.lifecycle.metadata": "{}"}), idLabelMissing, "the image is an application"},
	})
}

func TestAnnotations(t *testing.T) {
	t.Parallel()
	annotation := func(name, value string) func(*testPackage) {
		return func(p *testPackage) { p.index = func(index *v1.Index) { index.Annotations[name] = value } }
	}
	const metadata = extension.LabelMetadata
	run(t, map[string]mutation{
		"none": {func(p *testPackage) {
			p.index = func(index *v1.Index) { index.Annotations = nil }
		}, idAnnotationMissing, "the index has no annotation io.buildpacks.extension.id, io.buildpacks.extension.version,"},
		"one less":            {annotation(v1.AnnotationTitle, ""), idAnnotationMissing, "the index has no annotation org.opencontainers.image.title"},
		"more":                {annotation("com.example.team", "x"), "", ""},
		"another id":          {annotation(extension.AnnotationID, "other"), idAnnotationMismatch, `has the annotation io.buildpacks.extension.id "other", but the labels have "samples/curl"`},
		"another version":     {annotation(extension.AnnotationVersion, "0.0.2"), idAnnotationMismatch, `"0.0.2", but`},
		"another api":         {annotation(extension.AnnotationAPI, "0.9"), idAnnotationMismatch, `"0.9", but`},
		"metadata of another": {annotation(metadata, `{"id":"samples/curl","version":"0.0.2"}`), idAnnotationMismatch, "names samples/curl@0.0.2, but the labels name samples/curl@0.0.1"},
		"metadata not JSON":   {annotation(metadata, "{"), idAnnotationMismatch, "is not valid JSON"},
		"the user's version":  {annotation(v1.AnnotationVersion, "2026-06"), "", ""},
		// A package file of one image that is its own root has no index to
		// annotate.
		"on the only image": {func(p *testPackage) {
			p.platforms, p.promise = p.platforms[:1], nil
			p.index = func(index *v1.Index) { index.Annotations = nil }
			p.manifest = func(_ int, m *v1.Manifest) { m.Annotations = testAnnotations() }
		}, "", ""},
	})
}

func TestTargets(t *testing.T) {
	t.Parallel()
	type target = map[string]any
	labelled := func(targets ...target) func(*testPackage) {
		return func(p *testPackage) {
			p.promise = nil
			p.layers = func(_ int, _, version map[string]any) { version["targets"] = targets }
		}
	}
	intel, arm := target{"os": "linux", "arch": "amd64"}, target{"os": "linux", "arch": "arm64"}
	distros := func(versions ...string) target {
		var list []target
		for _, v := range versions {
			list = append(list, target{"name": "ubuntu", "version": v})
		}
		return target{"os": "linux", "arch": "amd64", "distros": list}
	}
	run(t, map[string]mutation{
		"all there":     {labelled(intel, arm), "", ""},
		"one missing":   {labelled(intel, arm, target{"os": "linux", "arch": "s390x"}), idTargetMissing, "linux/s390x is a target of the extension, but no image is for it"},
		"as an alias":   {labelled(intel, target{"os": "linux", "arch": "aarch64"}), "", ""},
		"other variant": {labelled(intel, target{"os": "linux", "arch": "arm64", "variant": "v9"}), idTargetMissing, "linux/arm64/v9 is a target"},
		"any variant": {func(p *testPackage) {
			labelled(target{"os": "linux", "arch": "arm"})(p)
			p.platforms = []v1.Platform{{OS: "linux", Architecture: "arm", Variant: "v6"}}
		}, "", ""},
		"one image for all distros": {labelled(distros("22.04", "24.04"), arm), "", ""},
		"a distro missing": {func(p *testPackage) {
			labelled(distros("22.04", "24.04"))(p)
			p.platforms = []v1.Platform{{OS: "linux", Architecture: "amd64", OSVersion: "22.04"}}
		}, idTargetMissing, "linux/amd64:ubuntu@24.04 is a target"},
		"promised to be less": {func(p *testPackage) {
			promise := p.promise
			labelled(intel, arm, target{"os": "linux", "arch": "s390x"})(p)
			p.promise = promise
		}, "", ""},
		"not a list": {func(p *testPackage) {
			p.layers = func(n int, _, version map[string]any) {
				if n == 1 {
					version["targets"] = "linux"
				}
			}
		}, idLabelInvalid, "is not valid JSON in the expected form"},
	})
}

func TestImagesOfTwoVersions(t *testing.T) {
	t.Parallel()
	p := validPackage()
	p.promise = nil
	p.metadata = func(n int, label map[string]any) { label["version"] = []string{"0.0.1", "0.0.2"}[n] }
	p.layers = func(n int, label, version map[string]any) {
		if n == 1 {
			label[testID] = map[string]any{"0.0.2": version}
		}
	}
	p.opts.NoLayers = true
	// The annotations and the first image agree.
	found := p.check(t)
	if len(found) != 1 || !strings.Contains(found[0].Message, "the labels name samples/curl@0.0.2, but the image for linux/amd64 has samples/curl@0.0.1") {
		t.Errorf("findings:\n%s", lines(found))
	}
}

// annotate is only recommended for images that it can complete.
func TestMissingLabelsHint(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*testPackage)
		hint   string
	}{
		"an extension": {func(*testPackage) {}, hintAnnotate},
		"not read":     {func(p *testPackage) { p.opts.NoLayers = true }, hintUnlabelled},
		"no extension": {func(p *testPackage) {
			p.files = func(int, []file) []file {
				return []file{{Header: tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}}}
			}
		}, hintOther},
		"a builder": {func(p *testPackage) {
			p.labels = func(_ int, labels map[string]string) {
				clear(labels)
				labels["io.buildpacks.builder.metadata"] = "{}"
			}
		}, hintOther},
	} {
		p := validPackage()
		p.promise = nil
		p.labels = func(_ int, labels map[string]string) { clear(labels) }
		tc.change(p)
		found := 0
		for _, f := range p.check(t) {
			if f.ID == idLabelMissing {
				if found++; f.Hint != tc.hint {
					t.Errorf("%s: hint %q, want %q", name, f.Hint, tc.hint)
				}
			}
		}
		if found != 2 {
			t.Errorf("%s: found %d times", name, found)
		}
	}
}
