// Package index changes indexes and images that somebody else made, without
// losing anything: fields nobody here knows, subjects, annotations, entries
// and their order stay, and an edit that changes nothing gives the bytes it
// began with.
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
// [Edit] does all of that for the index at a tag and makes the change again when the
// tag was moved, [Creation] makes a new index of sources, [Addition] is the change
// that adds them to one, and [Index.Select] finds an image by what people type.
//
// [RewriteImage] and [RewriteManifest] clone images with another config or
// manifest, [MoveAttestation] takes an attestation along to a rewritten image,
// and [platform.Identity] tells which images hide one another.
//
// Documents are kept as [oci.Object]: JSON objects with their fields in order and
// as they were written. Blobs are only read when a destination lacks them.
//
// Formats: OCI image-spec v1.1 image-index.md, manifest.md, descriptor.md and
// config.md; Docker "Image Manifest Version 2, Schema 2"; BuildKit
// docs/attestations/attestation-storage.md.
package index
