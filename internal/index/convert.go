package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// Types is one of the two families of media types.
type Types int

const (
	// AsIs does not change media types.
	AsIs Types = iota
	// OCI are those of the OCI image specification.
	OCI
	// Docker are those of Docker's "Image Manifest Version 2, Schema 2".
	Docker
)

// ParseTypes reads "oci", "docker", or "" for [AsIs].
func ParseTypes(s string) (Types, error) {
	switch s {
	case "":
		return AsIs, nil
	case "oci":
		return OCI, nil
	case "docker":
		return Docker, nil
	}
	return AsIs, choice.Check("--media-types", s, "oci", "docker")
}

// ociToDocker maps the media types that both families have. Their content is
// the same except for the mediaType of manifests.
var ociToDocker = map[string]string{
	v1.MediaTypeImageIndex:        oci.MediaTypeDockerIndex,
	v1.MediaTypeImageManifest:     oci.MediaTypeDockerManifest,
	v1.MediaTypeImageConfig:       oci.MediaTypeDockerConfig,
	v1.MediaTypeImageLayer:        oci.MediaTypeDockerLayer,
	v1.MediaTypeImageLayerGzip:    oci.MediaTypeDockerLayerGzip,
	v1.MediaTypeImageLayerZstd:    oci.MediaTypeDockerLayerZstd,
	oci.MediaTypeForeignLayer:     oci.MediaTypeDockerForeignLayer,
	oci.MediaTypeForeignLayerGzip: oci.MediaTypeDockerForeignLayerGzip,
}

var dockerToOCI = func() map[string]string {
	m := map[string]string{}
	for from, to := range ociToDocker {
		m[to] = from
	}
	return m
}()

// typeMap maps media types to one family.
type typeMap struct {
	name string
	from map[string]string
	own  map[string]string // the other direction
}

func (t Types) typeMap() typeMap {
	if t == Docker {
		return typeMap{"Docker", ociToDocker, dockerToOCI}
	}
	return typeMap{"OCI", dockerToOCI, ociToDocker}
}

func (m typeMap) translate(mediaType string) (string, error) {
	if to, ok := m.from[mediaType]; ok {
		return to, nil
	}
	if _, ok := m.own[mediaType]; ok {
		return mediaType, nil
	}
	return "", &unsupportedError{fmt.Sprintf("%q is not supported by the media types of %s", mediaType, m.name)}
}

// unsupportedError is returned for content that the other family does not
// support.
type unsupportedError struct{ text string }

func (e *unsupportedError) Error() string { return e.text }

// Convert changes the media types of the index, of its images and of their
// configs and layers; the content of configs and layers does not change.
// Attestations are moved to the new images. A Docker manifest list loses its
// annotations when it is written; see [Index.asDocument].
//
// It returns a [*diag.InvalidError] for content that Docker's types do not
// support: attestations, artifacts, subjects, nested indexes, layers of other
// types. The index must not be used after a failure.
func (x *Index) Convert(ctx context.Context, s *Staging, to Types) error {
	if to == AsIs {
		return nil
	}
	m := to.typeMap()
	mediaType, err := m.translate(x.mediaType)
	if err != nil {
		return diag.Invalidf("index: %v", err)
	}
	if to == Docker {
		if err := x.checkDocker(); err != nil {
			return err
		}
	}
	for _, c := range x.Images() {
		desc, err := convertImage(ctx, s, c.desc, m)
		if unsupported := (*unsupportedError)(nil); errors.As(err, &unsupported) {
			return diag.Invalidf("%s cannot have %s's media types: %v", c.Identity(), m.name, err)
		}
		if err != nil {
			return fmt.Errorf("changing the media types of %s: %w", c.Identity(), err)
		}
		if err := x.ReplaceImage(ctx, s, c, desc); err != nil {
			return err
		}
	}
	if mediaType != x.mediaType {
		x.mediaType = mediaType
		if err := x.fields.Set("mediaType", mediaType); err != nil {
			return err
		}
	}
	return nil
}

// checkDocker returns an error for content that a manifest list does not
// support.
func (x *Index) checkDocker() error {
	for _, name := range []string{"subject", "artifactType"} {
		if x.fields.Has(name) {
			return diag.WithHint(diag.Invalidf("a Docker manifest list does not support the %s of the index", name), "keep OCI media types")
		}
	}
	for _, c := range x.entries {
		what := ""
		switch c.Kind() {
		case oci.KindAttestation:
			return diag.WithHint(diag.Invalidf("Docker's media types do not support the attestation %s", c.desc.Digest), "keep OCI media types, or leave attestations out: with --no-attestations, or a build without --provenance and --sbom")
		case oci.KindIndex:
			what = "nested index"
		case oci.KindOther:
			what = "artifact"
		case oci.KindImage:
			continue
		}
		return diag.WithHint(diag.Invalidf("Docker's media types do not support the %s %s", what, c.desc.Digest), "keep OCI media types")
	}
	return nil
}

func convertImage(ctx context.Context, s *Staging, desc v1.Descriptor, m typeMap) (v1.Descriptor, error) {
	mediaType, err := m.translate(desc.MediaType)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return RewriteManifest(ctx, s, desc, func(manifest *oci.Object) error {
		if m.name == "Docker" {
			for _, name := range []string{"subject", "artifactType"} {
				if manifest.Has(name) {
					return &unsupportedError{"they do not support its " + name}
				}
			}
		}
		if err := manifest.Edit("config", m.convert); err != nil {
			return err
		}
		var layers []json.RawMessage
		if err := manifest.Decode("layers", &layers); err != nil {
			return err
		}
		for i, raw := range layers {
			layer, err := oci.ParseObject(raw)
			if err != nil {
				return err
			}
			if err := m.convert(layer); err != nil {
				return err
			}
			if layers[i], err = layer.Bytes(); err != nil {
				return err
			}
		}
		if err := manifest.Set("layers", layers); err != nil {
			return err
		}
		if mediaType == desc.MediaType {
			return nil // and a document without one stays without it
		}
		return manifest.Set("mediaType", mediaType)
	})
}

// convert changes the media type of a descriptor.
func (m typeMap) convert(desc *oci.Object) error {
	var mediaType string
	if err := desc.Decode("mediaType", &mediaType); err != nil {
		return err
	}
	to, err := m.translate(mediaType)
	if err != nil {
		return err
	}
	return desc.Set("mediaType", to)
}
