package extension

import v1 "github.com/opencontainers/image-spec/specs-go/v1"

// ForAnyPlatform reports whether an image of an extension is for any platform:
// nothing lists it under one, and its manifest says so or, as in the packages
// that pack makes by default, its config leaves the architecture out.
func ForAnyPlatform(desc v1.Descriptor, manifest v1.Manifest, config v1.Image) bool {
	if p := desc.Platform; p != nil && p.Architecture != "" {
		return false
	}
	return manifest.Annotations[AnnotationPlatform] == AnyPlatform || LacksArchitecture(config)
}

// LacksArchitecture reports whether the config is one as pack writes it for a
// package without targets, which OCI does not allow.
func LacksArchitecture(config v1.Image) bool {
	return config.Architecture == "" && config.Config.Labels[LabelLayers] != ""
}
