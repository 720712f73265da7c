package oci

// Limits on what is read into memory or walked. Beyond them, an error wraps
// [ErrTooLarge].
const (
	// MaxManifestSize limits an index, a manifest, a config and index.json.
	// The OCI distribution specification ("Pushing Manifests") asks registries
	// to accept at least 4 MiB, so larger ones are not portable.
	MaxManifestSize = 4 << 20
	// MaxStatementSize limits an in-toto statement: SBOMs of large images have
	// several megabytes.
	MaxStatementSize = 32 << 20
	// MaxDepth limits how deep indexes may nest below a root.
	MaxDepth = 8
	// MaxNodes limits how many descriptors one walk visits, because a short
	// index can list another one many times.
	MaxNodes = 10_000
)
