package verify

import (
	"archive/tar"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lint"
)

// checkDescriptor checks the extension.toml in the layer against the label.
func (c *checker) checkDescriptor(i *image) {
	if i.tree == nil {
		return
	}
	const file = "extension.toml"
	e := i.tree.files[i.dir+"/"+file]
	switch {
	case e == nil:
		c.report(idDescriptorMissing, i, file, "the layer contains no /%s/%s", i.dir, file)
		return
	case e.kind != tar.TypeReg:
		c.report(idDescriptorInvalid, i, file, "%s is %s, not a file", file, kindWords(e.kind))
		return
	case e.size > maxDescriptorBytes:
		c.report(idDescriptorInvalid, i, file, "%s is %d bytes long; the limit is %d", file, e.size, maxDescriptorBytes)
		return
	}
	d := c.descriptor(e)
	if d.headErr != nil {
		c.report(idDescriptorInvalid, i, file, "%s is not valid: %s", file, diag.Of(d.headErr)[0])
		return
	}
	head := d.head
	for _, field := range []struct{ name, got, want string }{
		{"api", head.API, i.labels.api}, {"id", head.ID, i.labels.id}, {"version", head.Version, i.labels.version},
	} {
		if field.got != field.want {
			c.report(idDescriptorMismatch, i, file, "%s has the %s %q, but the label has %q", file, field.name, field.got, field.want)
		}
	}
}

// descriptor is an extension.toml as read.
type descriptor struct {
	head    extension.Head
	headErr error

	// parsed is nil if it is invalid. problems are those of its content, advice
	// its recommendations.
	isParsed         bool
	parsed           *extension.Descriptor
	problems, advice diag.List
}

// descriptor returns the head of the extension.toml in a file, which is parsed
// once for all images that share it.
func (c *checker) descriptor(e *entry) *descriptor {
	d := c.descriptors[e]
	if d == nil {
		d = &descriptor{}
		d.head, d.headErr = extension.ReadHead(extension.DescriptorFile, e.data)
		c.descriptors[e] = d
	}
	return d
}

// parse returns all of the extension.toml in a file.
func (c *checker) parse(e *entry) *descriptor {
	d := c.descriptor(e)
	if !d.isParsed {
		d.isParsed = true
		d.parsed, d.problems, _ = extension.Parse(extension.DescriptorFile, e.data) // problems has the errors
		if d.parsed != nil && c.opts.Advice {
			d.advice = lint.Descriptor(d.parsed)
		}
	}
	return d
}
