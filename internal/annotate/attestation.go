package annotate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/ocilayout"
)

// maxStatement is the size of the largest in-toto statement that is read: SBOMs
// of large images are some tens of megabytes.
const maxStatement = 128 << 20

// mediaTypeStatement is an in-toto statement as BuildKit stores it
// (docs/attestations/attestation-storage.md).
const mediaTypeStatement = "application/vnd.in-toto+json"

// attestations takes over what was said about an image, now that the image has
// another digest: the reference annotation, the manifest's subject and the
// subjects of every statement must name it, or tools show an empty or a wrong
// attestation without a word.
func (m *maker) attestations(ctx context.Context, b *built, image v1.Descriptor) ([]v1.Descriptor, error) {
	var out []v1.Descriptor
	for _, old := range b.attestations {
		desc, err := m.attestation(ctx, b, old, image)
		if err != nil {
			return nil, err
		}
		out = append(out, desc)
	}
	return out, nil
}

func (m *maker) attestation(ctx context.Context, b *built, old, image v1.Descriptor) (v1.Descriptor, error) {
	manifest, raw, err := ocilayout.ReadManifest(ctx, b.src, old)
	if err != nil {
		return v1.Descriptor{}, err
	}
	layers := make([]v1.Descriptor, 0, len(manifest.Layers))
	diffIDs := make([]digest.Digest, 0, len(manifest.Layers))
	for _, layer := range manifest.Layers {
		moved, err := m.statement(ctx, b, layer, image.Digest)
		if err != nil {
			return v1.Descriptor{}, err
		}
		layers, diffIDs = append(layers, moved), append(diffIDs, moved.Digest)
	}
	config, err := m.attestationConfig(ctx, b, manifest.Config, diffIDs)
	if err != nil {
		return v1.Descriptor{}, err
	}
	fields, err := object(raw)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("reading attestation manifest: %w", err)
	}
	changes := map[string]any{"layers": layers, "config": config}
	if manifest.Subject != nil {
		changes["subject"] = v1.Descriptor{MediaType: image.MediaType, Digest: image.Digest, Size: image.Size}
	}
	desc, err := m.putObject(ctx, old.MediaType, fields, changes)
	if err != nil {
		return v1.Descriptor{}, err
	}
	desc.Platform = old.Platform
	desc.Annotations = maps.Clone(old.Annotations)
	desc.Annotations[ocilayout.AnnotationReferenceDigest] = image.Digest.String()
	return desc, nil
}

// attestationConfig writes the config anew, whose diffIDs are the statements'.
// An artifact's empty config has none and stays.
func (m *maker) attestationConfig(ctx context.Context, b *built, old v1.Descriptor, diffIDs []digest.Digest) (v1.Descriptor, error) {
	if old.MediaType != v1.MediaTypeImageConfig && old.MediaType != dockerTypes.config {
		return old, m.dst.Import(ctx, b.src, old)
	}
	_, raw, err := ocilayout.ReadConfig(ctx, b.src, old)
	if err != nil {
		return v1.Descriptor{}, err
	}
	fields, err := object(raw)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("reading attestation config: %w", err)
	}
	return m.putObject(ctx, old.MediaType, fields, map[string]any{"rootfs": v1.RootFS{Type: "layers", DiffIDs: diffIDs}})
}

// statement rewrites the image digest among the subjects of a statement. A
// layer of another type, such as a signed envelope, cannot be changed by
// anybody but its signer.
func (m *maker) statement(ctx context.Context, b *built, layer v1.Descriptor, image digest.Digest) (v1.Descriptor, error) {
	if layer.MediaType != mediaTypeStatement {
		return v1.Descriptor{}, fmt.Errorf("attestation of type %q cannot be moved to the annotated image", layer.MediaType)
	}
	raw, err := ocilayout.ReadBytes(ctx, b.src, layer, maxStatement)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("reading statement: %w", err)
	}
	fields, err := object(raw)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("reading statement: %w", err)
	}
	subjects, err := moveSubjects(fields["subject"], b.descriptor.Digest, image)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("reading statement: %w", err)
	}
	desc, err := m.putObject(ctx, layer.MediaType, fields, map[string]any{"subject": subjects})
	desc.Annotations = layer.Annotations
	return desc, err
}

func moveSubjects(raw json.RawMessage, from, to digest.Digest) ([]map[string]json.RawMessage, error) {
	subjects := []map[string]json.RawMessage{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &subjects); err != nil {
			return nil, err
		}
	}
	for _, s := range subjects {
		digests := map[string]string{}
		if err := json.Unmarshal(s["digest"], &digests); err != nil {
			return nil, err
		}
		if digests[from.Algorithm().String()] != from.Encoded() {
			continue
		}
		digests[to.Algorithm().String()] = to.Encoded()
		changed, err := json.Marshal(digests)
		if err != nil {
			return nil, err
		}
		s["digest"] = changed
	}
	return subjects, nil
}

// object parses a JSON object so that fields nobody here knows survive.
func object(raw []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	if fields == nil {
		return nil, errors.New("not a JSON object")
	}
	return fields, nil
}

func (m *maker) putObject(ctx context.Context, mediaType string, fields map[string]json.RawMessage, changes map[string]any) (v1.Descriptor, error) {
	for name, value := range changes {
		raw, err := json.Marshal(value)
		if err != nil {
			return v1.Descriptor{}, fmt.Errorf("encoding %s: %w", name, err)
		}
		fields[name] = raw
	}
	return m.dst.PutJSON(ctx, mediaType, fields)
}
