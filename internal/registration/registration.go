// Package registration checks whether the buildpack registry would accept a
// package, and writes the issue that asks for it. It sends nothing.
//
// The rules are those of the registry's own workflow
// (https://github.com/buildpacks/github-actions, registry/compute-metadata and
// buildpackage/verify-metadata).
package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
)

// issues is where the registry accepts packages.
const issues = "https://github.com/buildpacks/registry-index/issues/new"

// The forms of ids, versions and addresses, and the reserved
// namespaces.
var (
	validID      = lazyregexp.New(`^([a-zA-Z0-9.-]+)/([a-zA-Z0-9./-]+)$`)
	validVersion = lazyregexp.New(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	validAddress = lazyregexp.New(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9](:[0-9]+)?/[^:]+@sha256:[A-Fa-f0-9]{64}$`)
	restricted   = []string{
		"buildpack", "buildpack-io", "buildpack.io", "buildpackio", "buildpacks", "buildpacks-io", "buildpacks.io", "buildpacksio",
		"cnb", "cnbs", "cncf", "cncf-cnb", "cncf-cnbs", "example", "examples", "official", "pack", "sample", "samples",
	}
)

// Entry is an entry of the registry.
type Entry struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Address string `json:"addr"`
}

// Title returns the title of the issue.
func (e Entry) Title() string { return "ADD " + e.ID + "@" + e.Version }

// Body returns the text of the issue.
func (e Entry) Body() string {
	return fmt.Sprintf("id = %q\nversion = %q\naddr = %q\n", e.ID, e.Version, e.Address)
}

// URL returns the address of the form for a new issue with title and body.
func (e Entry) URL() string {
	return issues + "?" + url.Values{"title": {e.Title()}, "body": {e.Body()}, "template": {"add-buildpack.md"}}.Encode()
}

// Check reads the package at ref without credentials, as the registry does, and
// returns its entry. It returns a [*diag.InvalidError] with every rule that the
// package breaks.
func Check(ctx context.Context, anonymous *registry.Client, ref registry.Reference) (Entry, error) {
	src, err := source.OpenReference(ctx, anonymous, ref)
	if err != nil {
		return Entry{}, readable(ref, err)
	}
	defer src.Close()
	images, err := images(ctx, src)
	if err != nil {
		return Entry{}, readable(ref, err)
	}
	e := Entry{Address: address(ref, src.Root)}
	var list diag.List
	labelled := slices.DeleteFunc(slices.Clone(images), func(i image) bool { return i.id == "" })
	if len(labelled) == 0 {
		list.Errorf(diag.Position{}, "%s has no label %s", ref, extension.LabelMetadata)
		return e, list.Err()
	}
	e.ID, e.Version = labelled[0].id, labelled[0].version
	checkImages(&list, e, images)
	e.check(&list)
	return e, list.Err()
}

// readable turns a denied access into a finding.
func readable(ref registry.Reference, err error) error {
	if errors.Is(err, registry.ErrUnauthorized) {
		return diag.WithHint(diag.Invalidf("%s cannot be pulled without credentials: %v", ref, err), "make the repository public")
	}
	return err
}

// address returns the reference with the digest only, and with the host.
func address(ref registry.Reference, root v1.Descriptor) string {
	repository := strings.TrimPrefix(ref.RepositoryName(), ref.Host()+"/")
	if ref.Host() == "docker.io" && !strings.Contains(repository, "/") {
		repository = "library/" + repository
	}
	return ref.Host() + "/" + repository + "@" + root.Digest.String()
}

func (e Entry) check(list *diag.List) {
	if m := validID.Get().FindStringSubmatch(e.ID); m == nil {
		list.Errorf(diag.Position{}, "id %q is not NAMESPACE/NAME of letters, digits, dots and dashes", e.ID).Hint = "change id in extension.toml"
	} else if slices.Contains(restricted, m[1]) {
		list.Errorf(diag.Position{}, "id %q: the namespace %q is reserved", e.ID, m[1]).Hint = "change id in extension.toml"
	}
	if !validVersion.Get().MatchString(e.Version) {
		list.Errorf(diag.Position{}, "version %q is not a semantic version", e.Version).Hint = "change version in extension.toml"
	}
	if !validAddress.Get().MatchString(e.Address) {
		list.Errorf(diag.Position{}, "address %s does not have the form HOST.DOMAIN/REPOSITORY@sha256:DIGEST", e.Address).Hint = "publish to a registry that is reachable from the internet"
	}
}

// image has the labels of an image. id and version are empty without the label.
type image struct {
	platform       v1.Platform
	any            bool // without a platform
	id, version    string
	layers         map[string]map[string]json.RawMessage
	layersLabelled bool
}

func (i image) String() string {
	if i.any {
		return "the image"
	}
	return platform.Format(i.platform)
}

func images(ctx context.Context, src *source.Source) ([]image, error) {
	descs := []v1.Descriptor{src.Root}
	if oci.IsIndex(src.Root.MediaType) {
		var err error
		if descs, _, err = oci.Images(ctx, src, src.Root); err != nil {
			return nil, err
		}
	}
	var all []image
	for _, desc := range descs {
		manifest, _, err := oci.ReadManifest(ctx, src, desc)
		if err != nil {
			return nil, err
		}
		config, _, err := oci.ReadConfig(ctx, src, manifest.Config)
		if err != nil {
			return nil, err
		}
		i := image{platform: config.Platform, any: desc.Platform == nil}
		var info extension.Info
		if label := config.Config.Labels[extension.LabelMetadata]; label != "" {
			if err := oci.Decode([]byte(label), &info); err != nil {
				return nil, diag.Invalidf("%s: label %s is not valid: %v", i, extension.LabelMetadata, err)
			}
		}
		i.id, i.version = info.ID, info.Version
		if label := config.Config.Labels[extension.LabelLayers]; label != "" {
			i.layersLabelled = true
			if err := oci.Decode([]byte(label), &i.layers); err != nil {
				return nil, diag.Invalidf("%s: label %s is not valid: %v", i, extension.LabelLayers, err)
			}
		}
		all = append(all, i)
	}
	return all, nil
}

// checkImages compares the labels of all images with the entry. The registry
// reads the image for linux/amd64 only.
func checkImages(list *diag.List, e Entry, images []image) {
	read := false
	for _, i := range images {
		read = read || i.any || i.platform.OS == "linux" && i.platform.Architecture == "amd64"
		if i.id != e.ID || i.version != e.Version {
			list.Errorf(diag.Position{}, "%s: label %s is of %q, not of %q", i, extension.LabelMetadata, i.id+"@"+i.version, e.ID+"@"+e.Version)
		}
		if !i.layersLabelled {
			list.Errorf(diag.Position{}, "%s has no label %s", i, extension.LabelLayers).Hint = "publish a package, built with docker extpack build"
		} else if _, ok := i.layers[e.ID][e.Version]; !ok {
			list.Errorf(diag.Position{}, "%s: label %s does not name %s@%s", i, extension.LabelLayers, e.ID, e.Version)
		}
	}
	if !read {
		list.Errorf(diag.Position{}, "the package has no image for linux/amd64, which the registry reads").Hint = "add --target linux/amd64 to docker extpack build"
	}
}
