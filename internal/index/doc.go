// Package index edits indexes and images without losing anything: unknown
// fields, subjects, annotations, entries and their order are preserved, and an
// edit without changes returns the original bytes.
//
// How it is used:
//
//	s := index.NewStaging(source)                 // new documents in front of what exists
//	x, err := index.ReadIndex(ctx, s, source.Root)
//	x.Images(), x.Attestations(image), x.Others() // []*Entry, in the order of the index
//	x.Find(identity), x.Add(image, attestations, replace), x.Remove(image)
//	x.ReplaceImage(ctx, s, image, desc)          // moves its attestations too
//	x.Annotate(map), image.Annotate(map), image.SetPlatform(platform)
//	x.Flatten(ctx, s), x.Convert(ctx, s, index.Docker)
//	root, err := x.Put(s)                        // then registry.Publish(ctx, s, root, …)
//
// [Edit] does all of that for the index at a tag, and repeats the change if the
// tag has moved. [Creation] creates an index from sources, [Addition] adds them
// to one, and [Index.Select] finds an image by platform or digest.
//
// [RewriteImage] and [RewriteManifest] return copies of images with another
// config or manifest, [MoveAttestation] moves an attestation to a rewritten
// image, and images with the same [platform.Identity] are duplicates.
//
// Documents are kept as [oci.Object]: JSON objects with their fields in order and
// as they were written. Blobs are only read when a destination lacks them.
//
// Formats: OCI image-spec v1.1 image-index.md, manifest.md, descriptor.md and
// config.md; Docker "Image Manifest Version 2, Schema 2"; BuildKit
// docs/attestations/attestation-storage.md.
package index
