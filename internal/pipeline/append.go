package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/release"
	"github.com/extpack/extpack/internal/verify"
)

// Append adds the images of a package to the index at a tag, and replaces those
// for the same platforms, so that several machines can each build and publish a
// part.
type Append struct {
	Client *registry.Client
	Tags   []registry.Reference
	// Release decides which tags may be moved, and which platforms of a release
	// may be replaced; nil permits all.
	Release *release.Guard
	// Warn is as with index.Options; may be nil.
	Warn func(message string)
}

// Put merges the package into the index at every tag.
func (d Append) Put(ctx context.Context, pkg *annotate.Package) ([]string, error) {
	var refs []string
	for _, tag := range release.Order(d.Tags, pkg.Index.Annotations[extension.AnnotationVersion]) {
		r, err := d.edit(ctx, pkg, tag, false)
		if r != nil {
			for _, p := range r.Published {
				refs = append(refs, p.String())
			}
		}
		if err != nil && !errors.Is(err, registry.ErrKept) {
			return refs, err
		}
	}
	return refs, nil
}

// edit merges the package into the index at a tag.
func (d Append) edit(ctx context.Context, pkg *annotate.Package, tag registry.Reference, dryRun bool) (*index.Result, error) {
	r, err := index.Edit(ctx, index.Request{
		Options: index.Options{Client: d.Client, Check: checkMerged, Warn: d.Warn, Release: d.Release, DryRun: dryRun},
		Source:  tag.String(), MayBeMissing: true,
		Change: func(ctx context.Context, o *index.Staging, x *index.Index) (*index.Index, error) {
			return merge(ctx, o, x, pkg, tag)
		},
	})
	return r, oci.Wrap(err, "appending to "+tag.String())
}

// merge adds the package to an index and keeps its media types.
func merge(ctx context.Context, s *index.Staging, x *index.Index, pkg *annotate.Package, tag registry.Reference) (*index.Index, error) {
	s.AddStore(pkg.Layout)
	if x == nil {
		return index.ReadIndex(ctx, s, pkg.Root)
	}
	types := index.OCI
	if x.MediaType() == oci.MediaTypeDockerIndex {
		types = index.Docker
	}
	if err := checkSame(ctx, s, x, pkg, tag); err != nil {
		return nil, err
	}
	if err := join(x, pkg); err != nil {
		return nil, err
	}
	return x, x.Convert(ctx, s, types)
}

// checkSame refuses an index of another extension or version. A Docker manifest
// list, which has no annotations, says by the labels of its images which it is.
func checkSame(ctx context.Context, s *index.Staging, x *index.Index, pkg *annotate.Package, tag registry.Reference) error {
	have, want := x.Annotations(), pkg.Index.Annotations
	if x.MediaType() == oci.MediaTypeDockerIndex && have[extension.AnnotationID] == "" {
		info, err := labelled(ctx, s, x)
		if err != nil {
			return err
		}
		have = map[string]string{extension.AnnotationID: info.ID, extension.AnnotationVersion: info.Version}
	}
	for _, name := range []string{extension.AnnotationID, extension.AnnotationVersion} {
		if have[name] != want[name] {
			hint := "choose another tag, or publish without --append to replace its content"
			if version := want[extension.AnnotationVersion]; name == extension.AnnotationVersion && release.Follows(tag, version) {
				hint = fmt.Sprintf("append to the tag of the version only, and move this one when all platforms are there: docker extpack index create -t %s %s:%s", tag, tag.RepositoryName(), version)
			}
			return diag.WithHint(diag.Invalidf("%s has %s %q, but this package has %q", tag, name, have[name], want[name]), hint)
		}
	}
	return nil
}

// labelled returns the extension that the labels of the first image name.
func labelled(ctx context.Context, s *index.Staging, x *index.Index) (extension.Info, error) {
	for _, image := range x.Images() {
		manifest, _, err := oci.ReadManifest(ctx, s, image.Descriptor())
		if err != nil {
			return extension.Info{}, err
		}
		config, _, err := oci.ReadConfig(ctx, s, manifest.Config)
		if err != nil {
			return extension.Info{}, err
		}
		if d := annotate.Labelled(config); d != nil {
			return d.Info, nil
		}
	}
	return extension.Info{}, nil
}

// join adds the package's images to an index of the same extension.
func join(x *index.Index, pkg *annotate.Package) error {
	var attestations []*index.Entry
	var images []*index.Entry
	for _, desc := range pkg.Index.Manifests {
		child, err := index.NewEntry(desc)
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
		if err := x.Fit(image); err != nil {
			return err
		}
		added := len(x.Find(image.Identity())) == 0
		if err := x.Add(image, about(image.Descriptor(), attestations), true); err != nil {
			return err
		}
		if added {
			// The index must not depend on the order of appends and must equal
			// that of a single build.
			x.MoveBefore(image.Identity(), func(s platform.Identity) int { return rank(pkg.Targets, s) })
		}
	}
	return x.Annotate(pkg.Index.Annotations)
}

// rank returns the position of an image among all targets. Images for no target
// come last.
func rank(targets []extension.Target, s platform.Identity) int {
	n := 0
	for _, t := range targets {
		p := platform.Of(t)
		if p.OS == s.OS && p.Architecture == s.Architecture && p.Variant == s.Variant {
			i := slices.IndexFunc(t.Distros, func(d extension.Distro) bool {
				return d.Name == s.Distro.Name && d.Version == s.Distro.Version || s.Distro.Name == "" && d.Version == s.OSVersion
			})
			if i >= 0 || len(t.Distros) == 0 || s.Distro.Name+s.OSVersion == "" {
				return n + max(0, i)
			}
		}
		n += max(1, len(t.Distros))
	}
	return n
}

// about returns the attestations of an image.
func about(image v1.Descriptor, attestations []*index.Entry) []*index.Entry {
	var out []*index.Entry
	for _, a := range attestations {
		if a.Descriptor().Annotations[oci.AnnotationReferenceDigest] == image.Digest.String() {
			out = append(out, a)
		}
	}
	return out
}

// checkMerged returns an error if the merged index is not a valid package,
// because the existing index may be anything. The layers of its images have
// been checked by their publisher.
func checkMerged(ctx context.Context, s *index.Staging, root v1.Descriptor) error {
	findings, err := verify.Check(ctx, s, root, verify.Options{NoLayers: true})
	if err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	return verify.Err(findings)
}
