package platform

import (
	"reflect"
	"strings"
	"testing"

	"github.com/containerd/platforms"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

func TestParseTarget(t *testing.T) {
	ubuntu := func(versions ...string) []extension.Distro {
		var out []extension.Distro
		for _, v := range versions {
			out = append(out, extension.Distro{Name: "ubuntu", Version: v})
		}
		return out
	}
	tests := []struct {
		in     string
		want   extension.Target
		format string
	}{
		{"linux/amd64", extension.Target{OS: "linux", Arch: "amd64"}, "linux/amd64"},
		{"linux/x86_64", extension.Target{OS: "linux", Arch: "amd64"}, "linux/amd64"},
		{"linux/x86-64", extension.Target{OS: "linux", Arch: "amd64"}, "linux/amd64"},
		{"linux/amd64/v1", extension.Target{OS: "linux", Arch: "amd64"}, "linux/amd64"},
		{"linux/amd64/v3", extension.Target{OS: "linux", Arch: "amd64", Variant: "v3"}, "linux/amd64/v3"},
		{"linux/i386", extension.Target{OS: "linux", Arch: "386"}, "linux/386"},
		{"linux/aarch64", extension.Target{OS: "linux", Arch: "arm64"}, "linux/arm64"},
		{"linux/arm64/v8", extension.Target{OS: "linux", Arch: "arm64", Variant: "v8"}, "linux/arm64"},
		{"linux/arm64/8", extension.Target{OS: "linux", Arch: "arm64", Variant: "v8"}, "linux/arm64"},
		{"linux/arm64/v9", extension.Target{OS: "linux", Arch: "arm64", Variant: "v9"}, "linux/arm64/v9"},
		{"linux/arm", extension.Target{OS: "linux", Arch: "arm"}, "linux/arm/v7"},
		{"linux/armhf", extension.Target{OS: "linux", Arch: "arm"}, "linux/arm/v7"},
		{"linux/armel", extension.Target{OS: "linux", Arch: "arm", Variant: "v6"}, "linux/arm/v6"},
		{"linux/arm/v7", extension.Target{OS: "linux", Arch: "arm", Variant: "v7"}, "linux/arm/v7"},
		{"linux/arm/6", extension.Target{OS: "linux", Arch: "arm", Variant: "v6"}, "linux/arm/v6"},
		{"LINUX/AMD64", extension.Target{OS: "linux", Arch: "amd64"}, "linux/amd64"},
		{"macos/arm64", extension.Target{OS: "darwin", Arch: "arm64"}, "darwin/arm64"},
		{"linux/mips/softfloat", extension.Target{OS: "linux", Arch: "mips", Variant: "softfloat"}, "linux/mips/softfloat"},
		{"linux/amd64:ubuntu@22.04", extension.Target{OS: "linux", Arch: "amd64", Distros: ubuntu("22.04")}, "linux/amd64"},
		{"linux/amd64:ubuntu@22.04,24.04", extension.Target{OS: "linux", Arch: "amd64", Distros: ubuntu("22.04", "24.04")}, "linux/amd64"},
		{"linux/amd64:ubuntu@22.04@24.04", extension.Target{OS: "linux", Arch: "amd64", Distros: ubuntu("22.04", "24.04")}, "linux/amd64"},
		{"linux/amd64:ubuntu@20.04@22.04,24.04", extension.Target{OS: "linux", Arch: "amd64", Distros: ubuntu("20.04", "22.04", "24.04")}, "linux/amd64"},
		{"linux/arm/v6:ubuntu@22.04,24.04;debian@12", extension.Target{
			OS: "linux", Arch: "arm", Variant: "v6",
			Distros: append(ubuntu("22.04", "24.04"), extension.Distro{Name: "debian", Version: "12"}),
		}, "linux/arm/v6"},
	}
	for _, tt := range tests {
		got, err := ParseTarget(tt.in)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, %v; want %+v", tt.in, got, err, tt.want)
		}
		if f := Format(Of(got)); f != tt.format {
			t.Errorf("%s: formats as %s, want %s", tt.in, f, tt.format)
		}
	}
}

