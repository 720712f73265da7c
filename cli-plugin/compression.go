package cliplugin

import (
	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/plan"
)

// compressionOptions are the flags for the compression of layers, named as the
// attributes of outputs of buildx.
type compressionOptions struct{ name, level string }

func (o *compressionOptions) bind(f *pflag.FlagSet) {
	f.StringVar(&o.name, "compression", "", `Compression of layers, instead of the descriptor's or gzip ("gzip", or "zstd", which pack cannot read in package files)`)
	f.StringVar(&o.level, "compression-level", "", "Compression level (0 to 9 for gzip, 0 to 22 for zstd)")
}

func (o *compressionOptions) apply(opts *plan.Options) {
	opts.Compression, opts.CompressionLevel = o.name, o.level
}
