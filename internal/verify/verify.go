// Package verify holds the checks that a package must pass before it is
// published: that its content is intact, that it holds the platforms it
// promises, that its labels say what readers rely on, and that its files are
// safe and made for their platform. Each check has a stable ID.
//
// It reads, from anything that serves content by descriptor, and reports; it
// changes nothing, and knows no registry, engine or command line. Extension
// rules that can be judged from the source directory belong to the linter.
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

// Severity tells whether a finding makes a package unfit.
type Severity string

const (
	// Error is a package that readers refuse or misread, or that is unsafe.
	Error Severity = "error"
	// Warning is a package that works for some readers, or by luck.
	Warning Severity = "warning"
	// Note is a package that is right, with something about it to know.
	Note Severity = "note"
)

// Finding is one thing that is wrong with a package.
type Finding struct {
	// ID is that of the check; see [Checks].
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Platform names the image, "linux/arm64" or "linux/amd64:ubuntu@24.04";
	// empty when the finding is about the whole package.
	Platform string `json:"platform,omitempty"`
	// Subject is the digest of the content at fault, or the path of a file,
	// relative to the extension's directory when it is in there.
	Subject string `json:"subject,omitempty"`
	// Message is one clause that says what is wrong.
	Message string `json:"message"`
	// Line and Column are the place in the file, counted from 1; 0 is all of it.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Hint is what to do next; may be empty.
	Hint string `json:"hint,omitempty"`
}

// String gives "linux/arm64: message [id]".
func (f Finding) String() string {
	var b strings.Builder
	if f.Platform != "" {
		b.WriteString(f.Platform + ": ")
	}
	b.WriteString(f.Message + " [" + f.ID + "]")
	return b.String()
}

// Promise is what a package was planned to hold.
type Promise struct {
	ID, Version string
	// Images are the images of the index, in any order.
	Images []PromisedImage
}

// PromisedImage is one image of a [Promise]. Images are told apart by os,
// architecture, variant and os.version, and by distro when those are equal.
type PromisedImage struct {
	// Platform includes OSVersion; the zero platform is any one platform.
	Platform v1.Platform
	// Any says that the image is for any platform; Platform is what its config
	// names.
	Any bool
	// Builders says that the builder chose the platform, since nothing named one.
	Builders bool
	// DistroName and DistroVersion are the image's one distro; empty when it is
	// for several or any.
	DistroName, DistroVersion string
	// Stage says that a build stage left the image's files, which nobody could
	// look at before.
	Stage bool
}

// Options shape a check.
type Options struct {
	// Promise is what the package must hold; nil when nobody promised anything.
	// Who promises has built it, so its layers may expand as far as they do.
	Promise *Promise
	// AllowPlatformMismatch makes binaries of a foreign platform warnings, for
	// extensions that carry the binaries of several platforms on purpose.
	AllowPlatformMismatch bool
	// NoLayers leaves the layers unread: no file is looked at, only whether
	// they are there is asked where the source can tell.
	NoLayers bool
	// NestedFile is whether the package is a file whose index.json lists
	// indexes and no image.
	NestedFile bool
	// AllowSecrets leaves the rules for secrets and large files out.
	AllowSecrets bool
	// Advice adds what could be better, what could not be decided and what is
	// good to know.
	Advice bool
}

// Check looks at the package that root leads to, an index or the manifest of
// one image. Whatever is wrong with the package is a finding, in a fixed order;
// the error is trouble with reading it.
func Check(ctx context.Context, src content.Fetcher, root v1.Descriptor, opts Options) ([]Finding, error) {
	_, findings, err := check(ctx, src, root, opts)
	return findings, err
}

func check(ctx context.Context, src content.Fetcher, root v1.Descriptor, opts Options) (*pkg, []Finding, error) {
	c := &checker{ctx: ctx, src: src, opts: opts, counts: map[countKey]int{}, texts: map[string]string{}, parsed: map[string]layersLabel{}}
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
	for _, i := range p.images {
		if err := context.Cause(ctx); err != nil {
			return nil, nil, err
		}
		for _, check := range []func(*image){
			c.checkLayers, c.checkOtherLayers, c.checkPaths, c.checkLinks, c.checkDescriptor, c.checkRules, c.checkStage,
		} {
			check(i)
		}
	}
	return p, c.findings, nil
}

// maxFindings limits how often one check reports on one image: a layer can
// have half a million files that are all wrong in the same way.
const maxFindings = 20

// checker runs the checks on one package and collects what they find.
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
}

type countKey struct{ id, platform string }

// report adds a finding of the check id. i is nil for the whole package.
func (c *checker) report(id string, i *image, subject, format string, args ...any) {
	check := catalogue[id]
	f := Finding{ID: id, Severity: check.Severity, Subject: subject, Message: fmt.Sprintf(format, args...), Hint: check.hint}
	if i != nil {
		f.Platform = i.name
	}
	c.add(f)
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
		f.Subject, f.Line, f.Column, f.Message = "", 0, 0, "there is more of the same; only the first findings are listed"
	}
	c.findings = append(c.findings, f)
}

// FailedError is a package with at least one finding of severity [Error]. It
// is a [diag.InvalidError] too.
type FailedError struct {
	// Findings are all findings, warnings included.
	Findings []Finding
	// Package names the package before each finding; may be empty.
	Package string
}

// Err gives a [*FailedError] when one of the findings is an error, else nil.
func Err(findings []Finding) error {
	for _, f := range findings {
		if f.Severity == Error {
			return &FailedError{Findings: findings}
		}
	}
	return nil
}

// Error lists the errors, one a line with its hint below it.
func (e *FailedError) Error() string { return e.invalid().Error() }

// Unwrap gives the errors as invalid input, so that the command exits with 2.
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
