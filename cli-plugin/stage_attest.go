package cliplugin

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/pipeline"
)

// attestOptions are flags of docker buildx build for attestations.
type attestOptions struct{ provenance, sbom string }

func (o *attestOptions) bind(f *pflag.FlagSet) {
	f.StringVar(&o.provenance, "provenance", "", `Attest how the images were built ("true", "mode=min", "mode=max")`)
	f.StringVar(&o.sbom, "sbom", "", `Attest what is in the images ("true", "generator=IMAGE")`)
	f.Lookup("provenance").NoOptDefVal = "true"
	f.Lookup("sbom").NoOptDefVal = "true"
}

// settings returns the attestation settings in bake's form.
func (o *attestOptions) settings() ([]string, error) {
	var all []string
	for _, f := range []struct{ kind, value string }{{"provenance", o.provenance}, {"sbom", o.sbom}} {
		switch on, _ := strconv.ParseBool(f.value); {
		case !asked(f.value):
		case on:
			all = append(all, "type="+f.kind)
		case strings.Contains(f.value, "="):
			all = append(all, "type="+f.kind+","+f.value)
		default:
			return nil, diag.Invalidf("--%s=%s is neither true, false nor NAME=VALUE", f.kind, f.value)
		}
	}
	return all, nil
}

// asked parses a flag as buildx does: a boolean, or settings.
func asked(value string) bool {
	on, err := strconv.ParseBool(value)
	return value != "" && (err != nil || on)
}

// checkAttest returns an error before a build for settings that the second pass
// would reject, and for destinations without attestations.
func (o *buildOptions) checkAttest() error {
	settings, err := o.settings()
	if err != nil {
		return err
	}
	if len(settings) > 0 && o.single {
		return diag.WithHint(diag.Invalidf("--single publishes an image without an index, and attestations are kept in an index"), "leave out --single, or --provenance and --sbom")
	}
	if len(settings) > 0 && o.mediaTypes == "docker" {
		return diag.WithHint(diag.Invalidf("Docker's media types cannot express attestations"), "leave out --media-types, or --provenance and --sbom")
	}
	fields, err := csv.NewReader(strings.NewReader(o.provenance)).Read()
	if err != nil && o.provenance != "" {
		return diag.Invalidf("--provenance=%s is wrongly quoted", o.provenance)
	}
	for _, f := range fields {
		if mode, ok := strings.CutPrefix(f, "mode="); ok && !slices.Contains([]string{"min", "max", "full"}, mode) {
			return diag.WithHint(diag.Invalidf("--provenance=%s: there is no mode %q", o.provenance, mode), "write --provenance=mode=min or --provenance=mode=max")
		}
	}
	return nil
}

// warnAttest warns if requested attestations are not part of the result.
func (o *buildOptions) warnAttest(w io.Writer, places pipeline.Places) {
	if !o.attested() || !places.OnlyFiles() {
		return
	}
	fmt.Fprintln(w, "warning: a package file holds no attestations, because its readers would take them for images; --push and -o DIR/ keep them")
}

// attested reports whether attestations are requested.
func (o *attestOptions) attested() bool {
	all, err := o.settings()
	return err == nil && len(all) > 0
}
