package buildx

import (
	"encoding/csv"
	"slices"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/diag"
)

// Attest are the values of --provenance and --sbom of docker buildx build.
type Attest struct{ Provenance, SBOM string }

// Settings returns the attestation settings in the form of bake, such as
// "type=provenance,mode=max".
func (a Attest) Settings() ([]string, error) {
	var all []string
	for _, f := range []struct{ kind, value string }{{"provenance", a.Provenance}, {"sbom", a.SBOM}} {
		switch on, _ := strconv.ParseBool(f.value); {
		case !Requested(f.value):
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

// Requested reports whether the value of --provenance or --sbom requests an
// attestation. buildx accepts a boolean, or settings.
func Requested(value string) bool {
	on, err := strconv.ParseBool(value)
	return value != "" && (err != nil || on)
}

// Any reports whether an attestation is requested.
func (a Attest) Any() bool {
	all, err := a.Settings()
	return err == nil && len(all) > 0
}

// Check returns an error for values that buildx would reject only after a build.
func (a Attest) Check() error {
	if _, err := a.Settings(); err != nil {
		return err
	}
	fields, err := csv.NewReader(strings.NewReader(a.Provenance)).Read()
	if err != nil && a.Provenance != "" {
		return diag.Invalidf("--provenance=%s has invalid quotes", a.Provenance)
	}
	for _, f := range fields {
		if mode, ok := strings.CutPrefix(f, "mode="); ok && !slices.Contains([]string{"min", "max", "full"}, mode) {
			return diag.WithHint(diag.Invalidf("--provenance=%s: unknown mode %q", a.Provenance, mode), "write --provenance=mode=min or --provenance=mode=max")
		}
	}
	return nil
}
