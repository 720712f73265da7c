// Package registry copies content to and from OCI registries: references,
// resolving and reading, the publish that moves a tag only when everything
// the tag points at is there, and the HTTP below it (credentials, retries,
// limits, the rules for plain HTTP).
//
// It moves any graph of manifests and blobs and knows nothing of extensions,
// packages or layouts: content comes in as a [content.ReadOnlyStorage] and a
// root descriptor. It prints nothing, keeps nothing on disk, and links no
// buildx, BuildKit or daemon package.
//
// Everything a registry says is treated as hostile: sizes are limited,
// digests are checked, and control characters are taken out of its text.
package registry
