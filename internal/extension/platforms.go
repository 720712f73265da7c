package extension

import (
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"

	"github.com/extpack/extpack/internal/lazyregexp"
)

// goPlatforms are the platforms of Go 1.26. Source: "go tool dist list". The
// values of os and architecture in the OCI Image Specification are those of Go.
var goPlatforms = strings.Fields(`
	aix/ppc64 android/386 android/amd64 android/arm android/arm64 darwin/amd64
	darwin/arm64 dragonfly/amd64 freebsd/386 freebsd/amd64 freebsd/arm
	freebsd/arm64 illumos/amd64 ios/amd64 ios/arm64 js/wasm linux/386
	linux/amd64 linux/arm linux/arm64 linux/loong64 linux/mips linux/mips64
	linux/mips64le linux/mipsle linux/ppc64 linux/ppc64le linux/riscv64
	linux/s390x netbsd/386 netbsd/amd64 netbsd/arm netbsd/arm64 openbsd/386
	openbsd/amd64 openbsd/arm openbsd/arm64 openbsd/ppc64 openbsd/riscv64
	plan9/386 plan9/amd64 plan9/arm solaris/amd64 wasip1/wasm windows/386
	windows/amd64 windows/arm64`)

var knownOS, knownArch = splitPlatforms()

// knownVariants are the variants of an architecture. Sources: OCI Image
// Specification, "Platform Variants", and GOAMD64 and GOARM64 of Go 1.26.
var knownVariants = map[string][]string{
	"amd64": {"v1", "v2", "v3", "v4"},
	"arm":   {"v5", "v6", "v7", "v8"},
	"arm64": strings.Fields(`v8 v8.0 v8.1 v8.2 v8.3 v8.4 v8.5 v8.6 v8.7 v8.8 v8.9
		v9 v9.0 v9.1 v9.2 v9.3 v9.4 v9.5 v9.6 v9.7`),
}

func splitPlatforms() (oses, arches []string) {
	for _, p := range goPlatforms {
		os, arch, _ := strings.Cut(p, "/")
		oses, arches = append(oses, os), append(arches, arch)
	}
	slices.Sort(arches)
	return slices.Compact(oses), slices.Compact(arches)
}

// normalize returns the form of a platform that builders compare: "arm" is
// "arm/v7".
func normalize(os, arch, variant string) platforms.Platform {
	return platforms.Normalize(platforms.Platform{OS: os, Architecture: arch, Variant: variant})
}

// suggestOS and suggestArch try aliases of a platform, which may be spelled
// very differently, before they try typos.
func suggestOS(os string) string {
	if alias := osAlias(os); alias != "" {
		return didYouMean(alias)
	}
	return suggest(os, knownOS)
}

// osAlias returns the known operating system that os is an alias of.
func osAlias(os string) string {
	// An empty os would be normalized to that of this machine.
	if alias := normalize(os, "", "").OS; os != "" && slices.Contains(knownOS, alias) {
		return alias
	}
	return ""
}

// archAlias returns the known architecture that arch is an alias of, unless it
// includes a variant.
func archAlias(arch string) string {
	if alias := normalize("linux", arch, ""); slices.Contains(knownArch, alias.Architecture) && alias.Architecture != "arm" {
		return alias.Architecture
	}
	return ""
}

// armVersion matches names such as armv7, armv7l, arm32v6 and arm64v8.
var armVersion = lazyregexp.New(`^arm(32|64)?v([5-9])[hl]?$`)

// GuessArch returns the platform that is meant by a name of an architecture, which
// may be an alias or include a variant: x86_64, armhf, armv7, arm64v8.
func GuessArch(os, name string) (platforms.Platform, bool) {
	name = strings.ToLower(name)
	p := normalize(os, name, "")
	if m := armVersion.Get().FindStringSubmatch(name); m != nil {
		p = normalize(os, strings.TrimSuffix("arm"+m[1], "32"), "v"+m[2])
	}
	return p, slices.Contains(knownArch, p.Architecture)
}

func suggestArch(arch string) string {
	alias, ok := GuessArch("linux", arch)
	switch {
	case !ok:
		return suggest(arch, knownArch)
	case alias.Variant != "" && !strings.EqualFold(arch, alias.Architecture):
		return fmt.Sprintf(" (did you mean %q with variant %q?)", alias.Architecture, alias.Variant)
	}
	return didYouMean(alias.Architecture)
}
