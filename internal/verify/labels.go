package verify

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/oci"
)

// Buildpack API versions, MAJOR 0, that current lifecycles run extensions of.
const (
	minAPI = 7
	maxAPI = 12
)

var apiPattern = lazyregexp.New(`^(0|[1-9]\d*)\.(0|[1-9]\d*)$`)

// labels is the content of both labels. If they differ, the layers label is
// used.
type labels struct {
	id, version, api string
	diffID           digest.Digest
	targets          []extension.Target
}

func (l *labels) String() string { return l.id + "@" + l.version }

// metadataLabel and layersLabel have all fields of pack's types
// (buildpack.Metadata and dist.ModuleLayers), because pack rejects a label with
// a field of another type.
type metadataLabel struct {
	moduleInfo
	Stacks []stack `json:"stacks"`
}

type moduleInfo struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Version     string    `json:"version"`
	Description string    `json:"description"`
	Homepage    string    `json:"homepage"`
	Keywords    []string  `json:"keywords"`
	ExecEnv     []string  `json:"exec-env"`
	Licenses    []license `json:"licenses"`
	ClearEnv    bool      `json:"clear-env"`
}

type (
	stack struct {
		ID     string   `json:"id"`
		Mixins []string `json:"mixins"`
	}
	license struct {
		Type, URI string // pack does not rename them
	}
	order struct {
		Group []struct {
			moduleInfo
			Optional bool `json:"optional"`
		} `json:"group"`
	}
)

type layersLabel map[string]map[string]struct {
	API         string             `json:"api"`
	Stacks      []stack            `json:"stacks"`
	Targets     []extension.Target `json:"targets"`
	Order       []order            `json:"order"`
	LayerDiffID digest.Digest      `json:"layerDiffID"`
	Homepage    string             `json:"homepage"`
	Name        string             `json:"name"`
}

// checkLabels checks the labels of every image and that they name one
// extension.
func (c *checker) checkLabels(p *pkg) {
	want, source := "", ""
	if promise := c.opts.Promise; promise != nil {
		want, source = promise.ID+"@"+promise.Version, "the expected package is"
	}
	for _, i := range p.images {
		if i.config == nil || c.isForeign(i) {
			continue
		}
		metadata := c.readMetadata(i)
		i.labels = c.readLayers(i)
		if i.labels == nil {
			continue
		}
		c.checkAPI(i)
		got := i.labels.String()
		switch {
		case metadata != nil && metadata.ID+"@"+metadata.Version != got:
			c.report(idLabelMismatch, i, extension.LabelLayers, "the label %s names %s, but %s names %s@%s", extension.LabelLayers, got, extension.LabelMetadata, metadata.ID, metadata.Version)
		case want == "":
			want, source = got, "the image for "+i.name+" has"
		case got != want:
			c.report(idLabelMismatch, i, extension.LabelLayers, "the labels name %s, but %s %s", got, source, want)
		}
	}
}

// foreignLabels are labels of images that are mistaken for extension packages.
var foreignLabels = []struct{ name, kind string }{
	{"io.buildpacks.builder.metadata", "a builder"},
	{"io.buildpacks.buildpack.layers", "a buildpack"},
	{"io.buildpacks.lifecycle.metadata", "an application"},
}

// isForeign reports whether an image is not an extension package at all, which
// is reported as one finding instead of one for each label.
func (c *checker) isForeign(i *image) bool {
	labels := i.config.Config.Labels
	if _, ok := labels[extension.LabelLayers]; ok {
		return false
	}
	for _, foreign := range foreignLabels {
		if _, ok := labels[foreign.name]; ok {
			c.report(idLabelMissing, i, extension.LabelLayers, "the image is %s, not an extension: it has no label %s", foreign.kind, extension.LabelLayers)
			c.findings[len(c.findings)-1].Hint = hintOther
			return true
		}
	}
	if _, ok := labels[extension.LabelMetadata]; ok {
		return false
	}
	c.report(idLabelMissing, i, "", "the image contains no extension: it has neither the label %s nor %s", extension.LabelMetadata, extension.LabelLayers)
	c.findings[len(c.findings)-1].Hint = hintUnlabelled
	return true
}

// hintMissingLabels corrects the hint for images without labels after their
// layers have been read: annotate requires an extension in the image.
func (c *checker) hintMissingLabels(p *pkg) {
	for n := range c.findings {
		f := &c.findings[n]
		if f.Hint != hintUnlabelled {
			continue
		}
		f.Hint = hintOther
		for _, i := range p.images {
			if i.name == f.Platform && holdsExtension(i) {
				f.Message = strings.Replace(f.Message, "the image contains no extension: it", "the image", 1)
				f.Hint = hintAnnotate
			}
		}
	}
}

