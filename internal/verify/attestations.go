package verify

import (
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/oci"
)

// attestation is an attestation manifest as far as it could be read.
type attestation struct {
	desc       v1.Descriptor
	manifest   *v1.Manifest
	statements []statement
}

// statement is the subject of an in-toto statement.
type statement struct {
	digest   digest.Digest
	subjects []subject
	// err is the error of parsing it.
	err error
}

type subject struct {
	Digest map[string]string `json:"digest"`
}

// loadAttestation reads the documents of an attestation, and its statements
// unless layers are not read.
func (c *checker) loadAttestation(desc v1.Descriptor) (*attestation, error) {
	a := &attestation{desc: desc}
	manifest, _, err := oci.ReadManifest(c.ctx, c.src, desc)
	if err != nil {
		return a, c.unusable(err, nil, desc)
	}
	a.manifest = &manifest
	if c.opts.NoLayers {
		return a, nil
	}
	if err := c.drain(manifest.Config); err != nil {
		return a, err
	}
	for _, layer := range manifest.Layers {
		if layer.MediaType != oci.MediaTypeStatement {
			err = c.drain(layer)
		} else {
			err = c.loadStatement(a, layer)
		}
		if err != nil {
			return a, err
		}
	}
	return a, nil
}

func (c *checker) loadStatement(a *attestation, layer v1.Descriptor) error {
	raw, err := oci.ReadBytes(c.ctx, c.src, layer, oci.MaxStatementSize)
	if err != nil {
		return c.unusable(err, nil, layer)
	}
	var doc struct {
		Subject []subject `json:"subject"`
	}
	s := statement{digest: layer.Digest}
	s.err = oci.Decode(raw, &doc)
	s.subjects = doc.Subject
	a.statements = append(a.statements, s)
	return nil
}

// checkAttestations checks that the subjects of attestations exist, and that
// the four places that name a subject agree: tools that find an attestation by
// one of them and verify another would show the wrong one or none.
func (c *checker) checkAttestations(p *pkg) {
	images := map[string]int64{}
	for _, i := range p.images {
		images[i.desc.Digest.String()] = i.desc.Size
	}
	for _, a := range p.attestations {
		about := a.desc.Annotations[oci.AnnotationReferenceDigest]
		size, ok := images[about]
		if !ok {
			c.report(idAttestationReference, nil, a.desc.Digest.String(), "the attestation is about %q, which is not an image of this package", about)
			continue
		}
		if a.manifest == nil {
			continue
		}
		if s := a.manifest.Subject; s != nil && (s.Digest.String() != about || s.Size != size) {
			c.report(idAttestationSubject, nil, a.desc.Digest.String(), "the attestation is about %s of %d bytes, but its manifest's subject is %s of %d bytes", about, size, s.Digest, s.Size)
		}
		for _, s := range a.statements {
			c.checkStatement(s, digest.Digest(about))
		}
	}
}

// checkStatement checks that one of the subjects is the image: BuildKit adds a
// subject for each tag of the build.
func (c *checker) checkStatement(s statement, about digest.Digest) {
	switch {
	case s.err != nil:
		c.report(idAttestationSubject, nil, s.digest.String(), "the statement is not valid: %v", s.err)
		return
	case len(s.subjects) == 0:
		c.report(idAttestationUnnamed, nil, s.digest.String(), "the statement about %s has no subject", about)
		return
	}
	for _, subject := range s.subjects {
		if subject.Digest[about.Algorithm().String()] == about.Encoded() {
			return
		}
	}
	c.report(idAttestationSubject, nil, s.digest.String(), "the attestation is about %s, which is not among the subjects of its statement", about)
}
