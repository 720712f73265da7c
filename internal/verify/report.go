package verify

import (
	"context"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/extension"
)

// Report is what was checked and what was found. Its JSON is the output of
// "docker extpack verify --format json".
type Report struct {
	Name      string        `json:"name"`
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	// Extension is null when no image has an extension's labels.
	Extension *Extension `json:"extension"`
	Platforms []Platform `json:"platforms"`
	// Attestations counts the attestation manifests.
	Attestations int `json:"attestations"`
	// Layers is whether the layers were read.
	Layers bool `json:"layers"`
	// Checks are the IDs of the checks that were done, sorted.
	Checks   []string  `json:"checks"`
	Findings []Finding `json:"findings"`
	// Descriptor is that of the first image that has one which can be used.
	Descriptor *extension.Descriptor `json:"-"`
}

// Extension is what the labels of the first labelled image name.
type Extension struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	API     string `json:"api"`
}

// Platform is one image that was checked.
type Platform struct {
	// Platform is as findings name it.
	Platform string        `json:"platform"`
	Digest   digest.Digest `json:"digest"`
}

// Package is [Check] with an account of what was looked at. name is how the
// user named the package.
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
		r.Findings = []Finding{} // JSON readers want a list
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

// Count gives how many findings are errors and how many are warnings.
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
