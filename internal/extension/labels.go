package extension

import (
	"encoding/json"
	"fmt"
)

// Labels of an extension package's image config, as pack writes and reads them.
const (
	// LabelMetadata is [Info] as JSON.
	LabelMetadata = "io.buildpacks.buildpackage.metadata"
	// LabelLayers is the layer of the extension, by id and version.
	LabelLayers = "io.buildpacks.extension.layers"
)

// Annotations of a package's index that identify the extension.
const (
	AnnotationID      = "io.buildpacks.extension.id"
	AnnotationVersion = "io.buildpacks.extension.version"
	AnnotationAPI     = "io.buildpacks.extension.api"
)

// AnnotationPlatform marks the manifest of an image that is for any platform.
// Its value is [AnyPlatform]. The config of such an image has linux/amd64,
// which is the default of readers.
const (
	AnnotationPlatform = "io.buildpacks.extension.platform"
	AnyPlatform        = "any"
)

// Annotations of the descriptor of an image in the index, for images that
// differ only in their distro. The names are those of the run image labels
// (Platform Interface Specification, "Run Image").
const (
	AnnotationDistroName    = "io.buildpacks.base.distro.name"
	AnnotationDistroVersion = "io.buildpacks.base.distro.version"
)

// MetadataLabel returns the value of [LabelMetadata]. pack's package metadata
// has a stacks field that is null except for old buildpacks.
func (d *Descriptor) MetadataLabel() (string, error) {
	return marshalLabel(LabelMetadata, struct {
		Info
		Stacks []string `json:"stacks"`
	}{Info: d.Info})
}

// LayerInfo is the value of [LabelLayers] for one id and version.
type LayerInfo struct {
	API         string   `json:"api"`
	Targets     []Target `json:"targets,omitempty"`
	LayerDiffID string   `json:"layerDiffID"`
	Homepage    string   `json:"homepage,omitempty"`
	Name        string   `json:"name,omitempty"`
}

// LayersLabel returns the value of [LabelLayers] for an extension in the layer
// with that diffID.
func (d *Descriptor) LayersLabel(diffID string) (string, error) {
	return marshalLabel(LabelLayers, map[string]map[string]LayerInfo{
		d.Info.ID: {d.Info.Version: {
			API: d.API, Targets: d.Targets, LayerDiffID: diffID, Homepage: d.Info.Homepage, Name: d.Info.Name,
		}},
	})
}

// marshalLabel writes JSON as pack does, with Go's default escaping.
func marshalLabel(name string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("writing label %s: %w", name, err)
	}
	return string(b), nil
}
