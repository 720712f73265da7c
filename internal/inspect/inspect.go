// Package inspect collects the metadata of a package. It reads manifests and
// configs, layers only in [Report.ReadFiles], and validates nothing.
package inspect

import (
	"context"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
)

// Report is the metadata of a package. Its JSON form is the output of "docker
// extpack inspect --format json".
type Report struct {
	// Name is the name of the package: a reference, or the path of a file or
	// directory.
	Name string `json:"name"`
	// MediaType is the media type of the index, or of a single manifest.
	MediaType string `json:"mediaType"`
	// Digest is the digest of the index, or of a single manifest.
	Digest digest.Digest `json:"digest"`
	// Extension is null if no image has the labels of an extension.
	Extension *Extension `json:"extension"`
	// Platforms are the images, in the order of the index.
	Platforms []Platform `json:"platforms"`
	// Annotations are the annotations of the index.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Attestations is the number of attestation manifests.
	Attestations int `json:"attestations,omitempty"`

	// layers are those of each platform.
	layers [][]v1.Descriptor
}

// Extension is the metadata in the labels of the first labelled image.
type Extension struct {
	// ID is the id of the extension.
	ID string `json:"id"`
	// Version is the version of the extension.
	Version string `json:"version"`
	// API is the Buildpack API version.
	API string `json:"api"`
	// Name is the name of the extension.
	Name string `json:"name,omitempty"`
	// Homepage is the URL of the homepage.
	Homepage string `json:"homepage,omitempty"`
	// Description is the description.
	Description string `json:"description,omitempty"`
}

// Platform is one image.
type Platform struct {
	// Platform is "os/arch[/variant]" from the descriptor or the config, or
	// "any" for an image without a platform.
	Platform string `json:"platform"`
	// OSVersion is the version of the operating system, for Windows.
	OSVersion string `json:"os.version,omitempty"`
	// DistroName is the name of the distribution.
	DistroName string `json:"distro.name,omitempty"`
	// DistroVersion is the version of the distribution.
	DistroVersion string `json:"distro.version,omitempty"`
	// Digest is the digest of the manifest.
	Digest digest.Digest `json:"digest"`
	// Size is the download size in bytes: manifest, config and layers.
	Size int64 `json:"size"`
	// Layers is the number of layers.
	Layers int `json:"layers"`
	// DiffID is the diffID of the extension's layer, from the labels.
	DiffID string `json:"layerDiffID,omitempty"`
	// Annotations are the annotations of the descriptor in the index.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Files are the files of the layers, in their order, with --files only.
	Files []File `json:"files,omitempty"`
}

// Identity returns the identity of the image within its index.
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
	r.Platforms, r.layers = append(r.Platforms, image), append(r.layers, manifest.Layers)
	return nil
}

// labelled returns the extension in the labels of an image. It returns nil for
// labels that are missing, invalid, or about more than one extension; package
// verify reports those.
func labelled(labels map[string]string) (*Extension, string) {
	var layers map[string]map[string]extension.LayerInfo
	if oci.Decode([]byte(labels[extension.LabelLayers]), &layers) != nil || len(layers) != 1 {
		return nil, ""
	}
	var info extension.Info
	_ = oci.Decode([]byte(labels[extension.LabelMetadata]), &info) // description only
	for id, versions := range layers {
		if len(versions) != 1 {
			break // ambiguous
		}
		for version, layer := range versions {
			return &Extension{
				ID: id, Version: version, API: layer.API, Name: layer.Name, Homepage: layer.Homepage, Description: info.Description,
			}, layer.LayerDiffID
		}
	}
	return nil, ""
}
