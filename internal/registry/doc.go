// Package registry copies content to and from OCI registries. It parses and
// resolves references, reads content, publishes tags once all of their content
// exists, and implements the HTTP client (credentials, retries, limits, rules
// for plain HTTP).
//
// It copies any graph of manifests and blobs, from a [content.ReadOnlyStorage]
// and a root descriptor. It does not know extensions, packages or layouts, and
// keeps nothing on disk.
//
// Responses are untrusted: sizes are limited, digests are verified, and control
// characters are removed from text.
package registry
