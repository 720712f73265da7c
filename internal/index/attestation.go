package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// ErrSealed is returned for an attestation that is not a plain in-toto
// statement, such as a signed envelope: only its signer can change the subject.
var ErrSealed = errors.New("only its creator can change the attestation")

// sealedError is an ErrSealed with a hint.
type sealedError struct{ error }

func sealed(mediaType string) error {
	return &sealedError{diag.WithHint(diag.Invalidf("only its creator can change an attestation of type %q", mediaType), "leave it out with: docker extpack index create --no-attestations, and attest the result again")}
}

func (e *sealedError) Unwrap() []error { return []error{ErrSealed, e.error} }

// MoveAttestation changes an attestation of the image from to one of the image
// to. It updates the reference annotation, the subject of the manifest and the
// subjects of every statement, without which tools would silently show an empty
// or a wrong attestation. old and the result are entries of an index.
//
// It writes new content to sink, and imports unchanged blobs from src. It may
// return [ErrSealed].
func MoveAttestation(ctx context.Context, src content.Fetcher, sink Sink, old, from, to v1.Descriptor) (v1.Descriptor, error) {
	for _, d := range []digest.Digest{from.Digest, to.Digest} {
		if err := d.Validate(); err != nil {
			return v1.Descriptor{}, fmt.Errorf("moving attestation %s: %w", old.Digest, err)
		}
	}
	m := mover{ctx: ctx, src: src, sink: sink, from: from, to: to}
	desc, err := m.manifest(old)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("moving attestation %s: %w", old.Digest, err)
	}
	desc.Platform = old.Platform
	desc.ArtifactType = old.ArtifactType
	desc.Annotations = maps.Clone(old.Annotations)
	if desc.Annotations == nil {
		desc.Annotations = map[string]string{}
	}
	desc.Annotations[oci.AnnotationReferenceDigest] = to.Digest.String()
	return desc, nil
}

type mover struct {
	ctx      context.Context
	src      content.Fetcher
	sink     Sink
	from, to v1.Descriptor
}

func (m *mover) manifest(old v1.Descriptor) (v1.Descriptor, error) {
	_, raw, err := oci.ReadManifest(m.ctx, m.src, old)
	if err != nil {
		return v1.Descriptor{}, err
	}
	fields, err := oci.ParseObject(raw)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("reading its manifest: %w", err)
	}
	diffIDs, err := m.statements(fields)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if err := m.config(fields, diffIDs); err != nil {
		return v1.Descriptor{}, err
	}
	if fields.Has("subject") {
		subject := v1.Descriptor{MediaType: m.to.MediaType, Digest: m.to.Digest, Size: m.to.Size}
		if err := fields.Set("subject", subject); err != nil {
			return v1.Descriptor{}, err
		}
	}
	return m.put(old.MediaType, fields)
}

func (m *mover) put(mediaType string, fields *oci.Object) (v1.Descriptor, error) {
	raw, err := fields.Bytes()
	if err != nil {
		return v1.Descriptor{}, err
	}
	return m.sink.PutBytes(m.ctx, mediaType, raw)
}

// statements rewrites the layers of the manifest and returns their diffIDs,
// which equal their digests because they are not compressed.
func (m *mover) statements(manifest *oci.Object) ([]digest.Digest, error) {
	var layers []json.RawMessage
	if err := manifest.Decode("layers", &layers); err != nil {
		return nil, err
	}
	diffIDs := make([]digest.Digest, 0, len(layers))
	for i, raw := range layers {
		c, err := parseEntry(raw)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		moved, err := m.statement(c.desc)
		if err != nil {
			return nil, err
		}
		if err := c.pointTo(moved); err != nil {
			return nil, err
		}
		if layers[i], err = c.fields.Bytes(); err != nil {
			return nil, err
		}
		diffIDs = append(diffIDs, moved.Digest)
	}
	return diffIDs, manifest.Set("layers", layers)
}

// statement rewrites the image's digest among the subjects of a statement.
func (m *mover) statement(layer v1.Descriptor) (v1.Descriptor, error) {
	if layer.MediaType != oci.MediaTypeStatement {
		return v1.Descriptor{}, sealed(layer.MediaType)
	}
	raw, err := oci.ReadBytes(m.ctx, m.src, layer, oci.MaxStatementSize)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("reading statement: %w", err)
	}
	fields, err := oci.ParseObject(raw)
	if err == nil {
		err = m.subjects(fields)
	}
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("reading statement: %w", err)
	}
	return m.put(layer.MediaType, fields)
}

func (m *mover) subjects(statement *oci.Object) error {
	var subjects []json.RawMessage
	if err := statement.Decode("subject", &subjects); err != nil || len(subjects) == 0 {
		return err
	}
	from, to := m.from.Digest, m.to.Digest
	for i, raw := range subjects {
		subject, err := oci.ParseObject(raw)
		if err != nil {
			return fmt.Errorf("subject %d: %w", i+1, err)
		}
		err = subject.Edit("digest", func(digests *oci.Object) error {
			var hex string
			if err := digests.Decode(from.Algorithm().String(), &hex); err != nil || hex != from.Encoded() {
				return err
			}
			return digests.Set(to.Algorithm().String(), to.Encoded())
		})
		if err != nil {
			return fmt.Errorf("subject %d: %w", i+1, err)
		}
		if subjects[i], err = subject.Bytes(); err != nil {
			return err
		}
	}
	return statement.Set("subject", subjects)
}

// config updates the diffIDs of the config. The empty config of an artifact has
// none and does not change.
func (m *mover) config(manifest *oci.Object, diffIDs []digest.Digest) error {
	var old v1.Descriptor
	if err := manifest.Decode("config", &old); err != nil {
		return err
	}
	if !oci.IsConfig(old.MediaType) {
		return m.sink.Import(m.ctx, m.src, old)
	}
	_, raw, err := oci.ReadConfig(m.ctx, m.src, old)
	if err != nil {
		return err
	}
	config, err := oci.ParseObject(raw)
	if err != nil {
		return fmt.Errorf("reading its config: %w", err)
	}
	err = config.Edit("rootfs", func(rootfs *oci.Object) error {
		if err := rootfs.Set("type", "layers"); err != nil {
			return err
		}
		return rootfs.Set("diff_ids", diffIDs)
	})
	if err != nil {
		return err
	}
	desc, err := m.put(old.MediaType, config)
	if err != nil {
		return err
	}
	return manifest.Edit("config", func(fields *oci.Object) error { return pointTo(fields, desc) })
}
