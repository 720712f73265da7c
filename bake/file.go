// Package bake writes a plan as a bake file and runs it with buildx.
//
// The bake file is independent of the content of files and can be committed: it
// changes only if a descriptor or the folders of an extension change. It contains
// the results of a build (diffIDs) only if they are specified, see [FileOptions].
//
// Packages below internal read the results, add labels and publish.
package bake

import (
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/plan"
)

// FileName is a name that buildx finds by default.
const FileName = "docker-bake.hcl"

// FileOptions are the options of [File].
type FileOptions struct {
	// Arguments are the arguments of docker extpack bake that write the same
	// file, relative to its folder. The header records them.
	Arguments []string
	// DiffIDs are the diffIDs of the images of each extension, in plan order.
	// With them, images have all labels. If nil, the file does not depend on the
	// content of other files.
	DiffIDs map[*plan.Extension][]digest.Digest
}

// File returns the bake file of a plan. Paths in it are relative to dir, the
// working directory of buildx. File returns a [*diag.InvalidError] if an
// extension requests access that was not granted, because plain buildx would
// grant what the file requests, and for labels and annotations that buildx would
// change.
func File(p *plan.Plan, dir string, opts FileOptions) ([]byte, error) {
	if opts.DiffIDs != nil {
		if err := CheckComplete(p); err != nil {
			return nil, err
		}
	}
	const what, hint = "bake files require", "write it in form C"
	if err := errors.Join(p.CheckLabels(what, hint), p.CheckAnnotations(what, hint)); err != nil {
		return nil, err
	}
	how := published
	how.public = true
	return file(p, dir, how, opts)
}

func file(p *plan.Plan, dir string, how spelling, opts FileOptions) ([]byte, error) {
	if err := p.Missing(); err != nil {
		return nil, err
	}
	targets, err := Targets(p)
	if err != nil {
		return nil, err
	}
	if opts.DiffIDs != nil {
		targets = joinSources(p, targets)
	}
	w := &fileWriter{
		File: hcl.New(), dir: dir, spelling: how, options: opts, plan: p, targets: targets, of: byExtension(targets),
		matrices: matrices(targets), suffixes: suffixes(p),
	}
	w.writeHeader()
	if err := w.writeVariables(); err != nil {
		return nil, err
	}
	w.writeGroups()
	w.writeShared()
	for _, e := range p.Extensions {
		if err := w.writeExtension(e); err != nil {
			return nil, fmt.Errorf("writing the bake targets of %s: %w", e.Descriptor.Info, err)
		}
	}
	return w.Bytes(), nil
}

type fileWriter struct {
	*hcl.File
	dir string
	spelling
	options FileOptions
	plan    *plan.Plan
	targets []Target
	// of are the targets of each extension.
	of map[*plan.Extension][]Target
	// matrices are the names of the platform matrices, by target.
	matrices map[string]string
	// suffixes are the ends of the names of the variables of each extension.
	suffixes map[*plan.Extension]string
}

func (w *fileWriter) writeGroups() {
	var all []string
	for _, t := range w.targets {
		all = append(all, t.Name)
	}
	w.Newline()
	w.ShortBlock("group", "default", "targets", all)
	for _, e := range w.plan.Extensions {
		for _, g := range distroGroups(e, w.of[e]) {
			w.Newline()
			w.ShortBlock("group", g.name, "targets", g.targets)
		}
	}
}

type group struct {
	name    string
	targets []string
}

// distroGroups returns the groups that replace a target if every distro of a
// platform, or of the whole extension, has a separate target.
func distroGroups(e *plan.Extension, targets []Target) []group {
	groups := []group{{name: baseName(e)}}
	places := map[string]int{}
	shared := false
	for _, t := range targets {
		groups[0].targets = append(groups[0].targets, t.Name)
		if t.shared() {
			shared = true
			continue
		}
		name := platformName(e, e.Images[t.Images[0]])
		if t.Name == name {
			continue // the target itself builds the platform
		}
		i, ok := places[name]
		if !ok {
			i = len(groups)
			places[name] = i
			groups = append(groups, group{name: name})
		}
		groups[i].targets = append(groups[i].targets, t.Name)
	}
	if shared {
		return groups[1:]
	}
	return groups
}
