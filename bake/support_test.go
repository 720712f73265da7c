package bake

import (
	"testing"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
)

func TestSupport(t *testing.T) {
	hosts := &plan.Build{AddHosts: []plan.Host{{Name: "a", Address: "10.0.0.1"}}}
	for _, tt := range []struct {
		build   *plan.Build
		version string
		want    string
	}{
		{hosts, "v0.24.0", "acme/a@1.0.0 has extra hosts, which require buildx v0.25.0 or newer, and this is v0.24.0"},
		{hosts, "v0.25.0", ""},
		{hosts, "v0.0.0+unknown", ""},
		{hosts, "", ""},
		{&plan.Build{}, "v0.20.0", ""},
		{nil, "v0.20.0", ""},
	} {
		d := &extension.Descriptor{Info: extension.Info{ID: "acme/a", Version: "1.0.0"}}
		got := ""
		if err := checkSupport(&plan.Plan{Extensions: []*plan.Extension{{Descriptor: d, Build: tt.build}}}, tt.version); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%+v, %s: got %q, want %q", tt.build, tt.version, got, tt.want)
		}
	}
}
