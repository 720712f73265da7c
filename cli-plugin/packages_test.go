package cliplugin

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
)

// package KIND NAME writes a package: the kinds are those of packageKinds. A
// name that ends in .cnb is a package file, any other an OCI layout directory.
func cmdPackage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || packageKinds[args[0]] == nil {
		ts.Fatalf("usage: package KIND NAME")
	}
	ts.Check(writePackage(packageKinds[args[0]], ts.MkAbs(args[1])))
}

// hostile is what a terminal acts on: it sets the title, clears the screen, and
// writes from right to left.
const hostile = "\x1b]0;owned\a\x1b[2J\r\n\u009b31m\u202egpj.exe"

var packageKinds = map[string]func(p *packager) v1.Index{
	"two-platforms": func(p *packager) v1.Index {
		index := v1.Index{Annotations: map[string]string{v1.AnnotationTitle: "Curl", v1.AnnotationVersion: "0.0.1"}}
		for _, arch := range []string{"amd64", "arm64"} {
			index.Manifests = append(index.Manifests, p.image(v1.Platform{OS: "linux", Architecture: arch}, "samples/curl", "Curl"))
		}
		return index
	},
	"one-image": func(p *packager) v1.Index {
		return v1.Index{Manifests: []v1.Descriptor{p.image(v1.Platform{OS: "linux", Architecture: "amd64"}, "samples/curl", "")}}
	},
	"no-labels": func(p *packager) v1.Index {
		return v1.Index{Manifests: []v1.Descriptor{p.image(v1.Platform{OS: "linux", Architecture: "amd64"}, "", "")}}
	},
	"hostile": func(p *packager) v1.Index {
		image := p.image(v1.Platform{OS: "linux", Architecture: "amd64", OSVersion: hostile}, "samples/curl", hostile)
		image.Annotations = map[string]string{hostile: hostile}
		return v1.Index{Annotations: map[string]string{"title" + hostile: hostile}, Manifests: []v1.Descriptor{image, image}}
	},
	"distros-attested": func(p *packager) v1.Index {
		var index v1.Index
		for _, version := range []string{"22.04", "24.04"} {
			image := p.image(v1.Platform{OS: "linux", Architecture: "amd64", OSVersion: version}, "samples/curl", "")
			image.Annotations = map[string]string{
				extension.AnnotationDistroName: "ubuntu", extension.AnnotationDistroVersion: version,
			}
			index.Manifests = append(index.Manifests, image, p.attestation(image.Digest))
		}
		return index
	},
}

// packager writes the images of a package into a layout.
type packager struct {
	*ocilayout.Layout
	err error
}

func (p *packager) put(mediaType string, v any) v1.Descriptor {
	desc, err := p.PutJSON(context.Background(), mediaType, v)
	if err != nil && p.err == nil {
		p.err = err
	}
	return desc
}

// image writes an image of one layer; without an id it has no labels.
func (p *packager) image(platform v1.Platform, id, name string) v1.Descriptor {
	layer := []byte(strings.Repeat(platform.Architecture, 1000))
	config := v1.Image{Platform: platform, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(layer)}}}
	if id != "" {
		d := extension.Descriptor{API: "0.10", Info: extension.Info{
			ID: id, Version: "0.0.1", Name: name, Description: name, Homepage: "https://example.com/curl",
		}}
		metadata, err1 := d.MetadataLabel()
		layers, err2 := d.LayersLabel(digest.FromBytes(layer).String())
		if err1 != nil || err2 != nil {
			panic("a label of strings cannot be marshalled")
		}
		config.Config.Labels = map[string]string{extension.LabelMetadata: metadata, extension.LabelLayers: layers}
	}
	layerDesc, err := p.PutBytes(context.Background(), v1.MediaTypeImageLayer, layer)
	if err != nil && p.err == nil {
		p.err = err
	}
	manifest := v1.Manifest{
		MediaType: v1.MediaTypeImageManifest, Config: p.put(v1.MediaTypeImageConfig, config), Layers: []v1.Descriptor{layerDesc},
	}
	manifest.SchemaVersion = 2
	desc := p.put(v1.MediaTypeImageManifest, manifest)
	desc.Platform = &platform
	return desc
}

func (p *packager) attestation(about digest.Digest) v1.Descriptor {
	manifest := v1.Manifest{
		MediaType: v1.MediaTypeImageManifest,
		Config:    p.put(v1.MediaTypeImageConfig, v1.Image{Platform: v1.Platform{OS: "unknown", Architecture: "unknown"}}),
		Layers:    []v1.Descriptor{p.put("application/vnd.in-toto+json", map[string]string{"about": about.String()})},
	}
	manifest.SchemaVersion = 2
	desc := p.put(v1.MediaTypeImageManifest, manifest)
	desc.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{
		oci.AnnotationReferenceType:   oci.ReferenceTypeAttestation,
		oci.AnnotationReferenceDigest: about.String(),
	}
	return desc
}

func writePackage(kind func(*packager) v1.Index, name string) error {
	dir := name
	if strings.HasSuffix(name, ".cnb") {
		temp, err := os.MkdirTemp("", "package-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		dir = temp
	}
	layout, err := ocilayout.Create(dir)
	if err != nil {
		return err
	}
	defer layout.Close()
	p := &packager{Layout: layout}
	index := kind(p)
	if p.err != nil {
		return p.err
	}
	if dir != name {
		return ocilayout.WriteTarFile(context.Background(), name, layout, index)
	}
	return layout.WriteIndex(index)
}

// The packages are what the scripts take them for.
func TestPackageKinds(t *testing.T) {
	for name, kind := range packageKinds {
		file := t.TempDir() + "/p.cnb"
		if err := writePackage(kind, file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		store, err := ocilayout.Open(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		raw, err := store.RawIndex(t.Context())
		if err != nil || !json.Valid(raw) {
			t.Errorf("%s: %v: %s", name, err, raw)
		}
		if c, ok := store.(io.Closer); ok {
			c.Close()
		}
	}
}
