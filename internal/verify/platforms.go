package verify

import (
	"github.com/containerd/platforms"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

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

// checkConfigPlatforms checks that config and descriptor agree: registries and
// indexes go by the descriptor, engines that load an image by the config.
func (c *checker) checkConfigPlatforms(p *pkg) {
	for _, i := range p.images {
		if i.config == nil || i.desc.Platform == nil || keyOf(i.config.Platform) == keyOf(*i.desc.Platform) {
			continue
		}
		c.report(idConfigPlatform, i, i.manifest.Config.Digest.String(), "the config is for %s, but the index lists the image for %s",
			imageName(i.config.Platform, "", ""), imageName(*i.desc.Platform, "", ""))
	}
}
