// Package ocilayout reads, writes and walks OCI image layouts, as directories
// and as uncompressed tar files (.cnb), and limits what is read from input
// nobody vouches for. It is the one format between the engines that build, the
// code that annotates and verifies, and the destinations.
//
// It knows nothing of extensions, labels or platforms worth having, and talks
// to no registry; whatever serves content by descriptor can be its source.
//
// Formats: OCI image-spec v1.1 image-layout.md, image-index.md, manifest.md and
// config.md; Docker "Image Manifest V 2, Schema 2" for the older media types.
package ocilayout

import (
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// What is read into memory or walked at most; more is an error that wraps
// [ErrTooLarge].
const (
	// MaxManifestBytes limits an index, a manifest, a config and index.json.
	// Registries set the same limit on manifests.
	MaxManifestBytes = 4 << 20
	// MaxDepth limits how deep indexes may nest below a root.
	MaxDepth = 8
	// MaxNodes limits how many descriptors one walk visits. An index that
	// lists another one many times over is short, what it spans is not.
	MaxNodes = 10_000
	// MaxTarEntries limits the entries of a layout in a tar file; they are
	// indexed in memory.
	MaxTarEntries = 65_536
)

// maxLayoutFileBytes limits the oci-layout file, which holds one short object.
const maxLayoutFileBytes = 4 << 10

// Media types of Docker's image format, which readers take like OCI's.
const (
	MediaTypeDockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerConfig   = "application/vnd.docker.container.image.v1+json"

	MediaTypeDockerLayer     = "application/vnd.docker.image.rootfs.diff.tar"
	MediaTypeDockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	MediaTypeDockerLayerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd"
)

// IsIndex reports whether mediaType is an OCI index or a Docker manifest list.
func IsIndex(mediaType string) bool {
	return mediaType == v1.MediaTypeImageIndex || mediaType == MediaTypeDockerIndex
}

// IsManifest reports whether mediaType is an OCI or Docker image manifest.
func IsManifest(mediaType string) bool {
	return mediaType == v1.MediaTypeImageManifest || mediaType == MediaTypeDockerManifest
}

// IsConfig reports whether mediaType is an OCI or Docker image config.
func IsConfig(mediaType string) bool {
	return mediaType == v1.MediaTypeImageConfig || mediaType == MediaTypeDockerConfig
}

// IsLayer reports whether mediaType is a layer that a reader finds in the same
// place as its manifest: OCI's and Docker's, not the non-distributable ones.
func IsLayer(mediaType string) bool {
	switch mediaType {
	case v1.MediaTypeImageLayer, v1.MediaTypeImageLayerGzip, v1.MediaTypeImageLayerZstd,
		MediaTypeDockerLayer, MediaTypeDockerLayerGzip, MediaTypeDockerLayerZstd:
		return true
	}
	return false
}
