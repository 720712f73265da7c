package platform

import (
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
)

// TestParsePlatforms: commands take each name that one prints for an image, and
// the older ones.
func TestParsePlatforms(t *testing.T) {
	t.Parallel()
	spellings := []string{
		"linux/arm64", "linux/aarch64", "linux/arm64:ubuntu@24.04", "linux/arm64:ubuntu@24.04 (os.version 24.04)", "linux/arm64 (os.version 24.04)",
		"linux(24.04)/arm64", "linux(24.04)/arm64:ubuntu@24.04", "linux(24.04+feature)/arm64:ubuntu@24.04",
	}
	got, err := ParsePlatforms(spellings)
	if err != nil || len(got) != len(spellings) {
		t.Fatalf("got %v, %v", got, err)
	}
	for i, p := range got {
		if !Equal(p, v1.Platform{OS: "linux", Architecture: "arm64"}) || p.OSVersion != "" {
			t.Errorf("%s: got %v", spellings[i], p)
		}
	}
	_, err = ParsePlatforms([]string{"linux", "linux/arm64", "linux/amd46"})
	if got := diag.Of(err); len(got) != 2 {
		t.Errorf("got %v, want both problems", err)
	}
}
