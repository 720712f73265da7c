package verify

import (
	"maps"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/rules"
)

// CheckInfo describes a check.
type CheckInfo struct {
	// ID is stable: scripts may rely on it.
	ID string `json:"id"`
	// Severity is "error", "warning" or "note".
	Severity Severity `json:"severity"`
	// Summary is the requirement, in one sentence.
	Summary string `json:"summary"`

	hint  string
	needs need
}

// need is what a check requires.
type need int

const (
	needsNothing need = iota
	// needsLayers checks read files or other blobs.
	needsLayers
	// needsPromise and needsNoPromise checks compare the images with the plan,
	// or without one, with the labels.
	needsPromise
	needsNoPromise
)

// runs reports whether a check runs with the options.
func (c CheckInfo) runs(opts Options) bool {
	switch c.needs {
	case needsLayers:
		return !opts.NoLayers
	case needsPromise:
		return opts.Promise != nil
	case needsNoPromise:
		return opts.Promise == nil
	}
	return true
}

// Hint is the hint for findings of the check. It is optional.
func (c CheckInfo) Hint() string { return c.hint }

// Checks returns all checks, sorted by ID: those of packages, and the rules that
// hold for the files in their layers.
func Checks() []CheckInfo {
	all := slices.Collect(maps.Values(catalogue))
	for _, r := range rules.All() {
		if _, both := catalogue[r.ID]; both || r.Online || r.Run || r.Directory || r.Advice || r.Severity == diag.Note {
			continue
		}
		all = append(all, CheckInfo{r.ID, Severity(r.Severity.String()), r.Summary, r.Fix, needsLayers})
	}
	return slices.SortedFunc(slices.Values(all), func(a, b CheckInfo) int { return strings.Compare(a.ID, b.ID) })
}

const (
	idContent              = "content"
	idMediaType            = "media-type"
	idNoImage              = "no-image"
	idPlatformMissing      = "platform-missing"
	idPlatformDuplicate    = "platform-duplicate"
	idPlatformUnexpected   = "platform-unexpected"
	idPlatformUnnamed      = "platform-unnamed"
	idPlatformUnknown      = "platform-unknown"
	idPlatformAny          = "platform-any"
	idPlatformBuilder      = "platform-builder"
	idTargetMissing        = "target-missing"
	idConfigPlatform       = "config-platform"
	idAttestationReference = "attestation-reference"
	idAttestationSubject   = "attestation-subject"
	idAttestationUnnamed   = "attestation-unnamed"
	idAnnotationMissing    = "annotation-missing"
	idAnnotationMismatch   = "annotation-mismatch"
	idLabelMissing         = "label-missing"
	idLabelInvalid         = "label-invalid"
	idLabelSingle          = "label-single"
	idLabelMismatch        = "label-mismatch"
	idAPIInvalid           = "api-invalid"
	idAPIUnsupported       = "api-unsupported"
	idLayerCount           = "layer-count"
	idLayerFormat          = "layer-format"
	idLayerCompression     = "layer-compression"
	idLayerOther           = "layer-other"
	idLayerBomb            = "layer-bomb"
	idDiffIDUnlisted       = "diffid-unlisted"
	idDiffIDMismatch       = "diffid-mismatch"
	idDescriptorMissing    = "descriptor-missing"
	idDescriptorInvalid    = "descriptor-invalid"
	idDescriptorMismatch   = "descriptor-mismatch"
	idStageEmpty           = "stage-empty"
	idStageSystem          = "stage-system"
	idPathUnsafe           = "path-unsafe"
	idPathAbsolute         = "path-absolute"
	idPathOutside          = "path-outside"
	idPathDuplicate        = "path-duplicate"
	idPathName             = "path-name"
	idPathCollision        = "path-collision"
	idFileAttribute        = "file-attribute"
	idLimit                = "limit"
	idFileIndex            = "file-index"
	idFileCompression      = "file-compression"
	idFileType             = "file-type"
	idFileSetID            = "file-setid"
	idFileWritable         = "file-writable"
	idLinkOutside          = "link-outside"
)

