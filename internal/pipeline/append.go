package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/edit"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/verify"
)

// Append joins a package's images to the index that a tag names, replacing
// those for the same platforms, so that machines that each build a part need
// nobody to merge.
type Append struct {
	Client *registry.Client
	Tags   []registry.Reference
}

const (
	// appendTries is how often an index is merged anew because another writer
	// moved the tag.
	appendTries = 20
	// settle is how long after a write the tag is read once more. Registries
	// know no conditional writes: a writer that looked before ours may still
	// write after it, and does so within its own request.
	settle = time.Second
)

// Put merges the package into every tag.
func (d Append) Put(ctx context.Context, pkg *annotate.Package) ([]string, error) {
	var refs []string
	for _, tag := range d.Tags {
		at, err := d.append(ctx, pkg, tag)
		if err != nil {
			return refs, fmt.Errorf("appending to %s: %w", tag, err)
		}
		refs = append(refs, at.String())
	}
	return refs, nil
}

// append merges until the tag has, and keeps, the package's images.
func (d Append) append(ctx context.Context, pkg *annotate.Package, tag registry.Reference) (*registry.Published, error) {
	for n := range appendTries {
		at, wrote, err := d.merge(ctx, pkg, tag)
		switch {
		case errors.Is(err, registry.ErrTagMoved):
			// Two writers that wait equally long would meet again.
			if err := sleep(ctx, time.Duration(n+1)*50*time.Millisecond+rand.N(100*time.Millisecond)); err != nil {
				return nil, err
			}
			continue
		case err != nil || !wrote:
			return at, err
		}
		if err := sleep(ctx, settle); err != nil {
			return at, err
		}
	}
	return nil, fmt.Errorf("the tag was moved by others %d times in a row", appendTries)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// merge merges once and reports whether that changed what the tag names.
func (d Append) merge(ctx context.Context, pkg *annotate.Package, tag registry.Reference) (at *registry.Published, wrote bool, err error) {
	before, err := d.Client.Resolve(ctx, tag)
	if errors.Is(err, oci.ErrNotFound) {
		published, err := d.Client.Publish(ctx, pkg.Layout, pkg.Root, []registry.Reference{tag}, registry.Expect(tag, ""))
		if err != nil {
			return nil, false, err
		}
		return &published[0], true, nil
	}
	if err != nil {
		return nil, false, err
	}
	types := edit.OCI
	if before.MediaType == oci.MediaTypeDockerIndex {
		types = edit.Docker
	}
	r, err := edit.Update(ctx, edit.Options{Client: d.Client, Types: types, Check: checkMerged}, tag, func(_ context.Context, o *edit.Overlay, x *edit.Index) error {
		o.AddBase(pkg.Layout)
		return join(x, pkg, tag)
	})
	if err != nil {
		return nil, false, err
	}
	return &r.Published[0], r.Root.Digest != before.Digest, nil
}

// join puts the package's images into an index of the same extension.
func join(x *edit.Index, pkg *annotate.Package, tag registry.Reference) error {
	have, want := x.Annotations(), pkg.Index.Annotations
	for _, name := range []string{extension.AnnotationID, extension.AnnotationVersion} {
		if have[name] != want[name] {
			return diag.Invalidf("choose another tag, or publish without --append to replace what is there",
				"%s has %s %q, and this package has %q", tag, name, have[name], want[name])
		}
	}
	var attestations []*edit.Child
	var images []*edit.Child
	for _, desc := range pkg.Index.Manifests {
		child, err := edit.NewChild(desc)
		if err != nil {
			return err
		}
		if child.Kind() == oci.KindAttestation {
			attestations = append(attestations, child)
		} else {
			images = append(images, child)
		}
	}
	for _, image := range images {
		added := len(x.Find(image.Slot())) == 0
		if err := x.Join(image, about(image.Descriptor(), attestations), true); err != nil {
			return err
		}
		if added {
			// Whoever comes first, the index is the one that a single build makes.
			x.Advance(image.Slot(), func(s edit.Slot) int { return rank(pkg.Targets, s) })
		}
	}
	return x.Annotate(want)
}

// rank is the place of an image among those of all targets, behind them when it
// is for none.
func rank(targets []extension.Target, s edit.Slot) int {
	n := 0
	for _, t := range targets {
		p := platform.Of(t)
		if p.OS == s.OS && p.Architecture == s.Architecture && p.Variant == s.Variant {
			i := slices.IndexFunc(t.Distros, func(d extension.Distro) bool {
				return d.Name == s.DistroName && d.Version == s.DistroVersion || s.DistroName == "" && d.Version == s.OSVersion
			})
			if i >= 0 || len(t.Distros) == 0 || s.DistroName+s.OSVersion == "" {
				return n + max(0, i)
			}
		}
		n += max(1, len(t.Distros))
	}
	return n
}

// about gives the attestations of an image.
func about(image v1.Descriptor, attestations []*edit.Child) []*edit.Child {
	var out []*edit.Child
	for _, a := range attestations {
		if a.Descriptor().Annotations[oci.AnnotationReferenceDigest] == image.Digest.String() {
			out = append(out, a)
		}
	}
	return out
}

// checkMerged refuses a merged index that is no package: what was there before may
// be anything. Layers were checked by who published them.
func checkMerged(ctx context.Context, o *edit.Overlay, root v1.Descriptor) error {
	findings, err := verify.Check(ctx, o, root, verify.Options{NoLayers: true})
	if err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	return verify.Err(findings)
}
