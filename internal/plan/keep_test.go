package plan

import (
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/platform"
)

// TestKeepPlatforms keeps what is for a wanted platform or for any, and
// everything where nothing would be left.
func TestKeepPlatforms(t *testing.T) {
	t.Parallel()
	amd64 := v1.Platform{OS: "linux", Architecture: "amd64"}
	windows := v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.2700"}
	arm := v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	images := []Image{{Platform: amd64}, {Platform: arm}, {Platform: windows}, {Any: true, Platform: amd64}, {}}
	for want, wanted := range map[string][]v1.Platform{
		"linux/amd64 any builder":              {amd64},
		"linux/arm/v7 any builder":             {arm},
		"windows/amd64 any builder":            {{OS: "windows", Architecture: "amd64"}},
		"linux/amd64 linux/arm/v7 any builder": {arm, amd64},
		"any builder":                          {{OS: "linux", Architecture: "riscv64"}},
	} {
		e := &Extension{Images: images}
		e.KeepPlatforms(wanted)
		var got []string
		for _, i := range e.Images {
			switch {
			case i.Any:
				got = append(got, "any")
			case platform.IsZero(i.Platform):
				got = append(got, "builder")
			default:
				i.Platform.OSVersion = ""
				got = append(got, platform.Format(i.Platform))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v: %v, want %s", wanted, got, want)
		}
	}
	e := &Extension{Images: []Image{{Platform: arm}}}
	if e.KeepPlatforms([]v1.Platform{amd64}); len(e.Images) != 1 {
		t.Error("no image was left")
	}
}
