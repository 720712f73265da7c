package verify

import (
	"archive/tar"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/rules"
)

// bitsExec are the bits of a mode that make a file executable.
const bitsExec = 0o111

// isExecutable reports whether a file is meant to be run.
func (e *entry) isExecutable() bool { return e.kind == tar.TypeReg && e.mode&bitsExec != 0 }

// checkRules checks the extension in an image by the rules for its files. The
// files of a build from a directory have been checked there, except for the
// platform of programs.
func (c *checker) checkRules(i *image) {
	if i.tree == nil {
		return
	}
	stage := c.fromStage(i)
	known := c.opts.Promise != nil && !stage
	var list, advice diag.List
	e := i.tree.file(i.dir + "/" + extension.DescriptorFile)
	if e != nil && e.data != nil && c.counts[countKey{idDescriptorInvalid, i.name}] == 0 {
		d := c.parse(e)
		i.descriptor, advice = d.parsed, d.advice
		if !known {
			list = d.problems
		}
	}
	found := c.lint(lintKey{i.tree, i.labels.api, platform.Identity{OS: i.platform.OS, Architecture: i.platform.Architecture, Variant: i.platform.Variant}, i.any, known, stage}, i)
	if found.err != nil {
		c.report(idDescriptorInvalid, i, "", "%v", found.err)
		return
	}
	list = slices.Concat(list, found.list, advice)
	if i.descriptor != nil {
		list = i.descriptor.Metadata.Extpack.Lint.Filter("", list, nil)
		c.exceptAPI(i)
	}
	for _, d := range list {
		c.reportRule(i, d)
	}
}

// lintKey are the properties of an image by which the rules judge its files.
type lintKey struct {
	tree              *tree
	api               string
	platform          platform.Identity
	any, known, stage bool
}

type lintResult struct {
	list diag.List
	err  error
}

// lint checks the files of an image by the rules for them, once for all images
// of the same properties.
func (c *checker) lint(key lintKey, i *image) lintResult {
	if r, ok := c.linted[key]; ok {
		return r
	}
	files := i.tree.lint
	if files == nil || files.all == key.known {
		files = i.tree.lintFiles(!key.known)
		i.tree.lint = files
	}
	list, err := lint.Check(lint.Image{
		API: i.labels.api, Platform: i.platform, AnyPlatform: i.any, Files: files.byPath, OnlyExecutables: key.known, Incomplete: key.stage, AllowSecrets: c.opts.AllowSecrets,
		Read: files.read,
		Inspect: func(f *content.File) (lint.Inspection, error) {
			e := files.entries[f.Path]
			return lint.Inspection{Program: e.exe, Fault: e.fault, Secret: e.secret}, nil
		},
	})
	c.linted[key] = lintResult{list, err}
	return c.linted[key]
}

// exceptAPI removes the finding of an unsupported api in the label of an image
// whose descriptor has an exception from that rule: the label repeats the
// descriptor.
func (c *checker) exceptAPI(i *image) {
	found := rules.APIUnsupported.At(diag.Position{File: extension.DescriptorFile}, "%s", i.labels.api)
	if len(i.descriptor.Metadata.Extpack.Lint.Filter("", diag.List{found}, nil)) > 0 {
		return
	}
	c.findings = slices.DeleteFunc(c.findings, func(f Finding) bool { return f.ID == idAPIUnsupported && f.Platform == i.name })
}

// reportRule adds a finding of a rule, unless it was reported for the label.
func (c *checker) reportRule(i *image, d diag.Diagnostic) {
	_, both := catalogue[d.Rule]
	if both && c.counts[countKey{d.Rule, i.name}] > 0 || d.Severity == diag.Note && !c.opts.Advice {
		return
	}
	f := Finding{ID: d.Rule, Severity: Severity(d.Severity.String()), Platform: i.name, Subject: d.File, Line: d.Line, Column: d.Column, Message: d.Message, Hint: d.Hint}
	if rule := rules.ByID(d.Rule); rule != nil && f.Hint == "" {
		f.Hint = rule.Fix
	}
	c.add(f)
}

// lintFiles are the files of a tree for package lint.
type lintFiles struct {
	byPath  content.Files
	entries map[string]*entry
	all     bool
}

// lintFiles returns all files of a tree, or those that matter to the rules for
// executables: most files of large packages do not.
func (t *tree) lintFiles(all bool) *lintFiles {
	out := &lintFiles{content.Files{}, map[string]*entry{}, all}
	for _, e := range t.entries {
		if !t.inside(e.name) || e.name == t.dir || t.files[e.name] != e {
			continue
		}
		name := t.rel(e.name)
		if !all && e.kind == tar.TypeReg && !e.isExecutable() && e.exe == nil && !slices.Contains(extension.EntryPoints(), name) {
			continue
		}
		f := &content.File{Path: name, Source: name, Mode: fs.FileMode(e.mode & 0o777), Size: e.size}
		switch e.kind {
		case tar.TypeReg:
		case tar.TypeDir:
			f.Mode |= fs.ModeDir
		case tar.TypeSymlink:
			f.Mode |= fs.ModeSymlink
			f.SetTarget(t.relativeLink(e))
		case tar.TypeLink:
			first := t.file(e.name)
			if first == nil || first.kind != tar.TypeReg {
				continue // was reported
			}
			e, f.Size = first, first.size
		default:
			continue // was reported
		}
		out.byPath[name], out.entries[name] = f, e
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := out.byPath[dir]; ok {
				break // so were its parents
			}
			out.byPath[dir] = &content.File{Path: dir, Source: dir, Mode: fs.ModeDir | 0o755}
		}
	}
	return out
}

// relativeLink returns the target of a symbolic link. It is relative to the
// link if it is an absolute path in the extension's directory.
func (t *tree) relativeLink(e *entry) string {
	target, ok := strings.CutPrefix(e.link, "/"+t.dir+"/")
	if !ok {
		return e.link
	}
	return strings.Repeat("../", strings.Count(t.rel(e.name), "/")) + target
}

func (l *lintFiles) read(f *content.File, limit int64) ([]byte, error) {
	e := l.entries[f.Path]
	if e == nil || e.data == nil && e.size > 0 {
		return nil, lint.ErrNotKept
	}
	return e.data[:min(int64(len(e.data)), limit)], nil
}
