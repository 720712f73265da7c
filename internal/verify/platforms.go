package verify

import (
	"slices"

	"github.com/containerd/platforms"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// platformKey is what tells images apart, the distro excepted.
type platformKey struct{ os, arch, variant, version string }

// keyOf normalises, since linux/arm64 and linux/arm64/v8 are one platform.
func keyOf(p v1.Platform) platformKey {
	n := normalize(p)
	return platformKey{n.OS, n.Architecture, n.Variant, p.OSVersion}
}

// normalize leaves a platform without an os alone, where containerd would fill
// in this machine's.
func normalize(p v1.Platform) v1.Platform {
	if p.OS == "" {
		return p
	}
	return platforms.Normalize(p)
}

// identity is a platformKey with the distro that tells equal ones apart.
type identity struct {
	platformKey
	distro, distroVersion string
}

func (i *image) identity() identity {
	return identity{keyOf(i.platform), i.desc.Annotations[annotationDistroName], i.desc.Annotations[annotationDistroVersion]}
}

// checkPromise checks that the images are for different platforms and, when
// there is a promise, exactly for the promised ones.
func (c *checker) checkPromise(p *pkg) {
	seen := map[identity]bool{}
	for _, i := range p.images {
		if platform.IsZero(i.platform) {
			continue // nothing names it; why was reported
		}
		id := i.identity()
		if seen[id] {
			c.report(idPlatformDuplicate, i, i.desc.Digest.String(), "more than one image is for %s", i.name)
		}
		seen[id] = true
		if i.listed && i.desc.Platform == nil {
			c.report(idPlatformUnnamed, i, i.desc.Digest.String(), "the index lists the image without a platform; readers take it for linux/amd64")
		}
	}
	if c.opts.Promise == nil {
		return
	}

	keys := map[platformKey]int{}
	for _, want := range c.opts.Promise.Images {
		keys[keyOf(want.Platform)]++
	}
	matched := map[*image]bool{}
	for _, want := range c.opts.Promise.Images {
		found := false
		for _, i := range p.images {
			if want.matches(i, keys[keyOf(want.Platform)] == 1) {
				found, matched[i] = true, true
			}
			if found && platform.IsZero(want.Platform) {
				break // any one platform, not all of them
			}
		}
		if !found {
			name := imageName(want.Platform, want.DistroName, want.DistroVersion)
			c.report(idPlatformMissing, nil, "", "%s was promised, but no image is for it", name)
		}
	}
	for _, i := range p.images {
		if !matched[i] && !platform.IsZero(i.platform) {
			c.report(idPlatformUnexpected, i, i.desc.Digest.String(), "an image is for %s, which was not promised", i.name)
		}
	}
}

// matches reports whether i may be the promised image. alone is whether no
// other promised image has the same platform, so that the distro need not tell
// them apart; yet an image that names another distro is not the one.
func (want PromisedImage) matches(i *image, alone bool) bool {
	if platform.IsZero(want.Platform) {
		return true
	}
	got := i.identity()
	if got.platformKey != keyOf(want.Platform) {
		return false
	}
	if want.DistroName == "" || alone && got.distro == "" {
		return true
	}
	return got.distro == want.DistroName && got.distroVersion == want.DistroVersion
}

// checkPlatforms checks that platforms are spelled as they should be and that
// config and descriptor agree: registries and indexes go by the descriptor,
// engines that load an image by the config.
func (c *checker) checkPlatforms(p *pkg) {
	for _, i := range p.images {
		c.checkSpelling(i)
		if i.config == nil || i.desc.Platform == nil || keyOf(i.config.Platform) == keyOf(*i.desc.Platform) {
			continue
		}
		c.report(idConfigPlatform, i, i.manifest.Config.Digest.String(), "the config is for %s, but the index lists the image for %s",
			imageName(i.config.Platform, "", ""), imageName(*i.desc.Platform, "", ""))
	}
}

// checkSpelling checks that a platform is one that readers may ask for; they
// compare os and architecture letter by letter.
func (c *checker) checkSpelling(i *image) {
	if i.config == nil && i.desc.Platform == nil {
		return // nothing was read that would name it
	}
	spelled := extension.Target{OS: i.platform.OS, Arch: i.platform.Architecture, Variant: i.platform.Variant}
	if err := extension.CheckPlatform(spelled); err != nil {
		c.report(idPlatformUnknown, i, i.desc.Digest.String(), "the image is for a platform with the %v", err)
	}
}

// checkTargets checks that there is an image for every target that the labels
// list. Where there is a promise, that says it better: building for some of the
// targets only is allowed.
func (c *checker) checkTargets(p *pkg) {
	if c.opts.Promise != nil {
		return
	}
	seen := map[string]bool{}
	for _, labelled := range p.images {
		if labelled.labels == nil {
			continue
		}
		for _, t := range labelled.labels.targets {
			distros := t.Distros
			if len(distros) == 0 {
				distros = []extension.Distro{{}}
			}
			for _, d := range distros {
				name := imageName(v1.Platform{OS: t.OS, Architecture: t.Arch, Variant: t.Variant}, d.Name, d.Version)
				if t.OS == "" || t.Arch == "" || seen[name] {
					continue
				}
				seen[name] = true
				if !slices.ContainsFunc(p.images, func(i *image) bool { return i.serves(t, d) }) {
					c.report(idTargetMissing, nil, "", "%s is a target of the extension, but no image is for it", name)
				}
			}
		}
	}
}

// serves reports whether the image is for a target and one of its distros. An
// image that names no distro is for all of them.
func (i *image) serves(t extension.Target, d extension.Distro) bool {
	want := normalize(v1.Platform{OS: t.OS, Architecture: t.Arch, Variant: t.Variant})
	got := normalize(i.platform)
	if got.OS != want.OS || got.Architecture != want.Architecture || t.Variant != "" && got.Variant != want.Variant {
		return false
	}
	distro, version := i.desc.Annotations[annotationDistroName], i.desc.Annotations[annotationDistroVersion]
	if version == "" {
		version = i.platform.OSVersion
	}
	return (distro == "" || d.Name == "" || distro == d.Name) && (version == "" || d.Version == "" || version == d.Version)
}
