package lint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/workspace"
)

// Report is what was found in one directory or package.
type Report struct {
	// Name is how the user named it.
	Name string
	// Extension is nil when the descriptor cannot be used.
	Extension *extension.Descriptor
	// Plan is the plan of a directory, nil when it cannot be built.
	Plan     *plan.Extension
	Findings diag.List
	// Package says that the files are those of a package, for these platforms.
	Package   bool
	Platforms []string
}

// Dir checks the extension in a directory. A version replaces the descriptor's
// unless it is empty; see [extension.ParseVersion]. The error is trouble with
// reading.
func Dir(ctx context.Context, dir, version string) (*Report, error) {
	p, warnings, err := plan.New(ctx, []string{dir}, plan.Options{Version: version, Defaults: workspace.DefaultsOf})
	r := &Report{Name: dir}
	switch {
	case diag.IsInvalid(err):
		return r, r.unplanned(ctx, version, slices.Concat(warnings, diag.Of(err)))
	case err != nil:
		return nil, err
	}
	r.Plan = p.Extensions[0]
	r.Extension = r.Plan.Descriptor
	for _, found := range warnings {
		r.Findings = add(r.Findings, found)
	}
	r.Findings = append(r.Findings, Descriptor(r.Extension)...)
	if err := r.check(ctx, r.Plan.Dir, planned(r.Plan)); err != nil {
		return nil, err
	}
	r.Findings = append(r.Findings, unusedRoots(r.Plan)...)
	r.Findings = except(r.Plan.Dir, r.Extension, r.Findings)
	return r, nil
}

// unplanned checks an extension that cannot be built, as far as it can be read.
func (r *Report) unplanned(ctx context.Context, version string, problems diag.List) error {
	d, list, err := extension.ReadAs(r.Name, version)
	if err != nil && !diag.IsInvalid(err) {
		return err
	}
	r.Extension, r.Findings = d, list
	info, statErr := os.Stat(r.Name)
	if statErr != nil || !info.IsDir() {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(r.Name, extension.DescriptorFile)); errors.Is(err, fs.ErrNotExist) {
		return nil // what is there is no extension
	}
	images, err := unplanned(ctx, r.Name, d, &r.Findings)
	if err != nil {
		return err
	}
	for _, found := range problems {
		r.Findings = add(r.Findings, found)
	}
	if d != nil {
		r.Findings = append(r.Findings, Descriptor(d)...)
	}
	if err := r.check(ctx, r.Name, images); err != nil {
		return err
	}
	r.Findings = except(r.Name, d, r.Findings)
	return nil
}

// check adds what is wrong with the files of images in dir.
func (r *Report) check(ctx context.Context, dir string, images []Image) error {
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("reading %s: %w", dir, err)
	}
	defer root.Close()
	found, err := checkImages(ctx, root, images)
	if err != nil {
		return fmt.Errorf("reading %s: %w", dir, err)
	}
	r.Findings = slices.Concat(r.Findings, found, sourceModes(dir, images))
	return nil
}

// Plan checks the files that a planned extension will hold.
func Plan(ctx context.Context, e *plan.Extension, allowSecrets bool) (diag.List, error) {
	root, err := safefile.OpenRoot(e.Dir)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", e.Dir, err)
	}
	defer root.Close()
	images := planned(e)
	for i := range images {
		images[i].AllowSecrets = allowSecrets
	}
	list, err := checkImages(ctx, root, images)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", e.Dir, err)
	}
	return e.Descriptor.Metadata.Extpack.Lint.Filter(e.Dir, list, nil), nil
}

// add appends a finding of the plan. Those that the descriptor has already been
// blamed for are left out.
func add(list diag.List, d diag.Diagnostic) diag.List {
	switch {
	case d.Rule == "" && d.Severity == diag.Error:
		d.Rule = rules.Plan.ID
	case d.Rule == "":
		d.Rule = rules.PlanDoubtful.ID
	}
	same := func(o diag.Diagnostic) bool { return o.Position == d.Position && o.Message == d.Message }
	if slices.ContainsFunc(list, same) {
		return list
	}
	return append(list, d)
}

// planned returns the images of a plan as they are checked.
func planned(e *plan.Extension) []Image {
	var images []Image
	for _, image := range e.Images {
		images = append(images, Image{
			Dir: e.Dir, API: e.Descriptor.API, Platform: image.Platform, AnyPlatform: image.Any, Incomplete: image.NeedsBuild(), Files: packedModes(image.Files),
		})
	}
	return images
}

// packedModes returns files with the modes that they have in a package: what
// anyone may execute, everyone may.
func packedModes(files content.Files) content.Files {
	packed := maps.Clone(files)
	for name, f := range packed {
		if f.Mode.IsRegular() && f.Mode&0o111 != 0 && f.Mode&0o111 != 0o111 {
			one := *f
			one.Mode |= 0o111
			packed[name] = &one
		}
	}
	return packed
}

// unplanned returns one image of all files of an extension that cannot be
// planned, so that the files are checked anyway.
func unplanned(ctx context.Context, dir string, d *extension.Descriptor, list *diag.List) ([]Image, error) {
	tree, err := content.Read(ctx, dir)
	if err != nil {
		if !diag.IsInvalid(err) {
			return nil, err
		}
		for _, found := range diag.Of(err) {
			*list = add(*list, found)
		}
		return nil, nil
	}
	files, err := tree.Apply([]content.Step{{Source: ".", Dest: ".", Exclude: content.Never()}})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{detectFile, generateBin} {
		if f, ok := files[name]; ok && f.Mode.IsRegular() {
			one := *f
			one.Mode |= 0o111
			files[name] = &one
		}
	}
	image := Image{Dir: filepath.Clean(dir), Files: packedModes(files), Incomplete: len(platform.Folders(dir)) > 0}
	if d != nil {
		image.API = d.API
		image.Incomplete = image.Incomplete || d.Metadata.Extpack.Build != nil
	}
	return []Image{image}, nil
}
