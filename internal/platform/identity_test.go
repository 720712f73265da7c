package platform

import (
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

// Every spelling that was ever printed for an image is parsed as that image.
func TestIdentity(t *testing.T) {
	ubuntu := extension.Distro{Name: "ubuntu", Version: "22.04"}
	for _, tt := range []struct {
		spellings []string
		want      Identity
	}{
		{[]string{"linux/amd64"}, Identity{OS: "linux", Architecture: "amd64"}},
		{[]string{"linux/arm/v7", "linux/arm"}, Identity{OS: "linux", Architecture: "arm", Variant: "v7"}},
		{[]string{"linux/arm64", "linux/arm64/v8"}, Identity{OS: "linux", Architecture: "arm64"}},
		{[]string{"linux/amd64:ubuntu@22.04"}, Identity{OS: "linux", Architecture: "amd64", Distro: ubuntu}},
		{
			[]string{"windows/amd64 (os.version 10.0.17763)", "windows(10.0.17763)/amd64", "windows(10.0.17763+win32k)/amd64"},
			Identity{OS: "windows", Architecture: "amd64", OSVersion: "10.0.17763"},
		},
		{
			[]string{"linux/arm/v6:ubuntu@22.04 (os.version 5)", "linux(5)/arm/v6:ubuntu@22.04"},
			Identity{OS: "linux", Architecture: "arm", Variant: "v6", OSVersion: "5", Distro: ubuntu},
		},
		{[]string{"plan9x/quantum"}, Identity{OS: "plan9x", Architecture: "quantum"}},
	} {
		if got := tt.want.String(); got != tt.spellings[0] {
			t.Errorf("%+v is called %q, want %q", tt.want, got, tt.spellings[0])
		}
		for _, s := range tt.spellings {
			if got, err := ParseIdentity(s); err != nil || got != tt.want {
				t.Errorf("%s: got %+v, %v", s, got, err)
			}
		}
	}
	// The distro says the version.
	id := Identity{OS: "linux", Architecture: "amd64", OSVersion: "22.04", Distro: ubuntu}
	named, err := ParseIdentity("linux(22.04)/amd64:ubuntu@22.04")
	if id.String() != "linux/amd64:ubuntu@22.04" || err != nil || named != id || !id.Matches(Identity{OS: "linux", Architecture: "amd64", Distro: ubuntu}) {
		t.Errorf("got %s, %+v, %v", id, named, err)
	}
	for _, s := range []string{"", "linux", "linux/", "/amd64", "a/b/c/d", "linux/amd64 (os.version )", "linux(1)/amd64 (os.version 2)", "no platform"} {
		if got, err := ParseIdentity(s); err == nil {
			t.Errorf("%q is %+v", s, got)
		}
	}
	if (Identity{}).String() != "no platform" {
		t.Error("the zero value has a platform")
	}
}

// What is printed for an image is a target that builds an image of its platform
// and distro.
func TestIdentityIsTarget(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"linux/amd64", "linux/arm/v7", "linux/arm64", "linux/amd64:ubuntu@22.04", "linux/arm/v6:ubuntu@22.04",
		"windows/amd64 (os.version 10.0.17763)", "linux/arm/v6:ubuntu@22.04 (os.version 5)",
		"windows(10.0.17763)/amd64", "windows(10.0.17763+win32k)/amd64", "linux(5)/arm/v6:ubuntu@22.04",
	} {
		id, err := ParseIdentity(name)
		if err != nil || id.String() != name && !strings.Contains(strings.Split(name, "/")[0], "(") {
			t.Errorf("%s is read as %s, %v", name, id, err)
		}
		if p, err := ParsePlatform(name); err != nil || Format(p) != Format(id.Platform()) || p.OSVersion != "" {
			t.Errorf("the platform of %s is read as %+v, %v", name, p, err)
		}
		target, err := ParseTarget(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var distro extension.Distro
		if len(target.Distros) > 0 {
			distro = target.Distros[0]
		}
		id.OSVersion = ""
		if got := NewIdentity(Of(target), distro); got != id {
			t.Errorf("target %s is %s", name, got)
		}
	}
	for _, name := range []string{"windows/amd64 (os.version )", "windows/amd64 (os.version 1) x", "windows/amd64(os.version 1)"} {
		if target, err := ParseTarget(name); err == nil {
			t.Errorf("%s is %+v", name, target)
		}
	}
}

// ParseImage is as strict about names as ParseTarget.
func TestParseImage(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"linux": "is not os/arch[/variant]", "linux/amd46": `did you mean "amd64"?`, "linux(5)/amd46:ubuntu@22.04": `did you mean "amd64"?`, "linux/amd64 (os.version )": "is not",
	} {
		if id, err := ParseImage(name); !diag.IsInvalid(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, %v", name, id, err)
		}
		if p, err := ParsePlatform(name); err == nil {
			t.Errorf("%s: got %+v", name, p)
		}
	}
}

func FuzzIdentity(f *testing.F) {
	for _, s := range []string{"linux/amd64", "linux/arm/v7:ubuntu@22.04", "windows(1+x)/amd64", "a/b:c (os.version d)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseIdentity(s)
		if err != nil {
			return
		}
		again, err := ParseIdentity(id.String())
		if err != nil || again != id && again.String() != id.String() {
			t.Errorf("%q is %+v, whose name %q is %+v, %v", s, id, id.String(), again, err)
		}
	})
}
