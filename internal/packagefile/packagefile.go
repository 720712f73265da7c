// Package packagefile writes package files (.cnb): one for all platforms, or
// one for each platform, as pack does.
//
// pack uses the first image manifest that index.json lists, regardless of its
// platform, and does not follow nested indexes. Files therefore list only
// images, without nesting. If the contents of platforms differ, each platform
// requires a separate file.
package packagefile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/text"
)

// Placeholders are replaced by parts of the platform. {{.Distro}} is "-NAME-VERSION"
// for an image of a distro, else empty.
var Placeholders = []string{"{{.OS}}", "{{.Arch}}", "{{.Variant}}", "{{.Distro}}"}

// IsTemplate reports whether name has a placeholder, and thus names one file
// for each platform.
func IsTemplate(name string) bool {
	return slices.ContainsFunc(Placeholders, func(p string) bool { return strings.Contains(name, p) })
}

// Expand returns the name of the file for an image.
func Expand(name string, id platform.Identity) string {
	distro := ""
	for _, part := range []string{id.Distro.Name, id.Distro.Version} {
		if part != "" {
			distro += "-" + strings.ReplaceAll(part, "/", "_")
		}
	}
	return strings.NewReplacer("{{.OS}}", id.OS, "{{.Arch}}", id.Architecture, "{{.Variant}}", id.Variant, "{{.Distro}}", distro).Replace(name)
}

// ExpandOthers calls expand on name without its Placeholders, which it keeps.
func ExpandOthers(name string, expand func(string) (string, error)) (string, error) {
	var hide, show []string
	for i, p := range Placeholders {
		mark := fmt.Sprintf("\x00%d", i) // never part of a file name
		hide, show = append(hide, p, mark), append(show, mark, p)
	}
	expanded, err := expand(strings.NewReplacer(hide...).Replace(name))
	return strings.NewReplacer(show...).Replace(expanded), err
}

// Names returns the file name for each image. It returns a
// [*diag.InvalidError] if two images have the same name.
func Names(name string, images []platform.Identity) ([]string, error) {
	if !IsTemplate(name) {
		return []string{name}, nil
	}
	var names []string
	for i, id := range images {
		file := Expand(name, id)
		if strings.Contains(file, "{{") {
			return nil, diag.WithHint(diag.Invalidf("%q has an unknown placeholder", name), "use "+strings.Join(Placeholders, ", "))
		}
		if j := slices.Index(names, file); j >= 0 {
			return nil, diag.WithHint(
				diag.Invalidf("%s would be the file for both %s and %s", file, images[j], images[i]),
				"put "+strings.Join(Placeholders, ", ")+" into the name, or write one file for all platforms")
		}
		names = append(names, file)
	}
	return names, nil
}

// Write writes index to the file name, or to one file for each of its images,
// and returns the names of the files. warn, if not nil, is called with what
// readers of the files will not find.
func Write(ctx context.Context, name string, src content.ReadOnlyStorage, index v1.Index, warn func(string)) ([]string, error) {
	if warn == nil {
		warn = func(string) {}
	}
	index.MediaType = v1.MediaTypeImageIndex // regardless of the media types that it lists
	index, left := onlyImages(index)
	platforms, manifests, err := read(ctx, src, index.Manifests)
	if err != nil {
		return nil, err
	}
	all := identities(index.Manifests, platforms)
	if !IsTemplate(name) {
		if err := ocilayout.WriteTarFile(ctx, name, src, index); err != nil {
			return nil, err
		}
		warnLeft(name, left, warn)
		warnDifferent(name, all, manifests, warn)
		return []string{name}, nil
	}
	names, err := Names(name, all)
	if err != nil {
		return nil, err
	}
	written, err := writeEach(ctx, names, src, index)
	if err != nil {
		return written, err
	}
	warnLeft(name, left, warn)
	return names, nil
}

// writeAtOnce is the number of files that are written at the same time. Most of
// that time is the sync of each.
const writeAtOnce = 8

// writeEach writes the images of an index to one file each, and returns the names
// of those that were written.
func writeEach(ctx context.Context, names []string, src content.ReadOnlyStorage, index v1.Index) (written []string, err error) {
	done := make([]bool, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writeAtOnce)
	for i, desc := range index.Manifests {
		group.Go(func() error {
			one := index
			one.Manifests = []v1.Descriptor{desc}
			err := ocilayout.WriteTarFile(ctx, names[i], src, one)
			done[i] = err == nil
			return err
		})
	}
	err = group.Wait()
	for i, name := range names {
		if done[i] {
			written = append(written, name)
		}
	}
	return written, err
}

// onlyImages returns index without the entries that readers of a file would
// mistake for images, and a description of those.
func onlyImages(index v1.Index) (_ v1.Index, left []string) {
	attestations, others := 0, 0
	index.Manifests = slices.DeleteFunc(slices.Clone(index.Manifests), func(d v1.Descriptor) bool {
		switch oci.KindOf(d) {
		case oci.KindImage:
			return false
		case oci.KindAttestation:
			attestations++
		case oci.KindIndex, oci.KindOther:
			others++
		}
		return true
	})
	if attestations > 0 {
		left = append(left, text.Count(attestations, "attestation"))
	}
	if others > 0 {
		left = append(left, text.Count(others, "other manifest"))
	}
	return index, left
}

func warnLeft(name string, left []string, warn func(string)) {
	if len(left) > 0 {
		warn(fmt.Sprintf("%s does not contain %s: readers of package files would take them for images; write a directory (DIR/) to keep them",
			name, strings.Join(left, " and ")))
	}
}

func read(ctx context.Context, src content.Fetcher, images []v1.Descriptor) ([]v1.Platform, []v1.Manifest, error) {
	platforms, manifests := make([]v1.Platform, len(images)), make([]v1.Manifest, len(images))
	for i, desc := range images {
		var err error
		if manifests[i], _, err = oci.ReadManifest(ctx, src, desc); err != nil {
			return nil, nil, err
		}
		if oci.HasPlatform(desc) {
			platforms[i] = *desc.Platform
		} else if platforms[i], _, err = oci.ConfigPlatform(ctx, src, desc); err != nil {
			return nil, nil, err
		}
	}
	return platforms, manifests, nil
}

// warnDifferent warns if platforms have different contents, because readers of
// the file would use one for all.
func warnDifferent(name string, images []platform.Identity, manifests []v1.Manifest, warn func(string)) {
	layers := func(m v1.Manifest) (all []digest.Digest) {
		for _, layer := range m.Layers {
			all = append(all, layer.Digest)
		}
		return all
	}
	for _, m := range manifests[min(1, len(manifests)):] {
		if !slices.Equal(layers(m), layers(manifests[0])) {
			warn(fmt.Sprintf("%s contains different files for %d platforms, and pack would use those of %s for every platform; to support pack, write a file for each: -o '%s'",
				name, len(images), images[0], template(name, images)))
			return
		}
	}
}

// template returns name with placeholders for the platform, and for the distro
// where images have one.
func template(name string, images []platform.Identity) string {
	distro := ""
	if slices.ContainsFunc(images, func(id platform.Identity) bool { return id.Distro.Name != "" }) {
		distro = "{{.Distro}}"
	}
	return strings.TrimSuffix(name, ".cnb") + "-{{.OS}}-{{.Arch}}{{.Variant}}" + distro + ".cnb"
}

func identities(images []v1.Descriptor, platforms []v1.Platform) []platform.Identity {
	all := make([]platform.Identity, len(images))
	for i, desc := range images {
		all[i] = platform.IdentityOf(platforms[i], desc.Annotations)
	}
	return all
}
