package oci_test

import (
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/oci"
)

// TestPlatforms: an entry without a platform has that of its config, and an
// artifact has none.
func TestPlatforms(t *testing.T) {
	t.Parallel()
	l := layouttest.New(t)
	arm := v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	named, bare := l.Image(v1.Image{Platform: arm}), l.Image(v1.Image{Platform: arm, Author: "another"})
	named.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	bare.Platform = &v1.Platform{OS: "linux"} // half of one
	artifact := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: l.JSON("application/vnd.example+json", struct{}{}), Layers: []v1.Descriptor{}}
	artifact.SchemaVersion = 2
	other := l.JSON(v1.MediaTypeImageManifest, artifact)
	got, err := oci.Platforms(t.Context(), l, l.Index(named, bare, other))
	if err != nil || len(got) != 2 || got[0].Architecture != "amd64" || got[1].Architecture != "arm" || got[1].Variant != "v7" {
		t.Errorf("got %+v, %v", got, err)
	}
	missing := named
	missing.Platform, missing.Digest = nil, "sha256:"+v1DigestOfNothing
	if got, err := oci.Platforms(t.Context(), l, l.Index(missing)); err == nil {
		t.Errorf("a missing image is for %+v", got)
	}
}