const (
	hintRebuild  = "build the package again"
	hintAnnotate = "run \"docker extpack annotate\" on the package, or build it again"
	hintOther    = "name the package of an extension, or build one with \"docker extpack build\""
	// hintUnlabelled is the hint for images whose layers have not been read.
	hintUnlabelled = hintOther + "; if the image contains an extension, \"docker extpack annotate\" adds the labels"
)

var catalogue = byID(
	CheckInfo{idContent, Error, "Indexes, manifests, configs and layers can be read and match the digest and size of their descriptors.", hintRebuild, needsNothing},
	CheckInfo{idMediaType, Error, "Media types are known to readers of images, and documents agree with their descriptors.", "", needsNothing},
	CheckInfo{idNoImage, Error, "The package contains an image.", "", needsNothing},
	CheckInfo{idPlatformMissing, Error, "Every expected platform has an image.", "readers on that platform would use an empty image: build it too, or remove it from the targets", needsPromise},
	CheckInfo{idPlatformDuplicate, Error, "No two images are for the same platform.", "readers use the first one: remove the other", needsNothing},
	CheckInfo{idPlatformUnexpected, Error, "No image is for an unexpected platform.", "", needsPromise},
	CheckInfo{idPlatformUnnamed, Warning, "Every image in an index has a platform; without one, readers treat it as linux/amd64.", hintAnnotate, needsNothing},
	CheckInfo{idPlatformUnknown, Error, "Platforms exist and are spelled as readers compare them.", "spell it as Go does, such as linux/amd64, linux/arm64 or linux/arm/v7", needsNothing},
	CheckInfo{idPlatformAny, Note, "The config of an image for any platform has the platform that readers assume, linux/amd64.", "pack's builder create reads it; for a config that OCI allows, or an index of platforms, build it with \"docker extpack build\"", needsNothing},
	CheckInfo{idPlatformBuilder, Warning, "The platforms of a build stage are named, not left to the builder.", "name the platforms with [[targets]] or --target", needsPromise},
	CheckInfo{idTargetMissing, Warning, "Every target in the layers label has an image.", "readers on that platform would use an empty image: build it too, or remove it from the descriptor's targets", needsNoPromise},
	CheckInfo{idConfigPlatform, Error, "The platform in an image's config is that of its descriptor.", hintRebuild, needsNothing},
	CheckInfo{idAttestationReference, Error, "Every attestation is about an image of the package.", "annotate the package again: an image changed after it was attested", needsNothing},
	CheckInfo{idAttestationSubject, Error, "The manifest and the statements of an attestation name the image that the attestation is about.", "annotate the package again: an image changed after it was attested", needsNothing},
	CheckInfo{idAttestationUnnamed, Warning, "Every statement of an attestation has a subject.", "set a name for the image: BuildKit adds no subject for an image without one", needsLayers},
	CheckInfo{idAnnotationMissing, Warning, "The index, or a single image, has the annotations that identify the extension.", hintAnnotate, needsNothing},
	CheckInfo{idAnnotationMismatch, Error, "The annotations have the extension, version and api of the labels.", hintAnnotate, needsNothing},
	CheckInfo{idLabelMissing, Error, "The image has the labels io.buildpacks.buildpackage.metadata and io.buildpacks.extension.layers.", hintAnnotate, needsNothing},
	CheckInfo{idLabelInvalid, Error, "The labels are JSON in the form that pack reads.", hintAnnotate, needsNothing},
	CheckInfo{idLabelSingle, Error, "The layers label names one extension in one version.", "package each extension separately", needsNothing},
	CheckInfo{idLabelMismatch, Error, "Both labels of all images name the same extension and version, which are the expected ones.", hintAnnotate, needsNothing},
	CheckInfo{idAPIInvalid, Error, "The layers label has an api in the form MAJOR.MINOR.", hintAnnotate, needsNothing},
	CheckInfo{idAPIUnsupported, Error, "The api is supported by lifecycles, 0.7 to 0.12.", "", needsNothing},
	CheckInfo{idLayerCount, Error, "The config has one diffID for each layer.", hintRebuild, needsNothing},
	CheckInfo{idLayerFormat, Error, "Layers are tar files in the compression of their media type.", hintRebuild, needsLayers},
	CheckInfo{idLayerCompression, Warning, "Layers are compressed with gzip or not at all, which every reader supports.", "build the package with --compression gzip for readers that need it", needsNothing},
	CheckInfo{idLayerOther, Error, "Only the layer in the label contains files of extensions.", "readers use only that layer: put all files into one layer, and each extension into a separate package", needsLayers},
	CheckInfo{idLayerBomb, Error, "Layers do not expand beyond a plausible size.", "", needsLayers},
	CheckInfo{idDiffIDUnlisted, Error, "The layerDiffID of the layers label is one of the config's diffIDs.", hintAnnotate, needsNothing},
	CheckInfo{idDiffIDMismatch, Error, "The digest of each uncompressed layer is its diffID.", hintRebuild, needsLayers},
	CheckInfo{idDescriptorMissing, Error, "The layer contains extension.toml at the path where readers look for it.", hintRebuild, needsLayers},
	CheckInfo{idDescriptorInvalid, Error, "The extension.toml is a regular file of valid TOML, at most 256 KiB long.", hintRebuild, needsLayers},
	CheckInfo{idDescriptorMismatch, Error, "The extension.toml has the id, version and api of the label.", hintAnnotate, needsLayers},
	CheckInfo{idStageEmpty, Error, "A build stage contains /bin/generate or /generate/, without which an extension has no effect.", "copy it there in the stage, such as COPY --from=compile /out/generate /bin/generate, or name another stage with stage = \"…\"", needsPromise},
	CheckInfo{idStageSystem, Warning, "A build stage contains only the files of an extension, not a whole system.", "begin the last stage with FROM scratch and copy into it what the package should contain", needsPromise},
	CheckInfo{idPathUnsafe, Error, "No path in the layer has \"..\" in it.", "", needsLayers},
	CheckInfo{idPathAbsolute, Warning, "Paths in the layer are relative, as the OCI layer format requires; pack writes absolute ones, and readers accept both.", "", needsLayers},
	CheckInfo{idPathOutside, Error, "The layer contains nothing outside the extension's directory.", hintRebuild, needsLayers},
	CheckInfo{idPathDuplicate, Error, "No path is in the layer twice.", hintRebuild, needsLayers},
	CheckInfo{idPathName, Error, "Names are UTF-8 without control characters, of at most 255 bytes, and paths of at most 4096.", "rename the file", needsLayers},
	CheckInfo{idPathCollision, Error, "No two names differ only by case or Unicode normalization, which are the same file on some systems.", "rename one of the files", needsLayers},
	CheckInfo{idFileAttribute, Error, "No file has an extended attribute of overlayfs, which hides or redirects files.", "remove the attribute", needsLayers},
	CheckInfo{idLimit, Error, "The package is within the limits on what one command reads.", oci.LimitHint, needsNothing},
	CheckInfo{idFileIndex, Error, "A package file lists its images in index.json: pack does not follow nested indexes.", "write it with \"docker extpack index create -o FILE.cnb SOURCE\"", needsNothing},
	CheckInfo{idFileCompression, Error, "The layers of a package file are compressed with gzip, as pack expects.", "build the file with --compression gzip", needsNothing},
	CheckInfo{idFileType, Error, "The layer contains only files, directories and links, and no device nodes, FIFOs, sockets or deletions.", "", needsLayers},
	CheckInfo{idFileSetID, Error, "No file is setuid or setgid, or has capabilities.", "remove the bits and build again", needsLayers},
	CheckInfo{idFileWritable, Error, "Nothing is world-writable.", "chmod o-w the file and build again", needsLayers},
	CheckInfo{idLinkOutside, Error, "Symlinks and hard links stay inside the extension's directory.", "copy the file into the extension, or link to it relative to the link", needsLayers},
)

func byID(checks ...CheckInfo) map[string]CheckInfo {
	m := make(map[string]CheckInfo, len(checks))
	for _, c := range checks {
		m[c.ID] = c
	}
	return m
}
