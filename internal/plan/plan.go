// Package plan computes the plan of a run from descriptors, flags and extension
// directories. The plan is the input for everything that is printed, generated,
// built, verified and published.
//
// It reads extension directories, does not use the network, and writes nothing.
// The only program that it runs is git, to read the safe.directory setting and,
// on request, the commit of an extension.
// Every plan is valid.
package plan

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/platform"
)

// Plan is the plan of one run.
type Plan struct {
	// Extensions are in the order of the arguments.
	Extensions []*Extension
}

// Extension is one package: the images of an extension under one index.
type Extension struct {
	// Dir is the extension root as specified by the user.
	Dir string
	// Remote is the build context of a bake file if the extension is not on the
	// machine that the file is for, or "".
	Remote     string
	Descriptor *extension.Descriptor
	// Slug is the base name of the extension's bake targets and default file.
	Slug string
	// Images are in target order, the order of the index. There is at least one.
	Images []Image
	// Tags are the complete references (registry/repository:tag) to publish.
	Tags []string
	// tagForms are the references before placeholders were replaced.
	tagForms []string
	// Labels and Annotations are the user's own, flags before the descriptor.
	Labels, Annotations map[string]string
	// LabelPositions and AnnotationPositions are the positions of those from
	// files. Those from flags have none.
	LabelPositions, AnnotationPositions map[string]diag.Position
	// Placed are annotations of the user for other places than the index.
	Placed annotation.List
	// Build is the configuration of build stages, or nil if the descriptor has
	// none.
	Build *Build
	// CacheFrom and CacheTo apply to every build, with or without stages.
	CacheFrom, CacheTo []Spec
	// Compression is the compression of layers.
	Compression layer.Compression
	// Requests are the requests for access of the build, each with the origin
	// of its grant.
	Requests []grants.Request
}

// Missing returns an [*diag.InvalidError] with all requests of extensions that
// were not granted.
func (p *Plan) Missing() error {
	var list diag.List
	for _, e := range p.Extensions {
		list = append(list, grants.Missing(e.Requests)...)
	}
	return list.Err()
}

// Image is one image of an index.
type Image struct {
	// Platform is normalized. OSVersion is the version of the distro if the
	// image is for exactly one. The zero platform is that of the builder.
	Platform v1.Platform
	// Any reports whether the image is for any platform, because it has no
	// programs and no platform was specified. Platform is then that of the
	// config.
	Any bool
	// Distros are the distros of the image; none means any.
	Distros []extension.Distro
	// Root is the platform root, relative to the extension root.
	Root string
	// Dockerfile, relative to the extension root, has the build stage that is
	// the platform root instead of Root. It is empty if there is none.
	Dockerfile string
	// Stage is the stage of the Dockerfile; empty means the last one.
	Stage string
	// Steps copy the image's files, in order, and Files are the result, by path
	// in the extension's folder. They do not include the files of a build
	// stage, which are copied after the shared files and before the descriptor.
	Steps []content.Step
	Files content.Files
}

// Dest is the extension's folder in its images.
func (e *Extension) Dest() string { return e.Descriptor.Info.Path() }

// Identity returns the identity of the image within its index.
func (i Image) Identity() platform.Identity {
	var distro extension.Distro
	if len(i.Distros) == 1 {
		distro = i.Distros[0]
	}
	return platform.NewIdentity(i.Platform, distro)
}

// String returns the name of the image in messages: "linux/arm/v7", with the
// distro if there is one.
func (i Image) String() string {
	switch {
	case i.Any:
		return extension.AnyPlatformName
	case !platform.IsZero(i.Platform):
		return i.Identity().String()
	case len(i.Distros) == 1:
		return "builder's platform:" + i.Distros[0].String()
	}
	return "builder's platform"
}

// Built is the output of an engine for images of an extension: an OCI layout in
// Dir that contains only those images. An extension may have several.
type Built struct {
	Extension *Extension
	// Images are indices into Extension.Images.
	Images []int
	Dir    string
	// Layout is the layout if the engine has it open, or nil.
	Layout *ocilayout.Layout
	// Checked reports whether the engine compared every file with the plan.
	Checked bool
	// Shared reports whether the layout has a single image whose layer is
	// shared by all Images.
	Shared bool
	// Transit reports whether layers have a fast compression for the way to this
	// process, and not that of the extension.
	Transit bool
}

// Copy is a tar file with copies of extension directories.
type Copy struct {
	Tar string
	// Folders are the folders in the tar, "." for its root.
	Folders map[*Extension]string
}

// Options are the flags that shape a plan.
type Options struct {
	// Targets override those of the descriptor if there are any.
	Targets []extension.Target
	// Unpack extracts an archive that package.toml names and returns the
	// folder. If it is nil, archives are not supported.
	Unpack func(ctx context.Context, archive string) (string, error)
	// Version overrides that of the descriptor unless it is empty.
	Version string
	// Git is what is read from the repositories of the extensions.
	Git GitOptions
	// Tags may contain placeholders, see [extension.Info.Expand]. They override
	// the descriptor's image.
	Tags   []string
	Labels map[string]string
	// Annotations without a place are for the index.
	Annotations annotation.List
	// Args and Contexts override those of the descriptor with the same name,
	// Secrets those with the same id. SSH, CacheFrom and CacheTo replace those
	// of the descriptor.
	Args, Contexts map[string]string
	Secrets        []Spec
	SSH            []string
	// Network, Pull, NoCacheFilter, ShmSize, Ulimits and AddHosts are those of
	// docker buildx build. They replace those of the descriptor, hosts by name.
	Network                          string
	Pull                             bool
	NoCacheFilter, Ulimits, AddHosts []string
	ShmSize                          string
	CacheFrom, CacheTo               []string
	// Compression and CompressionLevel replace those of the descriptor if they
	// are set.
	Compression, CompressionLevel string
	// Grants are the grants of the user.
	Grants grants.Set
	// Push reports whether the tags will be pushed.
	Push bool
	// KeepGoing leaves out extensions that cannot be planned.
	KeepGoing bool
	// Defaults returns the settings that the extension at name, as with [New],
	// shares with others. It is optional.
	Defaults func(name string) (Defaults, error)
}
