package index

import (
	"context"
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// RewriteImage returns a copy of the image desc whose config has been modified
// by change. Fields that change does not set are preserved. Labels are in
//
//	config.Edit("config", func(c *oci.Object) error {
//		return c.Edit("Labels", func(l *oci.Object) error { return l.Merge(labels) })
//	})
//
// The result has the platform and annotations of desc. It is desc itself if
// nothing changed. Attestations are not moved; see [Index.ReplaceImage].
func RewriteImage(ctx context.Context, s *Staging, desc v1.Descriptor, change func(config *oci.Object) error) (v1.Descriptor, error) {
	return RewriteManifest(ctx, s, desc, func(manifest *oci.Object) error {
		var old v1.Descriptor
		if err := manifest.Decode("config", &old); err != nil {
			return err
		}
		_, raw, err := oci.ReadConfig(ctx, s, old)
		if err != nil {
			return err
		}
		next, err := rewrite(s, old, raw, change)
		if err != nil || next.Digest == old.Digest {
			return err
		}
		return manifest.Edit("config", func(fields *oci.Object) error { return pointTo(fields, next) })
	})
}

// RewriteManifest returns a copy of the image desc whose manifest has been
// modified by change. The descriptor gets the media type of the manifest.
func RewriteManifest(ctx context.Context, s *Staging, desc v1.Descriptor, change func(manifest *oci.Object) error) (v1.Descriptor, error) {
	_, raw, err := oci.ReadManifest(ctx, s, desc)
	if err != nil {
		return v1.Descriptor{}, err
	}
	next, err := rewrite(s, desc, raw, change)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("rewriting image %s: %w", desc.Digest, err)
	}
	if next.Digest == desc.Digest {
		return desc, nil
	}
	next.Platform, next.Annotations, next.ArtifactType = desc.Platform, desc.Annotations, desc.ArtifactType
	return next, nil
}

// rewrite changes a document. It returns old if the content is equal.
func rewrite(s *Staging, old v1.Descriptor, raw []byte, change func(*oci.Object) error) (v1.Descriptor, error) {
	fields, err := oci.ParseObject(raw)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if err := change(fields); err != nil {
		return v1.Descriptor{}, err
	}
	changed, err := fields.Bytes()
	if err != nil || oci.SameJSON(raw, changed) {
		return old, err
	}
	mediaType := old.MediaType
	if oci.IsDocument(mediaType) {
		if err := fields.Decode("mediaType", &mediaType); err != nil {
			return v1.Descriptor{}, err
		}
	}
	return s.Put(mediaType, changed), nil
}

// ReplaceImage replaces the image of an entry, and moves its attestations; see
// [MoveAttestation]. If the old image is listed again, its attestations are
// kept too.
func (x *Index) ReplaceImage(ctx context.Context, s *Staging, image *Entry, to v1.Descriptor) error {
	from, attestations := image.desc, x.Attestations(image)
	if from.Digest == to.Digest {
		return x.Replace(image, to)
	}
	moved := make([]v1.Descriptor, 0, len(attestations))
	for _, a := range attestations {
		desc, err := MoveAttestation(ctx, s, s, a.desc, from, to)
		if err != nil {
			return err
		}
		moved = append(moved, desc)
	}
	if err := x.Replace(image, to); err != nil {
		return err
	}
	more := x.lists(from, image)
	for i, a := range attestations {
		switch {
		case x.lists(moved[i], a):
			// Already moved for another entry of the same image.
			if !more {
				x.entries = x.filter(func(c *Entry) bool { return c != a })
			}
			continue
		case more:
			a = a.Clone()
			x.Append(a)
		}
		if err := x.Replace(a, moved[i]); err != nil {
			return err
		}
	}
	return nil
}
