// Package inspect gathers what a package says about itself, for people and
// programs to read. It reads manifests and configs, never layers, and judges
// nothing.
package inspect

import (
	"context"
	"encoding/json"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
)

// Report is what a package says about itself. Its JSON is the output of
// "docker extpack inspect --format json".
type Report struct {
	Name      string        `json:"name"`
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	// Extension is null when no image has an extension's labels.
	Extension   *Extension        `json:"extension"`
	Platforms   []Platform        `json:"platforms"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Attestations counts the attestation manifests.
	Attestations int `json:"attestations,omitempty"`
}

// Extension is what the labels of the first labelled image say.
type Extension struct {
	ID          string `json:"id"`
	Version     string `json:"version"`
	API         string `json:"api"`
	Name        string `json:"name,omitempty"`
	Homepage    string `json:"homepage,omitempty"`
	Description string `json:"description,omitempty"`
}

// Platform is one image.
type Platform struct {
	// Platform is "os/arch[/variant]" as the descriptor says, else the config, or
	// "any" for an image that nothing binds to a platform.
	Platform      string        `json:"platform"`
	OSVersion     string        `json:"os.version,omitempty"`
	DistroName    string        `json:"distro.name,omitempty"`
	DistroVersion string        `json:"distro.version,omitempty"`
	Digest        digest.Digest `json:"digest"`
	// Size is what a reader downloads, in bytes: manifest, config and layers.
	Size        int64             `json:"size"`
	Layers      int               `json:"layers"`
	DiffID      string            `json:"layerDiffID,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Identity returns what tells the image apart from others of its index.
func (p Platform) Identity() platform.Identity {
	id, err := platform.ParseIdentity(p.Platform)
	if err != nil {
		return platform.Identity{}
	}
	id.OSVersion, id.Distro = p.OSVersion, extension.Distro{Name: p.DistroName, Version: p.DistroVersion}
	return id
}

// Package reads the package under root.
func Package(ctx context.Context, src content.Fetcher, name string, root v1.Descriptor) (*Report, error) {
	r := &Report{Name: name, MediaType: root.MediaType, Digest: root.Digest, Platforms: []Platform{}}
	if err := r.readAnnotations(ctx, src, root); err != nil {
		return nil, oci.Wrap(err, "reading "+name)
	}
	images, attestations, err := oci.Images(ctx, src, root)
	if err != nil {
		return nil, oci.Wrap(err, "reading "+name)
	}
	r.Attestations = len(attestations)
	for _, desc := range images {
		if err := r.addImage(ctx, src, desc); err != nil {
			return nil, oci.Wrap(err, "reading "+name)
		}
	}
	return r, nil
}

func (r *Report) readAnnotations(ctx context.Context, src content.Fetcher, root v1.Descriptor) error {
	if oci.IsIndex(root.MediaType) {
		index, _, err := oci.ReadIndex(ctx, src, root)
		r.Annotations = index.Annotations
		return err
	}
	if !oci.IsManifest(root.MediaType) {
		return diag.Invalidf("type %q is neither an image nor an index", root.MediaType)
	}
	manifest, _, err := oci.ReadManifest(ctx, src, root)
	r.Annotations = manifest.Annotations
	return err
}

func (r *Report) addImage(ctx context.Context, src content.Fetcher, desc v1.Descriptor) error {
	manifest, _, err := oci.ReadManifest(ctx, src, desc)
	if err != nil {
		return err
	}
	config, _, err := oci.ReadConfig(ctx, src, manifest.Config)
	if err != nil {
		return err
	}
	p := config.Platform
	if desc.Platform != nil {
		p = *desc.Platform
	}
	image := Platform{
		Platform: platform.Format(p), OSVersion: p.OSVersion, Digest: desc.Digest,
		DistroName:    desc.Annotations[extension.AnnotationDistroName],
		DistroVersion: desc.Annotations[extension.AnnotationDistroVersion],
		Size:          desc.Size + manifest.Config.Size, Layers: len(manifest.Layers), Annotations: desc.Annotations,
	}
	if extension.ForAnyPlatform(desc, manifest, config) {
		image.Platform = extension.AnyPlatform
	}
	for _, layer := range manifest.Layers {
		image.Size += layer.Size
	}
	e, diffID := labelled(config.Config.Labels)
	image.DiffID = diffID
	if r.Extension == nil {
		r.Extension = e
	}
	r.Platforms = append(r.Platforms, image)
	return nil
}

// labelled reads an image's labels; labels that are absent, broken or
// about more than one extension return nil, which is for verify to complain about.
func labelled(labels map[string]string) (*Extension, string) {
	var layers map[string]map[string]extension.LayerInfo
	if json.Unmarshal([]byte(labels[extension.LabelLayers]), &layers) != nil || len(layers) != 1 {
		return nil, ""
	}
	var info extension.Info
	_ = json.Unmarshal([]byte(labels[extension.LabelMetadata]), &info) // description only
	for id, versions := range layers {
		if len(versions) != 1 {
			break // which one is meant nobody can tell
		}
		for version, layer := range versions {
			return &Extension{
				ID: id, Version: version, API: layer.API, Name: layer.Name, Homepage: layer.Homepage, Description: info.Description,
			}, layer.LayerDiffID
		}
	}
	return nil, ""
}
