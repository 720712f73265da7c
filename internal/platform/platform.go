// Package platform parses and normalizes targets and image identities, and
// finds the platform roots: the folders with the files of a platform.
//
// It works on one target at a time. Package plan decides which targets of an
// extension are built.
package platform

import (
	"fmt"
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lazyregexp"
)

const targetHint = "write it as os/arch[/variant][:distro@version[,version...]], for example linux/arm/v7 or linux/amd64:ubuntu@22.04,24.04"

// ParseTarget parses a target:
// os/arch[/variant][:distro@version[,version…][;distro@version…]]. Versions may
// also be separated by "@", as in pack's name@version1@version2. Aliases
// (x86_64, aarch64, arm64/v8) are normalized as in containerd. ParseTarget
// returns a [*diag.InvalidError], which names the closest spelling for an
// unknown os or arch.
//
// An os.version as [ParseIdentity] accepts it, such as "windows/amd64
// (os.version 10.0.17763)" or "windows(10.0.17763)/amd64", is left out:
// extensions do not depend on it.
func ParseTarget(s string) (extension.Target, error) {
	spec, distros, hasDistros := strings.Cut(withoutVersion(s), ":")
	fields := strings.Split(spec, "/")
	if strings.Contains(spec, ",") {
		return extension.Target{}, diag.WithHint(diag.Invalidf("target %q names several platforms", s), "repeat --target for each")
	}
	if p, ok := otherLayout(spec); ok && len(fields) == 1 {
		return extension.Target{}, diag.Invalidf("target %q is not os/arch[/variant] (did you mean %q?)", s, Format(p)+strings.TrimPrefix(s, spec))
	}
	if len(fields) < 2 || len(fields) > 3 || strings.Contains(spec, " ") {
		return extension.Target{}, diag.WithHint(diag.Invalidf("target %q is not os/arch[/variant]", s), targetHint)
	}
	for _, f := range fields {
		if f == "" {
			return extension.Target{}, diag.WithHint(diag.Invalidf("target %q has an empty part", s), targetHint)
		}
	}
	// Parse would accept "linux" and use the architecture of this machine, so
	// only pass complete specifiers to it.
	p, err := platforms.Parse(spec)
	if err != nil {
		return extension.Target{}, diag.WithHint(diag.Invalidf("target %q: os, arch and variant may contain only letters, digits and . _ -", s), targetHint)
	}
	t := extension.Target{OS: p.OS, Arch: p.Architecture, Variant: p.Variant}
	if err := extension.CheckPlatform(t); err != nil {
		return extension.Target{}, diag.WithHint(diag.Invalidf("target %q: %v", s, err), extension.PlatformHint(t))
	}
	if hasDistros {
		if t.Distros, err = parseDistros(distros); err != nil {
			return extension.Target{}, diag.WithHint(diag.Invalidf("target %q: %v", s, err), targetHint)
		}
	}
	return t, nil
}

func parseDistros(s string) ([]extension.Distro, error) {
	var distros []extension.Distro
	for part := range strings.SplitSeq(s, ";") {
		name, versions, ok := strings.Cut(part, "@")
		if !ok || name == "" {
			return nil, fmt.Errorf("distro %q is not name@version", part)
		}
		// pack separates versions by "@".
		for version := range strings.SplitSeq(strings.ReplaceAll(versions, "@", ","), ",") {
			d := extension.Distro{Name: name, Version: version}
			if err := extension.CheckDistro(d); err != nil {
				return nil, err
			}
			distros = append(distros, d)
		}
	}
	return distros, nil
}

// Of returns the platform of a target, normalized as in containerd and
// BuildKit: the default variant is omitted for arm64 (v8) and added for arm
// (v7).
func Of(t extension.Target) v1.Platform {
	p := platforms.Normalize(v1.Platform{OS: t.OS, Architecture: t.Arch, Variant: t.Variant})
	return v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}

// Format returns "os/arch[/variant]", the form that buildx accepts and prints.
func Format(p v1.Platform) string {
	return platforms.Format(v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant})
}

// IsZero reports whether p is the zero platform, which means that of the
// builder.
func IsZero(p v1.Platform) bool { return p.OS == "" && p.Architecture == "" }

// Equal reports whether two normalized platforms are equal except for
// os.version.
func Equal(a, b v1.Platform) bool { return KeyOf(a) == KeyOf(b) }

// Key identifies a platform in maps. Platforms that are [Equal] have the same
// key.
type Key struct{ OS, Architecture, Variant string }

// KeyOf returns the key of a normalized platform.
func KeyOf(p v1.Platform) Key { return Key{p.OS, p.Architecture, p.Variant} }

// The os.version in the output of [Identity.String], and in the older form.
var (
	osVersion    = lazyregexp.New(` \(os\.version [^)]+\)$`)
	oldOSVersion = lazyregexp.New(`^([^/(:]+)\([^)]*\)/`)
)

// withoutVersion returns a spelling of an identity without its os.version.
func withoutVersion(s string) string {
	return oldOSVersion.Get().ReplaceAllString(osVersion.Get().ReplaceAllString(s, ""), "$1/")
}
