// Package oci reads OCI content, wherever it is stored: media types and kinds
// of documents, the verifying reader, the documents themselves, the walk over
// everything below a root, and JSON objects that keep their order when they are
// edited.
//
// Content comes from any [content.Fetcher]. Everything in it is untrusted:
// sizes and digests are verified, documents that two readers could understand
// differently are refused, and what is read is limited. An error about content
// is a [*ContentError], which names the source and is invalid input; any other
// error is a failure to read.
//
// Formats: OCI image-spec v1.1 image-index.md, manifest.md, descriptor.md and
// config.md; Docker "Image Manifest Version 2, Schema 2"; BuildKit
// docs/attestations/attestation-storage.md.
package oci
