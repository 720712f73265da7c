package plan

import (
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// selectTargets gives the targets to build, strongest source first: flags,
// package.toml, the descriptor, platform folders. None means the builder's own
// platform.
func selectTargets(dir string, d *extension.Descriptor, pkg *extension.Package, flags []extension.Target) ([]extension.Target, error) {
	switch {
	case len(flags) > 0:
		return inherit(flags, d.Targets), nil
	case pkg != nil && len(pkg.Targets) > 0:
		return inherit(pkg.Targets, d.Targets), nil
	case len(d.Targets) > 0:
		return d.Targets, nil
	default:
		return platform.Discover(dir)
	}
}

// inherit fills in what a target chosen elsewhere leaves to the descriptor:
// where its files are and, when it names no distro, for which distros it is.
func inherit(chosen, declared []extension.Target) []extension.Target {
	var out []extension.Target
	for _, t := range chosen {
		matches := 0
		for _, d := range declared {
			if !platform.Equal(platform.Of(d), platform.Of(t)) {
				continue
			}
			filled := t
			if filled.Path == "" {
				filled.Path, filled.PathPosition = d.Path, d.PathPosition
			}
			if len(t.Distros) == 0 {
				filled.Distros = d.Distros
			} else if matches > 0 || !shareDistro(t, d) {
				continue
			}
			matches++
			out = append(out, filled)
		}
		if matches == 0 {
			out = append(out, t)
		}
	}
	return out
}

func shareDistro(t, declared extension.Target) bool {
	if len(declared.Distros) == 0 {
		return true
	}
	for _, a := range t.Distros {
		for _, b := range declared.Distros {
			if a == b {
				return true
			}
		}
	}
	return false
}

// identity tells the images of an index apart.
type identity struct {
	os, arch, variant string
	distro            extension.Distro
}

// checkUnique reports targets that ask for the same image twice. A file's own
// targets are checked when it is read; flags and what they inherit are not.
func checkUnique(list *diag.List, targets []extension.Target) {
	seen := map[identity]bool{}
	for _, t := range targets {
		for _, d := range distrosOf(t) {
			id := identityOf(platform.Of(t), d)
			if seen[id] {
				list.Errorf(t.Position, "target %s is given twice", name(t, d))
			}
			seen[id] = true
		}
	}
}

func identityOf(p v1.Platform, d extension.Distro) identity {
	return identity{p.OS, p.Architecture, p.Variant, d}
}

func name(t extension.Target, d extension.Distro) string {
	return strings.TrimSuffix(platform.Format(platform.Of(t))+":"+d.String(), ":")
}

// distrosOf gives the distros of a target, the zero distro when it names none.
func distrosOf(t extension.Target) []extension.Distro {
	if len(t.Distros) == 0 {
		return []extension.Distro{{}}
	}
	return t.Distros
}
