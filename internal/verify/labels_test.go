package verify

import (
	"strings"
	"testing"
)

func TestLabels(t *testing.T) {
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
		return func(p *testPackage) {
			p.layers = func(_ int, _, version map[string]any) { version["api"] = api }
			p.files = func(_ int, files []file) []file {
				s, _ := api.(string)
				files[len(files)-1].content = strings.Replace(testTOML, "0.10", s, 1)
				return files
			}
			p.platforms, p.promise = p.platforms[:1], nil
		}
	}
	run(t, map[string]mutation{
		"no metadata":          {without(labelMetadata), idLabelMissing, labelMetadata},
		"no layers":            {without(labelLayers), idLabelMissing, labelLayers},
		"metadata not JSON":    {label(labelMetadata, "{"), idLabelInvalid, "is not valid JSON"},
		"metadata without id":  {label(labelMetadata, `{"version":"0.0.1"}`), idLabelInvalid, "has no id or no version"},
		"layers not JSON":      {label(labelLayers, "nope"), idLabelInvalid, "is not valid JSON"},
		"layers of other form": {label(labelLayers, `{"a":["0.0.1"]}`), idLabelInvalid, "is not valid JSON of its form"},
		"diffID is no digest":  {label(labelLayers, `{"samples/curl":{"0.0.1":{"api":"0.10","layerDiffID":"x"}}}`), idLabelInvalid, "is no digest"},
		"version is a path":    {label(labelLayers, `{"samples/curl":{"../../etc":{"api":"0.10"}}}`), idLabelInvalid, "cannot be the name of a directory"},
		"id is a parent":       {label(labelLayers, `{"..":{"0.0.1":{"api":"0.10"}}}`), idLabelInvalid, "cannot be the name of a directory"},
		"no extension":         {label(labelLayers, `{}`), idLabelSingle, "names 0 extensions"},
		"two extensions":       {label(labelLayers, `{"a":{"1.0.0":{}},"b":{"1.0.0":{}}}`), idLabelSingle, "names 2 extensions (a, b) in 2 versions"},
		"two versions":         {label(labelLayers, `{"a":{"1.0.0":{},"2.0.0":{}}}`), idLabelSingle, "names 1 extensions (a) in 2 versions"},
		"metadata of another":  {label(labelMetadata, `{"id":"other","version":"0.0.1"}`), idLabelMismatch, "names other@0.0.1"},
		"not what was promised": {func(p *testPackage) {
			p.promise.Version = "0.0.2"
			p.platforms = p.platforms[:1]
			p.promise.Images = p.promise.Images[:1]
		}, idLabelMismatch, "but the promised package is samples/curl@0.0.2"},
		"no api":      {api(nil), idAPIInvalid, `has the api "", which is not MAJOR.MINOR`},
		"odd api":     {api("0.10.1"), idAPIInvalid, "which is not MAJOR.MINOR"},
		"old api":     {api("0.6"), idAPIUnsupported, "api 0.6 is not one that lifecycles support"},
		"new api":     {api("0.13"), idAPIUnsupported, "api 0.13"},
		"other major": {api("1.10"), idAPIUnsupported, "api 1.10"},
		"oldest api":  {api("0.7"), "", ""},
		"newest api":  {api("0.12"), "", ""},
	})
}

func TestImagesOfTwoVersions(t *testing.T) {
	p := validPackage()
	p.promise = nil
	p.metadata = func(n int, label map[string]any) { label["version"] = []string{"0.0.1", "0.0.2"}[n] }
	p.layers = func(n int, label, version map[string]any) {
		if n == 1 {
			label[testID] = map[string]any{"0.0.2": version}
		}
	}
	p.opts.NoLayers = true
	found := p.check(t)
	if len(found) != 1 || !strings.Contains(found[0].Message, "the labels name samples/curl@0.0.2, but the image for linux/amd64 has samples/curl@0.0.1") {
		t.Errorf("findings:\n%s", lines(found))
	}
}
