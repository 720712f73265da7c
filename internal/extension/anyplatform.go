package extension

import v1 "github.com/opencontainers/image-spec/specs-go/v1"

// ForAnyPlatform reports whether an image of an extension is for any platform:
// it is not listed for a platform, and its manifest is annotated or, as in the
// packages that pack builds by default, its config has no architecture.
func ForAnyPlatform(desc v1.Descriptor, manifest v1.Manifest, config v1.Image) bool {
	if p := desc.Platform; p != nil && p.Architecture != "" {
		return false
	}
	return manifest.Annotations[AnnotationPlatform] == AnyPlatform || LacksArchitecture(config)
}

// AnyPlatformName is the name of an image for any platform in messages and
// tables, which selects it too.
const AnyPlatformName = "any platform"

// LacksArchitecture reports whether a config has no architecture, as pack
// writes it for a package without targets. OCI does not allow that.
func LacksArchitecture(config v1.Image) bool {
	return config.Architecture == "" && config.Config.Labels[LabelLayers] != ""
}