// holdsExtension reports whether a layer of the image has an extension.toml at
// the expected path.
func holdsExtension(i *image) bool {
	for _, s := range i.scans {
		if s == nil {
			continue
		}
		for _, e := range s.entries {
			if ok, _ := path.Match("cnb/extensions/*/*/"+extension.DescriptorFile, e.name); ok {
				return true
			}
		}
	}
	return false
}

func (c *checker) readMetadata(i *image) *metadataLabel {
	var label metadataLabel
	if !c.readLabel(i, extension.LabelMetadata, &label) {
		return nil
	}
	if label.ID == "" || label.Version == "" {
		c.report(idLabelInvalid, i, extension.LabelMetadata, "the label %s has no id or no version", extension.LabelMetadata)
		return nil
	}
	return &label
}

func (c *checker) readLayers(i *image) *labels {
	value := i.config.Config.Labels[extension.LabelLayers]
	label, ok := c.parsed[value]
	if !ok {
		if !c.readLabel(i, extension.LabelLayers, &label) {
			return nil
		}
		c.parsed[value] = label
	}
	versions := 0
	for _, v := range label {
		versions += len(v)
	}
	if len(label) != 1 || versions != 1 {
		ids := strings.Join(slices.Sorted(maps.Keys(label)), ", ")
		c.report(idLabelSingle, i, extension.LabelLayers, "the label %s names %d extensions (%s) in %d versions; readers support only one extension in one version", extension.LabelLayers, len(label), ids, versions)
		return nil
	}
	for id, versions := range label {
		for version, layer := range versions {
			if err := checkPathParts(id, version); err != nil {
				c.report(idLabelInvalid, i, extension.LabelLayers, "the label %s is not usable: %v", extension.LabelLayers, err)
				return nil
			}
			if err := layer.LayerDiffID.Validate(); err != nil {
				c.report(idLabelInvalid, i, extension.LabelLayers, "the label %s has the layerDiffID %q, which is not a digest", extension.LabelLayers, layer.LayerDiffID)
				return nil
			}
			i.dir = path.Join("cnb/extensions", extension.EscapeID(id), version)
			return &labels{id: id, version: version, api: layer.API, diffID: layer.LayerDiffID, targets: layer.Targets}
		}
	}
	return nil
}

// readLabel decodes a required label.
func (c *checker) readLabel(i *image, name string, into any) bool {
	value, ok := i.config.Config.Labels[name]
	if !ok {
		c.report(idLabelMissing, i, name, "the image has no label %s", name)
		return false
	}
	if err := oci.Decode([]byte(value), into); err != nil {
		c.report(idLabelInvalid, i, name, "the label %s is not valid JSON in the expected form: %v", name, err)
		return false
	}
	return true
}

// checkPathParts checks that id and version are each the name of a directory:
// they are untrusted, and part of paths.
func checkPathParts(id, version string) error {
	for _, part := range []struct{ what, name string }{{"id", extension.EscapeID(id)}, {"version", version}} {
		if part.name == "" || part.name == "." || part.name == ".." || strings.ContainsAny(part.name, "/\\\x00") {
			return fmt.Errorf("the %s %q cannot be the name of a directory", part.what, part.name)
		}
	}
	return nil
}

func (c *checker) checkAPI(i *image) {
	m := apiPattern.Get().FindStringSubmatch(i.labels.api)
	if m == nil {
		c.report(idAPIInvalid, i, extension.LabelLayers, "the label %s has the api %q, which is not MAJOR.MINOR", extension.LabelLayers, i.labels.api)
		return
	}
	minor, err := strconv.Atoi(m[2])
	if m[1] != "0" || err != nil || minor < minAPI || minor > maxAPI {
		c.report(idAPIUnsupported, i, extension.LabelLayers, "api %s is not supported by lifecycles, which support 0.%d to 0.%d", i.labels.api, minAPI, maxAPI)
	}
}

// checkDiffIDs checks that readers find the extension's layer: they search its
// diffID in the config and use the layer at the same index.
func (c *checker) checkDiffIDs(p *pkg) {
	for _, i := range p.images {
		if i.config == nil {
			continue
		}
		diffIDs, layers := i.config.RootFS.DiffIDs, i.manifest.Layers
		if len(diffIDs) != len(layers) {
			c.report(idLayerCount, i, i.manifest.Config.Digest.String(), "the image has %d layers, but its config has %d diffIDs", len(layers), len(diffIDs))
			continue
		}
		if i.labels == nil {
			continue
		}
		if i.layer = slices.Index(diffIDs, i.labels.diffID); i.layer < 0 {
			c.report(idDiffIDUnlisted, i, i.labels.diffID.String(), "the layerDiffID %s is not one of the image's layers", i.labels.diffID)
		}
	}
}
