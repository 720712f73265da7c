package oci

import (
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Docker's media types, which readers treat like OCI's.
const (
	MediaTypeDockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerConfig   = "application/vnd.docker.container.image.v1+json"

	MediaTypeDockerLayer     = "application/vnd.docker.image.rootfs.diff.tar"
	MediaTypeDockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	MediaTypeDockerLayerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd"

	MediaTypeDockerForeignLayer     = "application/vnd.docker.image.rootfs.foreign.diff.tar"
	MediaTypeDockerForeignLayerGzip = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
)

// MediaTypeStatement is an in-toto statement as BuildKit stores it
// (docs/attestations/attestation-storage.md).
const MediaTypeStatement = "application/vnd.in-toto+json"

// MediaTypes of the layers that image-spec deprecated.
const (
	MediaTypeForeignLayer     = "application/vnd.oci.image.layer.nondistributable.v1.tar"
	MediaTypeForeignLayerGzip = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
)

// ManifestTypes are the media types of indexes and manifests.
var ManifestTypes = []string{v1.MediaTypeImageIndex, v1.MediaTypeImageManifest, MediaTypeDockerIndex, MediaTypeDockerManifest}

// IsIndex reports whether mediaType is an OCI index or a Docker manifest list.
func IsIndex(mediaType string) bool {
	return mediaType == v1.MediaTypeImageIndex || mediaType == MediaTypeDockerIndex
}

// IsManifest reports whether mediaType is an OCI or Docker image manifest.
func IsManifest(mediaType string) bool {
	return mediaType == v1.MediaTypeImageManifest || mediaType == MediaTypeDockerManifest
}

// IsDocument reports whether mediaType is an index or a manifest, which
// registries store apart from blobs.
func IsDocument(mediaType string) bool { return IsIndex(mediaType) || IsManifest(mediaType) }

// IsConfig reports whether mediaType is an OCI or Docker image config.
func IsConfig(mediaType string) bool {
	return mediaType == v1.MediaTypeImageConfig || mediaType == MediaTypeDockerConfig
}

// IsLayer reports whether mediaType is a layer that is stored together with its
// manifest: OCI's and Docker's, not the non-distributable ones.
func IsLayer(mediaType string) bool {
	switch mediaType {
	case v1.MediaTypeImageLayer, v1.MediaTypeImageLayerGzip, v1.MediaTypeImageLayerZstd,
		MediaTypeDockerLayer, MediaTypeDockerLayerGzip, MediaTypeDockerLayerZstd:
		return true
	}
	return false
}

// IsBlob reports whether mediaType is a config or any kind of layer. Of a type
// that is neither this nor [IsDocument], only the content tells.
func IsBlob(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.oci.image.layer.") ||
		strings.HasPrefix(mediaType, "application/vnd.docker.image.rootfs.") ||
		IsConfig(mediaType) || mediaType == MediaTypeStatement
}

// IsForeign reports whether mediaType is a layer that readers download from
// elsewhere, such as those of older Windows images (image-spec,
// "Non-Distributable Layers").
func IsForeign(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.oci.image.layer.nondistributable.") ||
		strings.HasPrefix(mediaType, "application/vnd.docker.image.rootfs.foreign.")
}

// Noun returns one word for what a media type describes.
func Noun(mediaType string) string {
	switch {
	case IsIndex(mediaType):
		return "index"
	case IsManifest(mediaType):
		return "manifest"
	case IsConfig(mediaType):
		return "config"
	case IsLayer(mediaType):
		return "layer"
	}
	return "blob"
}
