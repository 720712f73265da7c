package cliplugin

import (
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/platform"
)

// TestEverySpellingOfAPlatform: test and run-image take each name that a command
// prints for an image, and the older ones.
func TestEverySpellingOfAPlatform(t *testing.T) {
	for _, s := range []string{
		"linux/amd64", "linux/amd64:ubuntu@24.04", "linux/amd64:ubuntu@24.04 (os.version 24.04)", "linux/amd64 (os.version 24.04)",
		"linux(24.04)/amd64", "linux(24.04)/amd64:ubuntu@24.04", "linux(24.04+feature)/amd64:ubuntu@24.04",
	} {
		got, err := parsePlatforms([]string{s})
		if err != nil || len(got) != 1 || !platform.Equal(got[0], v1.Platform{OS: "linux", Architecture: "amd64"}) {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
}
