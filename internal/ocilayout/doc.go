// Package ocilayout reads and writes OCI image layouts, as directories and as
// uncompressed tar files (.cnb), and limits what is read from untrusted input.
// Layouts are the format between the engines that build, the packages that
// annotate and verify, and the destinations.
//
// It does not know extensions, labels or registries. Any storage of content by
// descriptor can be a source.
//
// Formats: OCI image-spec v1.1 image-layout.md, image-index.md, manifest.md and
// config.md; Docker "Image Manifest V 2, Schema 2" for the older media types.
package ocilayout

// MaxTarEntries limits the entries of a layout in a tar file; they are indexed
// in memory.
const MaxTarEntries = 65_536

// maxLayoutFileBytes limits the oci-layout file, which contains one short object.
const maxLayoutFileBytes = 4 << 10
