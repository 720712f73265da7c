package cliplugin

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/pipeline"
)

// attestOptions are flags of docker buildx build for attestations.
type attestOptions struct{ buildx.Attest }

func (o *attestOptions) bind(f *pflag.FlagSet) {
	f.StringVar(&o.Provenance, "provenance", "", `Attest how the images were built ("true", "mode=min", "mode=max")`)
	f.StringVar(&o.SBOM, "sbom", "", `Attest what is in the images ("true", "generator=IMAGE")`)
	f.Lookup("provenance").NoOptDefVal = "true"
	f.Lookup("sbom").NoOptDefVal = "true"
}

// checkAttest returns an error before a build for attestations that are invalid
// or that the result cannot hold.
func (o *buildOptions) checkAttest() error {
	if err := o.Attest.Check(); err != nil {
		return err
	}
	if o.Any() && o.single {
		return diag.WithHint(diag.Invalidf("--single publishes an image without an index, and attestations are kept in an index"), "leave out --single, or --provenance and --sbom")
	}
	if o.Any() && o.mediaTypes == "docker" {
		return diag.WithHint(diag.Invalidf("Docker's media types cannot express attestations"), "leave out --media-types, or --provenance and --sbom")
	}
	return nil
}

// warnAttest warns if requested attestations are not part of the result.
func (o *buildOptions) warnAttest(w io.Writer, places pipeline.Places) {
	if !o.Any() || !places.OnlyFiles() {
		return
	}
	fmt.Fprintln(w, "warning: a package file holds no attestations, because its readers would take them for images; --push and -o DIR/ keep them")
}
