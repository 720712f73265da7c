package verify

import (
	"cmp"
	"encoding/json"
	"errors"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
)

// pkg is the readable part of a package.
type pkg struct {
	images       []*image
	attestations []*attestation
	// annotations are those of the index, or of the image if there is no index.
	annotations map[string]string
	// dockerList says that the root is a Docker manifest list.
	dockerList bool
}

// image is one image of a package. Later stages set the later fields. Fields
// that could not be read are nil, which was reported.
type image struct {
	desc v1.Descriptor
	// name is the platform in findings.
	name string
	// platform is that of the descriptor, or else of the config.
	platform v1.Platform
	id       platform.Identity // of platform and distro
	// any reports whether the image is for any platform. platform is then that
	// of its config.
	any bool
	// listed reports whether an index lists the image.
	listed   bool
	manifest *v1.Manifest
	config   *v1.Image

	labels *labels
	// dir is the extension's directory in the layer, without a leading "/".
	// layer is the index of the layer in the manifest, or -1.
	dir   string
	layer int

	// scans are the layers in manifest order. tree has the files of the
	// extension.
	scans []*scan
	tree  *tree
	// descriptor is nil if it is invalid or was not read.
	descriptor *extension.Descriptor
}

// load reads everything except layers, and reports what it cannot read.
func (c *checker) load(root v1.Descriptor) (*pkg, error) {
	p := &pkg{}
	err := oci.Walk(c.ctx, c.src, root, func(n oci.Node, err error) error {
		switch {
		case err != nil:
			return c.unusable(err, nil, n.Descriptor)
		case n.Kind == oci.KindIndex:
			if len(n.Parents) == 0 {
				p.annotations = n.Index.Annotations
				p.dockerList = n.Descriptor.MediaType == oci.MediaTypeDockerIndex
			}
			c.checkDocumentType(nil, n.Descriptor, n.Raw)
			return nil
		case n.Kind == oci.KindImage:
			i, err := c.loadImage(n.Descriptor)
			if err != nil {
				return err
			}
			i.listed = len(n.Parents) > 0
			p.images = append(p.images, i)
			return nil
		case n.Kind == oci.KindAttestation:
			a, err := c.loadAttestation(n.Descriptor)
			p.attestations = append(p.attestations, a)
			return err
		case !oci.IsManifest(n.Descriptor.MediaType):
			c.report(idMediaType, nil, n.Descriptor.Digest.String(), "the media type %q is not that of an image or index", n.Descriptor.MediaType)
		}
		return nil
	})
	if err != nil {
		// A nested index that its source reports as invalid.
		err = c.unusable(err, nil, root)
	}
	return p, err
}

func (c *checker) loadImage(desc v1.Descriptor) (*image, error) {
	i := &image{desc: desc, layer: -1}
	i.setPlatform(desc.Platform)
	manifest, raw, err := oci.ReadManifest(c.ctx, c.src, desc)
	if err != nil {
		return i, c.unusable(err, i, desc)
	}
	i.manifest = &manifest
	config, _, err := oci.ReadConfig(c.ctx, c.src, manifest.Config)
	if err == nil {
		for name, value := range config.Config.Labels {
			if _, ok := c.texts[value]; !ok {
				c.texts[value] = value
			}
			config.Config.Labels[name] = c.texts[value]
		}
		i.config = &config
		if desc.Platform == nil {
			i.setPlatform(&config.Platform)
		}
		if i.any = extension.ForAnyPlatform(desc, manifest, config); i.any {
			i.name = extension.AnyPlatformName
		}
	}
	c.checkDocumentType(i, desc, raw)
	if t := manifest.Config.MediaType; !oci.IsConfig(t) {
		c.report(idMediaType, i, manifest.Config.Digest.String(), "the config has the media type %q, which is not that of an image config", t)
	}
	for _, layer := range manifest.Layers {
		if !oci.IsLayer(layer.MediaType) {
			c.report(idMediaType, i, layer.Digest.String(), "a layer has the media type %q, which readers do not support", layer.MediaType)
		}
		if compressionOf(layer.MediaType) == "zstd" {
			c.reportZstd(i, layer.Digest.String())
		}
	}
	if err != nil {
		return i, c.unusable(err, i, manifest.Config)
	}
	return i, nil
}

// reportZstd reports a zstd layer. pack reads one in a registry, but does not
// expand one in a package file.
func (c *checker) reportZstd(i *image, layer string) {
	if c.opts.File {
		c.report(idFileCompression, i, layer, "a layer is compressed with zstd, which pack cannot read in a package file")
		return
	}
	c.report(idLayerCompression, i, layer, "a layer is compressed with zstd, which pack can read in a registry, but not in a package file")
}

func (i *image) setPlatform(p *v1.Platform) {
	if p == nil {
		return
	}
	i.platform, i.id = *p, platform.IdentityOf(*p, i.desc.Annotations)
	i.name = i.id.String()
}

// checkDocumentType compares the media type in a document with that of its
// descriptor, because readers use either.
func (c *checker) checkDocumentType(i *image, desc v1.Descriptor, raw []byte) {
	var doc struct {
		MediaType string `json:"mediaType"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil || doc.MediaType == "" || doc.MediaType == desc.MediaType {
		return // it was parsed before
	}
	c.report(idMediaType, i, desc.Digest.String(), "the document has the media type %q, but its descriptor has %q", doc.MediaType, desc.MediaType)
}

// unusable reports err and returns nil if it is about invalid content. It
// returns any other err.
func (c *checker) unusable(err error, i *image, desc v1.Descriptor) error {
	if !isAtFault(err) {
		return err
	}
	if limit := (*oci.LimitError)(nil); errors.As(err, &limit) {
		if c.counts[countKey{idLimit, ""}] == 0 { // reported once for all
			c.report(idLimit, nil, desc.Digest.String(), "the package %v", limit)
		}
		return nil
	}
	message, hint := err.Error(), ""
	if broken := (*oci.ContentError)(nil); errors.As(err, &broken) {
		message, hint = broken.Clause(), broken.Hint // the report has the name of the package
	}
	f := c.finding(idContent, i, desc.Digest.String(), "%s", message)
	f.Hint = cmp.Or(hint, f.Hint)
	c.add(f)
	return nil
}

// isAtFault reports whether err is about the package, and not a failure to read
// it. If a registry returns corrupt content twice, the content is at fault.
func isAtFault(err error) bool { return diag.IsInvalid(err) || errors.Is(err, oci.ErrCorrupt) }

// checkPresence checks that there is an image. A root that cannot be read was
// reported.
func (c *checker) checkPresence(p *pkg) {
	if len(p.images) == 0 && len(c.findings) == 0 {
		c.report(idNoImage, nil, "", "the package contains no image")
	}
}
