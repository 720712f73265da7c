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
	f.StringVar(&o.Provenance, "provenance", "", `Add a provenance attestation, which describes the build ("true", "mode=min", "mode=max")`)
	f.StringVar(&o.SBOM, "sbom", "", `Add an SBOM attestation, which lists the content of the images ("true", "generator=IMAGE")`)
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
		return diag.WithHint(diag.Invalidf("attestations require an index, and --single publishes an image without one"), "leave out --single, or --provenance and --sbom")
	}
	if o.Any() && o.mediaTypes == "docker" {
		return diag.WithHint(diag.Invalidf("attestations are not supported with Docker's media types"), "leave out --media-types, or --provenance and --sbom")
	}
	return nil
}

// warnAttest warns if requested attestations are not part of the result.
func (o *buildOptions) warnAttest(w io.Writer, places pipeline.Places) {
	if !o.Any() || !places.OnlyFiles() {
		return
	}
	fmt.Fprintln(w, "warning: attestations are left out of the package file, because its readers would take them for images; --push and -o DIR/ keep them")
}
