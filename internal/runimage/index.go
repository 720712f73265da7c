package runimage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/text"
)

// RunImage is the content at a name: an image, or an index of images.
type RunImage struct {
	name string
	src  content.Fetcher
	// index is the digest of the index, "" for a single image.
	index digest.Digest
	// entries are the images with a real platform, in the order of the index.
	entries []entry
	// others counts all other entries by their kind.
	others []counted
	// problems are, for instance, nested indexes that cannot be read.
	problems []string
}

// entry is one image and its platform.
type entry struct {
	descriptor v1.Descriptor
	// platform is that of the index. It is zero for a single image whose config
	// has none.
	platform v1.Platform
	// listed reports whether the platform is from an index, and not from the
	// config.
	listed bool
}

type counted struct {
	what string
	n    int
}

// Read returns the images under root, which is an image, an index, or an index
// of indexes. It returns a [*diag.InvalidError] for anything else.
func Read(ctx context.Context, name string, src content.Fetcher, root v1.Descriptor) (*RunImage, error) {
	r := &RunImage{name: name, src: src}
	switch {
	case oci.IsManifest(root.MediaType):
		return r, r.readSingle(ctx, root)
	case oci.IsIndex(root.MediaType):
		r.index = root.Digest
		return r, r.readIndex(ctx, root)
	}
	return nil, diag.Invalidf("%s is of type %q, which is neither an image nor an index", name, root.MediaType)
}

// readSingle reads a single image, whose platform is that of its config.
func (r *RunImage) readSingle(ctx context.Context, root v1.Descriptor) error {
	p, _, err := oci.ConfigPlatform(ctx, r.src, root)
	r.entries = []entry{{descriptor: root, platform: p}}
	return oci.Wrap(err, "reading "+r.name)
}

func (r *RunImage) readIndex(ctx context.Context, root v1.Descriptor) error {
	err := oci.Walk(ctx, r.src, root, func(n oci.Node, err error) error {
		switch {
		case err != nil && len(n.Parents) == 0:
			return err
		case err != nil:
			r.problems = append(r.problems, fmt.Sprintf("%s lists an index that cannot be read: %v", r.name, err))
		case n.Kind == oci.KindIndex:
		case n.Kind == oci.KindImage && isReal(n.Descriptor.Platform):
			r.add(n.Descriptor)
		default:
			r.count(kindOf(n))
		}
		return nil
	})
	if err != nil {
		return oci.Wrap(err, "reading "+r.name)
	}
	return nil
}

// isReal reports whether p is a platform, and neither missing nor the
// "unknown/unknown" that build tools write for manifests that are not images.
func isReal(p *v1.Platform) bool {
	return p != nil && p.OS != "" && p.Architecture != "" && p.OS != "unknown" && p.Architecture != "unknown"
}

// add adds an image once, because nested indexes often share images.
func (r *RunImage) add(desc v1.Descriptor) {
	name := platforms.FormatAll(*desc.Platform)
	for _, e := range r.entries {
		if e.descriptor.Digest == desc.Digest && platforms.FormatAll(e.platform) == name {
			return
		}
	}
	r.entries = append(r.entries, entry{descriptor: desc, platform: *desc.Platform, listed: true})
}

func (r *RunImage) count(what string) {
	i := slices.IndexFunc(r.others, func(c counted) bool { return c.what == what })
	if i < 0 {
		i = len(r.others)
		r.others = append(r.others, counted{what: what})
	}
	r.others[i].n++
}

func kindOf(n oci.Node) string {
	p := n.Descriptor.Platform
	switch {
	case n.Kind == oci.KindAttestation:
		return "attestation"
	case !oci.IsManifest(n.Descriptor.MediaType):
		return fmt.Sprintf("%q", n.Descriptor.MediaType)
	case p != nil && p.OS == "unknown" && p.Architecture == "unknown":
		return "unknown/unknown entry"
	case !isReal(p):
		return "entry without a platform"
	}
	return "entry that is not an image"
}

// has returns the existing platforms, as the rest of a sentence.
func (r *RunImage) has() string {
	if r.index == "" {
		if p := r.entries[0].platform; isReal(&p) {
			return "it is a single image for " + show(p)
		}
		return "it is a single image whose config has no platform"
	}
	var names []string
	for _, e := range r.entries {
		if name := show(e.platform); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		return "it has " + strings.Join(names, ", ")
	}
	for _, c := range r.others {
		names = append(names, text.Count(c.n, c.what))
	}
	if len(names) > 0 {
		return "it lists only " + strings.Join(names, ", ")
	}
	return "its index is empty"
}

// show returns the name of a platform, with its os.version.
func show(p v1.Platform) string { return platform.NewIdentity(p, extension.Distro{}).String() }

// problem returns the message of an error about content, or "" for another
// failure.
func problem(err error) (string, bool) {
	var broken *oci.ContentError
	if errors.As(err, &broken) {
		if broken.Hint != "" {
			return broken.Error() + "; " + broken.Hint, true
		}
		return broken.Error(), true
	}
	return "", false
}
