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

// MaxTarEntries limits the entries of a layout in a tar file; they are indexed
// in memory.
const MaxTarEntries = 65_536

// maxLayoutFileBytes limits the oci-layout file, which holds one short object.
const maxLayoutFileBytes = 4 << 10