func TestParseTargetRefuses(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", `target "" is not os/arch[/variant]`},
		{"linux", `target "linux" is not os/arch[/variant]`},
		{"amd64", `target "amd64" is not os/arch[/variant] (did you mean "linux/amd64"?)`},
		{"armv7", `target "armv7" is not os/arch[/variant] (did you mean "linux/arm/v7"?)`},
		{"linux-amd64:ubuntu@24.04", `target "linux-amd64:ubuntu@24.04" is not os/arch[/variant] (did you mean "linux/amd64:ubuntu@24.04"?)`},
		{"linux/arm/v7/x", `target "linux/arm/v7/x" is not os/arch[/variant]`},
		{"linux /amd64", `target "linux /amd64" is not os/arch[/variant]`},
		{" linux/amd64", `target " linux/amd64" is not os/arch[/variant]`},
		{":ubuntu@24.04", `target ":ubuntu@24.04" is not os/arch[/variant]`},
		{"linux/", `target "linux/" has an empty part`},
		{"/amd64", `target "/amd64" has an empty part`},
		{"linux//v7", `target "linux//v7" has an empty part`},
		{"linux/arm/", `target "linux/arm/" has an empty part`},
		{"linx/amd64", `target "linx/amd64": unknown os "linx" (did you mean "linux"?)`},
		{"linux/amd46", `target "linux/amd46": unknown arch "amd46" (did you mean "amd64"?)`},
		{"linux/armv6", `target "linux/armv6": unknown arch "armv6" (did you mean "arm" with variant "v6"?)`},
		{"linux/arm64v8", `target "linux/arm64v8": unknown arch "arm64v8" (did you mean "arm64"?)`},
		{"linux/quantum", `target "linux/quantum": unknown arch "quantum"`},
		{"linux/arm/v77", `target "linux/arm/v77": unknown variant "v77" of arm (did you mean "v7"?)`},
		{"linux/amd64/v8", `target "linux/amd64/v8": unknown variant "v8" of amd64`},
		{"linux/mips/.x", `target "linux/mips/.x": variant ".x" may contain only letters, digits and . _ + ~ -`},
		{"linux/amd64:", `target "linux/amd64:": distro "" is not name@version`},
		{"linux/amd64:ubuntu", `target "linux/amd64:ubuntu": distro "ubuntu" is not name@version`},
		{"linux/amd64:@22.04", `target "linux/amd64:@22.04": distro "@22.04" is not name@version`},
		{"linux/amd64:ubuntu@", `target "linux/amd64:ubuntu@": a distro is name@version`},
		{"linux/amd64:ubuntu@22.04,", `target "linux/amd64:ubuntu@22.04,": a distro is name@version`},
		{"linux/amd64:ubuntu@22.04@", `target "linux/amd64:ubuntu@22.04@": a distro is name@version`},
		{"linux/amd64:ubuntu@22.04;", `target "linux/amd64:ubuntu@22.04;": distro "" is not name@version`},
		{"linux/amd64:ubuntu@22 04", `target "linux/amd64:ubuntu@22 04": distro "ubuntu@22 04" may contain only letters, digits and . _ + ~ -`},
		{"linux/amd64:../x@1", `target "linux/amd64:../x@1": distro "../x@1" may contain only letters, digits and . _ + ~ -`},
	}
	for _, tt := range tests {
		_, err := ParseTarget(tt.in)
		want := tt.want
		switch { // what is misspelt is not a matter of syntax
		case strings.HasSuffix(want, "unknown arch \"quantum\""):
			want += "\n  supported: " + strings.Join(extension.KnownArch(), ", ")
		case strings.HasSuffix(want, "of amd64"):
			want += "\n  supported: v1, v2, v3, v4"
		case !strings.Contains(want, "did you mean") && !strings.Contains(want, "unknown ") && !strings.Contains(want, "variant \""):
			want += "\n  " + targetHint
		}
		if err == nil || diag.Text(err) != want {
			t.Errorf("%q:\ngot  %v\nwant %s", tt.in, err, want)
		}
		if !diag.IsInvalid(err) {
			t.Errorf("%q: %T is not a *diag.InvalidError", tt.in, err)
		}
	}
	for _, in := range []string{"linux/*", "*/amd64", "linux/a+b", "linux/mips/hard+float", "lin\nux/amd64", "linux/am\x00d64"} {
		_, err := ParseTarget(in)
		if want := "os, arch and variant may contain only letters, digits and . _ -"; !diag.IsInvalid(err) || !strings.Contains(diag.Text(err), want) {
			t.Errorf("%q: got %v, want a *diag.InvalidError with %q", in, err, want)
		}
	}
	// buildx's --platform takes a list, so people try one here.
	_, err := ParseTarget("linux/amd64,linux/arm64")
	if want := "target \"linux/amd64,linux/arm64\" names several platforms\n  repeat --target for each"; err == nil || diag.Text(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEqualLeavesOutTheOSVersion(t *testing.T) {
	a := Of(extension.Target{OS: "linux", Arch: "arm"})
	b := Of(extension.Target{OS: "linux", Arch: "arm", Variant: "v7"})
	if b.OSVersion = "1"; !Equal(a, b) || IsZero(a) {
		t.Errorf("%v and %v: want them equal and not zero", a, b)
	}
	if Equal(a, Of(extension.Target{OS: "linux", Arch: "arm", Variant: "v6"})) {
		t.Error("arm and arm/v6 are equal")
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{
		"linux/amd64", "linux/arm/v7:ubuntu@22.04,24.04;debian@12", "macos/aarch64", "windows(1.2+x)/amd64",
		"linux/mips/softfloat", "//", ":", "linux/amd64:@", "linux/arm64/v9.0", "a/b/c/d",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := ParseTarget(s)
		if err != nil {
			if !diag.IsInvalid(err) || !reflect.DeepEqual(target, extension.Target{}) {
				t.Fatalf("%q: %+v with %v", s, target, err)
			}
			return
		}
		p := Of(target)
		// Every builder reads back what is written for it.
		back, err := platforms.Parse(Format(p))
		if err != nil || !Equal(platforms.Normalize(back), p) {
			t.Errorf("%q formats as %q, which is read as %v, %v", s, Format(p), back, err)
		}
		// What is printed of a target means the same target.
		spec, sep := Format(p), ":"
		for _, d := range target.Distros {
			if strings.ContainsAny(d.String(), "/ ;,\n") {
				t.Errorf("%q: distro %q", s, d)
			}
			spec, sep = spec+sep+d.String(), ";"
		}
		again, err := ParseTarget(spec)
		if err != nil || !Equal(Of(again), p) || !reflect.DeepEqual(again.Distros, target.Distros) {
			t.Errorf("%q is %q, which is read as %+v, %v", s, spec, again, err)
		}
	})
}
