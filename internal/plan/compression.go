package plan

import (
	"strconv"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layer"
)

// setCompression sets the compression of layers: that of flags, or else that of
// the descriptor. A level goes with the compression that it was given for.
func (e *Extension) setCompression(list *diag.List, opts Options) {
	var table extension.Build
	if t := e.Descriptor.Metadata.Extpack.Build; t != nil {
		table = *t
	}
	if opts.Compression != "" {
		table.Compression, table.CompressionLevel = extension.Entry{Value: opts.Compression}, extension.Entry{}
	}
	if opts.CompressionLevel != "" {
		table.CompressionLevel = extension.Entry{Value: opts.CompressionLevel}
	}
	what, at := "--compression-level", table.CompressionLevel.Position
	switch {
	case at != (diag.Position{}):
		what = "[metadata.extpack.build]"
	case opts.Compression != "" && opts.CompressionLevel == "":
		what = "--compression"
	}
	e.Compression = layer.Compression{Name: table.Compression.Value}
	if value := table.CompressionLevel.Value; value != "" {
		level, err := strconv.Atoi(value)
		if err != nil {
			list.Errorf(at, "%s %q is not a number", what, value)
			return
		}
		e.Compression.Level, e.Compression.HasLevel = level, true
	}
	if err := e.Compression.Check(); err != nil {
		list.Errorf(at, "%s: %v", what, err)
	}
}
