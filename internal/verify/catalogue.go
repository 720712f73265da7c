package verify

import (
	"maps"
	"slices"
	"strings"
)

// CheckInfo describes a check.
type CheckInfo struct {
	// ID is stable: scripts may rely on it.
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Summary is what holds when the check passes, in one sentence.
	Summary string `json:"summary"`

	hint string
}

// Checks gives all checks, sorted by ID.
func Checks() []CheckInfo {
	return slices.SortedFunc(maps.Values(catalogue), func(a, b CheckInfo) int { return strings.Compare(a.ID, b.ID) })
}

const (
	idContent              = "content"
	idMediaType            = "media-type"
	idNoImage              = "no-image"
	idPlatformMissing      = "platform-missing"
	idPlatformDuplicate    = "platform-duplicate"
	idPlatformUnexpected   = "platform-unexpected"
	idPlatformUnnamed      = "platform-unnamed"
	idConfigPlatform       = "config-platform"
	idAttestationReference = "attestation-reference"
	idLabelMissing         = "label-missing"
	idLabelInvalid         = "label-invalid"
	idLabelSingle          = "label-single"
	idLabelMismatch        = "label-mismatch"
	idAPIInvalid           = "api-invalid"
	idAPIUnsupported       = "api-unsupported"
	idLayerCount           = "layer-count"
	idLayerFormat          = "layer-format"
	idLayerBomb            = "layer-bomb"
	idDiffIDUnlisted       = "diffid-unlisted"
	idDiffIDMismatch       = "diffid-mismatch"
	idDescriptorMissing    = "descriptor-missing"
	idDescriptorInvalid    = "descriptor-invalid"
	idDescriptorMismatch   = "descriptor-mismatch"
	idEntryPoint           = "entry-point"
	idBinaryPlatform       = "binary-platform"
	idPathUnsafe           = "path-unsafe"
	idPathAbsolute         = "path-absolute"
	idPathOutside          = "path-outside"
	idPathDuplicate        = "path-duplicate"
	idFileType             = "file-type"
	idFileSetID            = "file-setid"
	idFileWritable         = "file-writable"
	idLinkOutside          = "link-outside"
)

const (
	hintRebuild  = "build the package again"
	hintAnnotate = "annotate the package, or build it again"
)

var catalogue = byID(
	CheckInfo{idContent, Error, "Indexes, manifests, configs and layers can be read and have the digest and size their descriptors say.", hintRebuild},
	CheckInfo{idMediaType, Error, "Media types are ones that readers of images know, and documents agree with their descriptors.", ""},
	CheckInfo{idNoImage, Error, "The package holds an image.", ""},
	CheckInfo{idPlatformMissing, Error, "Every promised platform has its image.", "readers on that platform would get an empty image: build it too, or do not promise it"},
	CheckInfo{idPlatformDuplicate, Error, "No two images are for the same platform.", "readers take the first one: remove the other"},
	CheckInfo{idPlatformUnexpected, Error, "No image is for a platform that was not promised.", ""},
	CheckInfo{idPlatformUnnamed, Warning, "Every image in an index has a platform; without one, readers take it for linux/amd64.", hintAnnotate},
	CheckInfo{idConfigPlatform, Error, "The platform in an image's config is the one its descriptor names.", hintRebuild},
	CheckInfo{idAttestationReference, Error, "Every attestation is about an image of the package.", "annotate the package again: an image changed after it was attested"},
	CheckInfo{idLabelMissing, Error, "The image has the labels io.buildpacks.buildpackage.metadata and io.buildpacks.extension.layers.", hintAnnotate},
	CheckInfo{idLabelInvalid, Error, "The labels are JSON of the form that pack reads.", hintAnnotate},
	CheckInfo{idLabelSingle, Error, "The layers label names one extension in one version.", "pack extension packages of one extension each"},
	CheckInfo{idLabelMismatch, Error, "Both labels of all images name the same extension and version, the promised ones.", hintAnnotate},
	CheckInfo{idAPIInvalid, Error, "The layers label has an api of the form MAJOR.MINOR.", hintAnnotate},
	CheckInfo{idAPIUnsupported, Warning, "The api is one that lifecycles support, 0.7 to 0.12.", ""},
	CheckInfo{idLayerCount, Error, "The config has one diffID for each layer.", hintRebuild},
	CheckInfo{idLayerFormat, Error, "Layers are tar files, compressed as their media type says.", hintRebuild},
	CheckInfo{idLayerBomb, Error, "Layers do not expand beyond what their size makes plausible.", ""},
	CheckInfo{idDiffIDUnlisted, Error, "The layerDiffID of the layers label is one of the config's diffIDs.", hintAnnotate},
	CheckInfo{idDiffIDMismatch, Error, "The digest of each uncompressed layer is its diffID.", hintRebuild},
	CheckInfo{idDescriptorMissing, Error, "The layer holds the extension.toml where readers look for it.", hintRebuild},
	CheckInfo{idDescriptorInvalid, Error, "The extension.toml is a regular file of valid TOML, at most 1 MiB long.", hintRebuild},
	CheckInfo{idDescriptorMismatch, Error, "The extension.toml has the id, version and api that the label says.", hintAnnotate},
	CheckInfo{idEntryPoint, Error, "bin/detect and bin/generate, if present, are executable files.", "chmod 0755 the file and build again"},
	CheckInfo{idBinaryPlatform, Error, "Executables and shared objects are built for the platform of their image.", "compile it for this platform and put each platform's files into its own platform root, such as linux/arm64/; --allow-platform-mismatch lets it pass"},
	CheckInfo{idPathUnsafe, Error, "No path in the layer has \"..\" in it.", ""},
	CheckInfo{idPathAbsolute, Warning, "Paths in the layer are relative, as the OCI layer format asks; pack writes absolute ones and readers take both.", ""},
	CheckInfo{idPathOutside, Error, "The layer holds nothing outside the extension's directory.", hintRebuild},
	CheckInfo{idPathDuplicate, Error, "No path is in the layer twice.", hintRebuild},
	CheckInfo{idFileType, Error, "The layer holds files, directories and links only, no device nodes, FIFOs or sockets.", ""},
	CheckInfo{idFileSetID, Error, "No file is setuid or setgid or has capabilities.", "remove the bits and build again"},
	CheckInfo{idFileWritable, Error, "Nothing is writable by everyone.", "chmod o-w the file and build again"},
	CheckInfo{idLinkOutside, Error, "Symlinks and hard links stay inside the extension's directory.", "copy the file into the extension, or link to it relative to the link"},
)

func byID(checks ...CheckInfo) map[string]CheckInfo {
	m := make(map[string]CheckInfo, len(checks))
	for _, c := range checks {
		m[c.ID] = c
	}
	return m
}
