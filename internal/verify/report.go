package verify

import (
	"context"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/extension"
)

// Report is the result of the checks. Its JSON form is the output of "docker
// extpack verify --format json".
type Report struct {
	// Name is the name of the package: a reference, or the path of a file or
	// directory.
	Name string `json:"name"`
	// MediaType is the media type of the index, or of a single manifest.
	MediaType string `json:"mediaType"`
	// Digest is the digest of the index, or of a single manifest.
	Digest digest.Digest `json:"digest"`
	// Extension is null if no image has the labels of an extension.
	Extension *Extension `json:"extension"`
	// Platforms are the images that were checked.
	Platforms []Platform `json:"platforms"`
	// Attestations is the number of attestation manifests.
	Attestations int `json:"attestations"`
	// Layers reports whether the layers were read.
	Layers bool `json:"layers"`
	// Checks are the IDs of the checks that ran, sorted.
	Checks []string `json:"checks"`
	// Findings are the problems that were found.
	Findings []Finding `json:"findings"`
	// Descriptor is the first valid descriptor of an image.
	Descriptor *extension.Descriptor `json:"-"`
}

// Extension is the extension in the labels of the first labelled image.
type Extension struct {
	// ID is the id of the extension.
	ID string `json:"id"`
	// Version is the version of the extension.
	Version string `json:"version"`
	// API is the Buildpack API version.
	API string `json:"api"`
}

// Platform is one image that was checked.
type Platform struct {
	// Platform is the name of the image, as in findings.
	Platform string `json:"platform"`
	// Digest is the digest of the manifest.
	Digest digest.Digest `json:"digest"`
}

// Package is like [Check] and returns a report. name is the name of the package
// in messages.
func Package(ctx context.Context, src content.Fetcher, name string, root v1.Descriptor, opts Options) (*Report, error) {
	p, findings, err := check(ctx, src, root, opts)
	if err != nil {
		return nil, err
	}
	r := &Report{
		Name: name, MediaType: root.MediaType, Digest: root.Digest, Platforms: []Platform{},
		Attestations: len(p.attestations), Layers: !opts.NoLayers, Findings: findings,
	}
	if findings == nil {
		r.Findings = []Finding{} // an empty array in JSON, not null
	}
	for _, i := range p.images {
		r.Platforms = append(r.Platforms, Platform{i.name, i.desc.Digest})
		if r.Descriptor == nil {
			r.Descriptor = i.descriptor
		}
		if l := i.labels; l != nil && r.Extension == nil {
			r.Extension = &Extension{l.id, l.version, l.api}
		}
	}
	for _, c := range Checks() {
		if c.runs(opts) {
			r.Checks = append(r.Checks, c.ID)
		}
	}
	return r, nil
}

// Count returns the number of errors and of warnings.
func (r *Report) Count() (errors, warnings int) {
	for _, f := range r.Findings {
		switch f.Severity {
		case Error:
			errors++
		case Warning:
			warnings++
		case Note:
		}
	}
	return errors, warnings
}
