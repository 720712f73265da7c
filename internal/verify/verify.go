// Package verify implements the checks that a package must pass before it is
// published: its content is intact, it has the expected platforms, its labels
// are correct, and its files are safe and built for their platform. Each check
// has a stable ID.
//
// It reads from any storage of content by descriptor. Rules that can be checked
// in a source directory are part of package lint.
package verify

import (
	"context"
	"fmt"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

// Severity determines whether a finding fails the check.
type Severity string

const (
	// Error is a problem that makes readers reject or misinterpret a package,
	// or makes it unsafe.
	Error Severity = "error"
	// Warning is a problem that affects only some readers.
	Warning Severity = "warning"
	// Note is information about a correct package.
	Note Severity = "note"
)

// Finding is one problem of a package.
type Finding struct {
	// ID is the ID of the check; "verify --list-checks" lists them.
	ID string `json:"id"`
	// Severity is "error", "warning" or "note".
	Severity Severity `json:"severity"`
	// Platform is the name of the image, "linux/arm64" or
	// "linux/amd64:ubuntu@24.04". It is empty if the finding is about the whole
	// package.
	Platform string `json:"platform,omitempty"`
	// Subject is the digest of the content, or the path of the file, relative
	// to the extension's directory if it is below it.
	Subject string `json:"subject,omitempty"`
	// Message is one clause that describes the problem.
	Message string `json:"message"`
	// Line is the line in the file, counted from 1; 0 means the whole file.
	Line int `json:"line,omitempty"`
	// Column is the column in the line, counted from 1; 0 means the whole line.
	Column int `json:"column,omitempty"`
	// Hint is the next step.
	Hint string `json:"hint,omitempty"`
}

// String returns "linux/arm64: message [id]".
func (f Finding) String() string {
	var b strings.Builder
	if f.Platform != "" {
		b.WriteString(f.Platform + ": ")
	}
	b.WriteString(f.Message + " [" + f.ID + "]")
	return b.String()
}

// Promise is the planned content of a package.
type Promise struct {
	ID, Version string
	// Images are the images of the index, in any order.
	Images []PromisedImage
}

// PromisedImage is one image of a [Promise]. Images are identified by os,
// architecture, variant and os.version, and by distro if those are equal.
type PromisedImage struct {
	// Platform includes OSVersion. The zero value means any one platform.
	Platform v1.Platform
	// Any reports whether the image is for any platform. Platform is then that
	// of its config.
	Any bool
	// Builders reports whether the builder chose the platform.
	Builders bool
	// DistroName and DistroVersion are the distro of the image. They are empty
	// if it is for several or any.
	DistroName, DistroVersion string
	// Stage reports whether the image's files are from a build stage and have
	// not been checked before.
	Stage bool
}

// Options are the options of a check.
type Options struct {
	// Promise is the expected content of the package, or nil if it is unknown.
	// The caller has built a package with a promise, so the expansion of its
	// layers is not limited.
	Promise *Promise
	// AllowPlatformMismatch reports binaries for another platform as warnings,
	// for extensions that contain binaries for several platforms on purpose.
	AllowPlatformMismatch bool
	// NoLayers skips reading layers and their files. Only their existence is
	// checked if the source supports it.
	NoLayers bool
	// File reports whether the package is a file, not a directory or in a
	// registry.
	File bool
	// NestedFile reports whether the package is a file whose index.json lists
	// indexes but no image.
	NestedFile bool
	// AllowSecrets disables the rules for secrets and large files.
	AllowSecrets bool
	// Advice adds recommendations, notes, and rules that could not be decided.
	Advice bool
}

// Check checks the package at root, an index or the manifest of an image. It
// returns all problems as findings, in a fixed order. It returns an error if
// the package cannot be read.
func Check(ctx context.Context, src content.Fetcher, root v1.Descriptor, opts Options) ([]Finding, error) {
	_, findings, err := check(ctx, src, root, opts)
	return findings, err
}

func check(ctx context.Context, src content.Fetcher, root v1.Descriptor, opts Options) (*pkg, []Finding, error) {
	c := &checker{
		ctx: ctx, src: src, opts: opts, counts: map[countKey]int{}, texts: map[string]string{}, parsed: map[string]layersLabel{},
		descriptors: map[*entry]*descriptor{}, linted: map[lintKey]lintResult{},
	}
	p, err := c.load(root)
	if err != nil {
		return nil, nil, err
	}
	if opts.NestedFile {
		c.report(idFileIndex, nil, root.Digest.String(), "index.json lists an index and no image")
	}
	for _, check := range []func(*pkg){
		c.checkPresence, c.checkPromise, c.checkPlatforms, c.checkAttestations, c.checkLabels, c.checkTargets, c.checkAnnotations, c.checkDiffIDs,
	} {
		if err := context.Cause(ctx); err != nil {
			return nil, nil, err
		}
		check(p)
	}
	if opts.NoLayers {
		err := c.findBlobs(p)
		return p, c.findings, err
	}
	if err := c.scanLayers(p); err != nil {
		return nil, nil, err
	}
	c.hintMissingLabels(p)
	checks := []func(*image){
		c.checkLayers, c.checkOtherLayers, c.ofTree(c.checkPaths), c.ofTree(c.checkLinks), c.checkDescriptor, c.checkRules, c.checkStage,
	}
	for _, i := range p.images {
		if err := context.Cause(ctx); err != nil {
			return nil, nil, err
		}
		for _, check := range checks {
			check(i)
		}
	}
	return p, c.findings, nil
}

// maxFindings limits the findings of one check for one image: half a million
// files of a layer can have the same problem.
const maxFindings = 20

// checker runs the checks on one package and collects the findings.
type checker struct {
	ctx      context.Context
	src      content.Fetcher
	opts     Options
	findings []Finding
	counts   map[countKey]int
	// texts and parsed are the values of labels, and those of the layers label
	// as read: the images of a package have the same.
	texts  map[string]string
	parsed map[string]layersLabel
	// descriptors and linted are what was found in files that images share.
	descriptors map[*entry]*descriptor
	linted      map[lintKey]lintResult
}

// ofTree returns a check that depends on the files of an image alone. Of images
// that share their files, it checks the first, and the others if something was
// found, which is reported for each.
func (c *checker) ofTree(check func(*image)) func(*image) {
	clean := map[*tree]bool{}
	return func(i *image) {
		if clean[i.tree] {
			return
		}
		before := len(c.findings)
		check(i)
		clean[i.tree] = len(c.findings) == before
	}
}

type countKey struct{ id, platform string }

// report adds a finding of the check id. i is nil for the package as a whole.
func (c *checker) report(id string, i *image, subject, format string, args ...any) {
	c.add(c.finding(id, i, subject, format, args...))
}

func (c *checker) finding(id string, i *image, subject, format string, args ...any) Finding {
	check := catalogue[id]
	f := Finding{ID: id, Severity: check.Severity, Subject: subject, Message: fmt.Sprintf(format, args...), Hint: check.hint}
	if i != nil {
		f.Platform = i.name
	}
	return f
}

func (c *checker) add(f Finding) {
	if (f.ID == rules.BinaryPlatform.ID || f.ID == rules.BinaryVariant.ID) && c.opts.AllowPlatformMismatch {
		f.Severity, f.Hint = Warning, ""
	}
	key := countKey{f.ID, f.Platform}
	c.counts[key]++
	switch n := c.counts[key]; {
	case n > maxFindings+1:
		return
	case n == maxFindings+1:
		f.Subject, f.Line, f.Column, f.Message = "", 0, 0, "further findings of this kind are not listed"
	}
	c.findings = append(c.findings, f)
}

// FailedError is returned for a package with at least one finding of severity
// [Error]. It is also a [diag.InvalidError].
type FailedError struct {
	// Findings are all findings, warnings included.
	Findings []Finding
	// Package is a prefix for each finding. It is optional.
	Package string
}

// Err returns a [*FailedError] if one of the findings is an error.
func Err(findings []Finding) error {
	for _, f := range findings {
		if f.Severity == Error {
			return &FailedError{Findings: findings}
		}
	}
	return nil
}

// Error returns the errors, each on a line with its hint below it.
func (e *FailedError) Error() string { return e.invalid().Error() }

// Unwrap returns the errors as invalid input, so that the command exits with 2.
func (e *FailedError) Unwrap() error { return e.invalid() }

func (e *FailedError) invalid() *diag.InvalidError {
	var invalid diag.InvalidError
	for _, f := range e.Findings {
		if f.Severity != Error {
			continue
		}
		message := f.String()
		if e.Package != "" {
			message = e.Package + ": " + message
		}
		invalid.Diagnostics = append(invalid.Diagnostics, diag.Diagnostic{Message: message, Hint: f.Hint})
	}
	return &invalid
}
