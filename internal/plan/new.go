package plan

import (
	"context"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// New returns the plan for the extensions in dirs, and warnings. If anything
// cannot be built as requested, it returns a [*diag.InvalidError] with every
// problem of every extension, and no plan. If Options.KeepGoing is set and each
// problem is of one extension, it returns the plan of the others too.
func New(ctx context.Context, dirs []string, opts Options) (*Plan, diag.List, error) {
	var list diag.List
	p := &Plan{}
	for _, one := range planAll(ctx, dirs, opts) {
		list = appendNew(list, one.found) // a flag that is wrong is wrong for every extension
		if one.err != nil {
			return nil, list.Warnings(), one.err
		}
		if one.extension != nil {
			p.Extensions = append(p.Extensions, one.extension)
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

// planned is the result of newExtension.
type planned struct {
	extension *Extension
	found     diag.List
	err       error
}

// planAll plans the extensions in dirs side by side.
func planAll(ctx context.Context, dirs []string, opts Options) []planned {
	if unpack := opts.Unpack; unpack != nil {
		var mu sync.Mutex
		opts.Unpack = func(ctx context.Context, archive string) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			return unpack(ctx, archive)
		}
	}
	all := make([]planned, len(dirs))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, dir := range dirs {
		group.Go(func() error {
			one := &all[i]
			one.extension, one.found, one.err = newExtension(ctx, dir, opts)
			return nil
		})
	}
	_ = group.Wait() // the errors are in the results
	return all
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
	e := &Extension{Dir: filepath.Clean(dir), Descriptor: descriptor, Slug: extension.Slug(descriptor.Info.ID)}
	e.mergeSettings(opts, defaults, origin)
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

// mergeSettings sets the labels and annotations. origin are annotations of the
// Git repository, which everything else overrides.
func (e *Extension) mergeSettings(opts Options, defaults Defaults, origin map[string]string) {
	own := e.Descriptor.Metadata.Extpack
	e.Labels = merge(merge(defaults.Labels, own.Labels), opts.Labels)
	e.LabelPositions = positions(opts.Labels, defaults.LabelPositions, own.LabelPositions)
	given := opts.Annotations.At(annotation.Index, platform.Identity{})
	e.Annotations = merge(merge(merge(origin, defaults.Annotations), own.Annotations), given)
	git := map[string]diag.Position{}
	for name := range origin {
		git[name] = diag.Position{File: e.Descriptor.File}
	}
	e.AnnotationPositions = positions(given, git, defaults.AnnotationPositions, own.AnnotationPositions)
	e.Placed = slices.DeleteFunc(slices.Clone(opts.Annotations), func(a annotation.Annotation) bool { return a.Place == annotation.Index })
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
				list.Errorf(diag.Position{}, "tag %s is used for both %s and %s", tag, other, name).Hint = "put {{.Slug}} or {{.Version}} into the tag"
			}
			tagged[tag] = name
		}
	}
}

func merge(under, over map[string]string) map[string]string {
	out := make(map[string]string, len(under)+len(over))
	maps.Copy(out, under)
	maps.Copy(out, over)
	return out
}
