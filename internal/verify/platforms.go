package verify

import (
	"slices"
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// keyOf returns the identity for a platform without a distro.
func keyOf(p v1.Platform) platform.Identity { return platform.NewIdentity(p, extension.Distro{}) }

// normalize returns a platform without an os unchanged. containerd would use
// the os of this machine.
func normalize(p v1.Platform) v1.Platform {
	if p.OS == "" {
		return p
	}
	return platforms.Normalize(p)
}

// checkPromise checks that the images are for different platforms and, when
// there is a promise, exactly for the promised ones.
func (c *checker) checkPromise(p *pkg) {
	seen := map[platform.Identity]bool{}
	for _, i := range p.images {
		if platform.IsZero(i.platform) {
			continue // it has no platform, which was reported
		}
		if seen[i.id] {
			c.report(idPlatformDuplicate, i, i.desc.Digest.String(), "more than one image is for %s", i.name)
		}
		seen[i.id] = true
		if i.listed && i.desc.Platform == nil && (!i.any || len(p.images) > 1) {
			c.report(idPlatformUnnamed, i, i.desc.Digest.String(), "the index lists the image without a platform; readers treat it as linux/amd64")
		}
	}
	if c.opts.Promise == nil {
		return
	}

	has := make([]platform.Identity, len(p.images))
	for n, i := range p.images {
		has[n] = keyOf(i.platform)
	}
	keys := map[platform.Identity]int{}
	for _, want := range c.opts.Promise.Images {
		keys[keyOf(want.Platform)]++
	}
	c.checkBuilders(p)
	matched := map[*image]bool{}
	for _, want := range c.opts.Promise.Images {
		found, key := false, keyOf(want.Platform)
		for n, i := range p.images {
			if want.matches(i, key, has[n], keys[key] == 1) {
				found, matched[i] = true, true
			}
			if found && platform.IsZero(want.Platform) {
				break // any one platform, not all of them
			}
		}
		if !found {
			name := platform.NewIdentity(want.Platform, extension.Distro{Name: want.DistroName, Version: want.DistroVersion}).String()
			if want.Any {
				name = extension.AnyPlatformName
			}
			c.report(idPlatformMissing, nil, "", "%s is expected, but no image is for it", name)
		}
	}
	for _, i := range p.images {
		if !matched[i] && !platform.IsZero(i.platform) {
			c.report(idPlatformUnexpected, i, i.desc.Digest.String(), "an image is for %s, which is not expected", i.name)
		}
	}
}

// Expected returns the platforms of common builder images.
func Expected() []string { return []string{"linux/amd64", "linux/arm64"} }

// checkBuilders warns of an image whose platform was chosen by the builder.
func (c *checker) checkBuilders(p *pkg) {
	if len(p.images) != 1 || !slices.ContainsFunc(c.opts.Promise.Images, func(want PromisedImage) bool { return want.Builders }) {
		return
	}
	missing := slices.DeleteFunc(Expected(), func(name string) bool { return name == p.images[0].name })
	c.report(idPlatformBuilder, p.images[0], "", "no target names a platform, so the build stage was built only for that of the builder; missing: %s", strings.Join(missing, ", "))
}

// matches reports whether i may be the promised image; key and has are their
// platforms. If alone is set, no other promised image has the same platform, so
// the image may lack the distro; it does not match if it has another one.
func (want PromisedImage) matches(i *image, key, has platform.Identity, alone bool) bool {
	if want.Any != i.any {
		return false
	}
	if platform.IsZero(want.Platform) {
		return true
	}
	if has != key {
		return false
	}
	distro := i.id.Distro
	if want.DistroName == "" || alone && distro.Name == "" {
		return true
	}
	return distro.Name == want.DistroName && distro.Version == want.DistroVersion
}

// checkPlatforms checks that platforms are normalized, and that config and
// descriptor agree: registries and indexes use the descriptor, engines that
// load an image use the config.
func (c *checker) checkPlatforms(p *pkg) {
	for _, i := range p.images {
		c.checkSpelling(i)
		if i.config == nil || i.desc.Platform == nil || i.madeForAny() || keyOf(i.config.Platform) == keyOf(*i.desc.Platform) {
			continue
		}
		c.report(idConfigPlatform, i, i.manifest.Config.Digest.String(), "the config is for %s, but the index lists the image for %s",
			keyOf(i.config.Platform), keyOf(*i.desc.Platform))
	}
}

// madeForAny reports whether the image, which an index lists for a platform,
// was built for any platform, so that its config does not matter.
func (i *image) madeForAny() bool {
	return extension.ForAnyPlatform(v1.Descriptor{}, *i.manifest, *i.config)
}

// checkSpelling checks that a platform is one that readers may request, because
// they compare os and architecture exactly.
func (c *checker) checkSpelling(i *image) {
	if i.config == nil && i.desc.Platform == nil {
		return // no platform could be read
	}
	if i.any && extension.LacksArchitecture(*i.config) {
		c.report(idPlatformAny, i, i.manifest.Config.Digest.String(), "the config has no architecture, as in packages that pack builds by default; readers of extensions treat the image as one for any platform")
		return
	}
	spelled := extension.Target{OS: i.platform.OS, Arch: i.platform.Architecture, Variant: i.platform.Variant}
	if err := extension.CheckPlatform(spelled); err != nil {
		c.report(idPlatformUnknown, i, i.desc.Digest.String(), "the image is for a platform with the %v", err)
	}
}

// checkTargets checks that there is an image for every target in the labels. It
// is skipped if there is a promise, because building a subset of the targets is
// allowed.
func (c *checker) checkTargets(p *pkg) {
	if c.opts.Promise != nil {
		return
	}
	seen, looked := map[string]bool{}, map[*extension.Target]bool{}
	for _, labelled := range p.images {
		if labelled.labels == nil || len(labelled.labels.targets) == 0 {
			continue
		}
		first := &labelled.labels.targets[0]
		if looked[first] {
			continue // the same label
		}
		looked[first] = true
		for _, t := range labelled.labels.targets {
			distros := t.Distros
			if len(distros) == 0 {
				distros = []extension.Distro{{}}
			}
			for _, d := range distros {
				name := platform.NewIdentity(platform.Of(t), d).String()
				if t.OS == "" || t.Arch == "" || seen[name] {
					continue
				}
				seen[name] = true
				want := normalize(platform.Of(t))
				if !slices.ContainsFunc(p.images, func(i *image) bool { return i.serves(want, t.Variant != "", d) }) {
					c.report(idTargetMissing, nil, "", "%s is a target of the extension, but no image is for it", name)
				}
			}
		}
	}
}

// serves reports whether the image is for the platform of a target, which may
// name a variant, and one of its distros. An image without a distro is for all of
// them.
func (i *image) serves(want v1.Platform, variant bool, d extension.Distro) bool {
	if i.id.OS != want.OS || i.id.Architecture != want.Architecture || variant && i.id.Variant != want.Variant {
		return false
	}
	distro, version := i.desc.Annotations[extension.AnnotationDistroName], i.desc.Annotations[extension.AnnotationDistroVersion]
	if version == "" {
		version = i.platform.OSVersion
	}
	return (distro == "" || d.Name == "" || distro == d.Name) && (version == "" || d.Version == "" || version == d.Version)
}
