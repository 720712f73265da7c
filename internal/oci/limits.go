package oci

// What is read into memory or walked at most; more is an error that wraps
// [ErrTooLarge].
const (
	// MaxManifestSize limits an index, a manifest, a config and index.json.
	// The OCI distribution specification ("Pushing Manifests") asks registries
	// to accept at least 4 MiB, so larger ones are not portable.
	MaxManifestSize = 4 << 20
	// MaxStatementSize limits an in-toto statement: SBOMs of large images are
	// some megabytes.
	MaxStatementSize = 32 << 20
	// MaxDepth limits how deep indexes may nest below a root.
	MaxDepth = 8
	// MaxNodes limits how many descriptors one walk visits. An index that
	// lists another one many times over is short, what it spans is not.
	MaxNodes = 10_000
)
