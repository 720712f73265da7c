// Package plan computes the plan of a run from descriptors, flags and extension
// directories. The plan is the input for everything that is printed, generated,
// built, verified and published.
//
// It reads extension directories, does not use the network, and writes nothing.
// The only program that it runs is git, to read the safe.directory setting and,
// where that is asked for, the commit of an extension.
// Every plan is valid.
package plan

import (
	"context"
	"path/filepath"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/layer"
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
		return "any platform"
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
	// Pull, NoCacheFilter, ShmSize, Ulimits and AddHosts are those of docker
	// buildx build. They replace those of the descriptor, hosts by name.
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

// New returns the plan for the extensions in dirs, and warnings. If anything
// cannot be built as requested, it returns a [*diag.InvalidError] with every
// problem of every extension, and no plan. If Options.KeepGoing is set and each
// problem is of one extension, it returns the plan of the others too.
func New(ctx context.Context, dirs []string, opts Options) (*Plan, diag.List, error) {
	var list diag.List
	p := &Plan{}
	for _, dir := range dirs {
		e, found, err := newExtension(ctx, dir, opts)
		list = appendNew(list, found) // a flag that is wrong is wrong for every extension
		if err != nil {
			return nil, list.Warnings(), err
		}
		if e != nil {
			p.Extensions = append(p.Extensions, e)
		}
	}
	var together diag.List
	checkTogether(&together, p.Extensions)
	opts.checkUsed(&together, p.Extensions)
	if together.Err() != nil || list.Err() != nil && !(opts.KeepGoing && len(p.Extensions) > 0) {
		p = nil
	}
	list = append(list, together...)
	return p, list.Warnings(), list.Err()
}

// newExtension plans one extension. It adds problems to the list and returns
// nil, so that the other extensions are checked too.
func newExtension(ctx context.Context, name string, opts Options) (*Extension, diag.List, error) {
	dir, pkg, list, err := findRoot(ctx, name, opts)
	if err != nil {
		return nil, withInvalid(list, err), ifNot(diag.IsInvalid, err)
	}
	version, err := opts.version(ctx, dir)
	if err != nil {
		return nil, withInvalid(list, err), ifNot(diag.IsInvalid, err)
	}
	descriptor, more, err := extension.ReadAs(dir, version)
	list = append(list, more...)
	if err != nil {
		return nil, withInvalid(list, err), ifNot(diag.IsInvalid, err)
	}
	origin, err := opts.origin(ctx, dir, descriptor, &list)
	if err != nil {
		return nil, withInvalid(list, err), ifNot(diag.IsInvalid, err)
	}
	defaults, err := opts.defaults(name)
	if err != nil {
		return nil, withInvalid(list, err), ifNot(diag.IsInvalid, err)
	}
	e := &Extension{
		Dir:         filepath.Clean(dir),
		Descriptor:  descriptor,
		Slug:        extension.Slug(descriptor.Info.ID),
		Labels:      merge(merge(defaults.Labels, descriptor.Metadata.Extpack.Labels), opts.Labels),
		Annotations: merge(merge(merge(origin, defaults.Annotations), descriptor.Metadata.Extpack.Annotations), opts.Annotations.At(annotation.Index, platform.Identity{})),
		Placed:      slices.DeleteFunc(slices.Clone(opts.Annotations), func(a annotation.Annotation) bool { return a.Place == annotation.Index }),
	}
	images := imagePlanner{dir: dir, descriptor: descriptor, list: &list, defaults: defaults.Targets}
	if table := descriptor.Metadata.Extpack.Build; table != nil {
		images.stages = &buildPlanner{dir: dir, table: table, list: &list}
		e.Build = images.stages.build(opts)
	}
	e.caches(&list, opts)
	e.setCompression(&list, opts)
	e.tagForms = opts.Tags
	if len(e.tagForms) == 0 && descriptor.Metadata.Extpack.Image.Value == "" {
		e.tagForms = defaults.Tags
	}
	if e.Tags, err = tags(descriptor, e.tagForms); err != nil {
		return nil, withInvalid(list, err), ifNot(diag.IsInvalid, err)
	}
	if e.Images, err = images.plan(ctx, pkg, opts.Targets); err != nil {
		return nil, withInvalid(list, err), ifNot(diag.IsInvalid, err)
	}
	images.checkFolders(e.Images)
	e.checkAnnotations(&list, opts.Annotations)
	if e.Build != nil && !e.NeedsBuild() {
		list.Warnf(descriptor.Metadata.Extpack.Build.Position, "no target uses the build stage: each has a platform folder")
		e.Build = nil
	}
	if list.Err() != nil {
		return nil, list, nil
	}
	return e, list, e.decide(opts)
}

// withInvalid adds the diagnostics of an [*diag.InvalidError] to the list,
// without duplicates.
func withInvalid(list diag.List, err error) diag.List {
	return appendNew(list, diag.Of(err))
}

// appendNew appends diagnostics without duplicates. There may be one for each
// of many files.
func appendNew(list, more diag.List) diag.List {
	have := make(map[diag.Diagnostic]bool, len(list)+len(more))
	for _, d := range list {
		have[d] = true
	}
	for _, d := range more {
		if !have[d] {
			have[d] = true
			list = append(list, d)
		}
	}
	return list
}

func ifNot(is func(error) bool, err error) error {
	if is(err) {
		return nil
	}
	return err
}

// checkTogether reports extensions that cannot be built in one run.
func checkTogether(list *diag.List, extensions []*Extension) {
	modules, tagged := map[string]string{}, map[string]string{}
	for _, e := range extensions {
		name := e.Descriptor.Info.String()
		if other, ok := modules[name]; ok {
			list.Errorf(diag.Position{File: e.Descriptor.File}, "%s is also the extension in %s", name, other).Hint = "build them in separate runs, or change one id"
			continue
		}
		modules[name] = e.Dir
		for _, tag := range e.Tags {
			if other, ok := tagged[tag]; ok {
				list.Errorf(diag.Position{}, "tag %s is given to both %s and %s", tag, other, name).Hint = "put {{.Slug}} or {{.Version}} into the tag"
			}
			tagged[tag] = name
		}
	}
}

func merge(under, over map[string]string) map[string]string {
	out := make(map[string]string, len(under)+len(over))
	for _, m := range []map[string]string{under, over} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}
