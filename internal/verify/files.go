package verify

import (
	"archive/tar"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
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
		c.report(idDescriptorMissing, i, file, "the layer holds no /%s/%s", i.dir, file)
		return
	case e.kind != tar.TypeReg:
		c.report(idDescriptorInvalid, i, file, "%s is %s, not a file", file, kindWords(e.kind))
		return
	case e.size > maxDescriptorBytes:
		c.report(idDescriptorInvalid, i, file, "%s is %d bytes long; the limit is %d", file, e.size, maxDescriptorBytes)
		return
	}
	head, err := extension.ReadHead(file, e.data)
	if err != nil {
		c.report(idDescriptorInvalid, i, file, "%s is not valid: %s", file, diag.Of(err)[0])
		return
	}
	for _, field := range []struct{ name, got, want string }{
		{"api", head.API, i.labels.api}, {"id", head.ID, i.labels.id}, {"version", head.Version, i.labels.version},
	} {
		if field.got != field.want {
			c.report(idDescriptorMismatch, i, file, "%s has the %s %q, but the label says %q", file, field.name, field.got, field.want)
		}
	}
}
