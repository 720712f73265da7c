package annotate

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/plan"
)

// noteworthy is the total size of the configs of a package above which a note
// is printed.
const noteworthy = 32 << 20

// CheckSize refuses, before anything is built, a package whose index would be
// larger than registries accept. The labels of every image list every target, as
// pack writes them, so that the configs grow with the square of the targets; the
// note says so where they are large together.
func CheckSize(ctx context.Context, e *plan.Extension, opts Options) (note string, err error) {
	const some = digest.Digest("sha256:0000000000000000000000000000000000000000000000000000000000000000")
	d := newDescriber(e, opts, nil)
	layer := Layer{Platform: e.Images[0].Platform, DiffID: some, Descriptor: v1.Descriptor{Digest: some}}
	config, err := d.config(layer.Platform, layer)
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return "", fmt.Errorf("encoding config: %w", err)
	}
	size, n, targets := int64(len(raw)), int64(len(e.Images)), len(e.Descriptor.Targets)
	var index int64
	for _, image := range e.Images {
		if err := context.Cause(ctx); err != nil {
			return "", err
		}
		p := image.Platform
		desc := v1.Descriptor{MediaType: d.types.manifest, Digest: some, Size: 1000, Platform: &p}
		if !opts.Docker {
			desc.Annotations = merged(d.distroAnnotations(image), e.Placed.At(annotation.ManifestDescriptor, image.Identity()))
		}
		entry, err := json.Marshal(desc)
		if err != nil {
			return "", fmt.Errorf("encoding index: %w", err)
		}
		index += int64(len(entry))
	}
	if index > oci.MaxManifestSize {
		return "", diag.WithHint(diag.Invalidf("the index of %s would list %d images in %.1f MB; registries accept at most 4 MiB", e.Descriptor.Info, n, float64(index)/1e6),
			"choose some with --target, or divide the extension")
	}
	if n*size > noteworthy {
		note = fmt.Sprintf("%d images whose labels list all %d targets each: their configs are %d MB together", n, targets, n*size>>20)
	}
	return note, nil
}
