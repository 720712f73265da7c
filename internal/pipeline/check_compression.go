package pipeline

import (
	"github.com/extpack/extpack/internal/diag"
)

// CheckCompression refuses zstd layers where readers of packages would fail:
// Docker's manifests have no media type for them, and pack does not expand them
// in package files.
func (p Places) CheckCompression(docker bool) error {
	const leaveOut = "leave out compression, or use gzip"
	for e, all := range p {
		if !e.Compression.Zstd() {
			continue
		}
		if docker {
			return diag.WithHint(diag.Invalidf("--media-types docker: %s has zstd layers, for which Docker's format has no media type", e.Descriptor.Info), leaveOut)
		}
		for _, d := range all {
			if _, file := d.Destination.(File); file {
				return diag.WithHint(diag.Invalidf("%s: %s has zstd layers, which pack cannot read in package files", d.Name, e.Descriptor.Info),
					"publish it with --push, write an OCI layout directory with -o DIR/, or "+leaveOut)
			}
		}
	}
	return nil
}
