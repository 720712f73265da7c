package buildx

import (
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func TestAttestSettings(t *testing.T) {
	for _, tt := range []struct {
		a    Attest
		want []string
	}{
		{Attest{}, nil},
		{Attest{"false", "false"}, nil},
		{Attest{"0", "F"}, nil},
		{Attest{"true", ""}, []string{"type=provenance"}},
		{Attest{"1", "TRUE"}, []string{"type=provenance", "type=sbom"}},
		{Attest{"mode=max,version=v1", "generator=x"}, []string{"type=provenance,mode=max,version=v1", "type=sbom,generator=x"}},
	} {
		if got, err := tt.a.Settings(); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%+v: got %q, %v", tt.a, got, err)
		}
	}
	for value, want := range map[string]string{
		"max":                  "--provenance=max is neither",
		"version=v1,mode=maxi": `--provenance=version=v1,mode=maxi: unknown mode "maxi"`,
		`version="v1`:          `--provenance=version="v1 has invalid quotes`,
	} {
		if err := (Attest{Provenance: value}).Check(); err == nil || !strings.Contains(diag.Text(err), want) {
			t.Errorf("%s: got %v", value, err)
		}
	}
}
