package plan

import (
	"slices"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// selectTargets returns the targets to build from the first source that has
// any: flags, package.toml, the descriptor, platform folders, and the defaults.
// If there are none, the content of the extension decides.
func selectTargets(dir string, d *extension.Descriptor, pkg *extension.Package, flags, defaults []extension.Target) ([]extension.Target, error) {
	complete := slices.DeleteFunc(slices.Clone(d.Targets), func(t extension.Target) bool { return !t.Complete() })
	switch {
	case len(flags) > 0:
		return inherit(flags, d.Targets), nil
	case pkg != nil && len(pkg.Targets) > 0:
		return inherit(pkg.Targets, d.Targets), nil
	case len(complete) > 0:
		return complete, nil
	}
	found, err := platform.Discover(dir)
	if len(found) == 0 {
		found = defaults
	}
	return inherit(found, d.Targets), err
}

// inherit completes a target of another source from the descriptor: it sets the
// path and, if the target has no distros, the distros.
func inherit(chosen, declared []extension.Target) []extension.Target {
	var out []extension.Target
	for _, t := range chosen {
		same := declaredAs(t, declared)
		switch {
		case len(same) == 0:
			out = append(out, t)
		case len(t.Distros) > 0:
			out = append(out, withPaths(t, same)...)
		default:
			for _, d := range same {
				filled := withPath(t, d)
				filled.Distros = d.Distros
				out = append(out, filled)
			}
		}
	}
	return out
}

// declaredAs returns the declared targets for the platform of t: those that
// name it, or else less specific ones that match.
func declaredAs(t extension.Target, declared []extension.Target) []extension.Target {
	of := platform.Of(t)
	var named, open []extension.Target
	for _, d := range declared {
		switch {
		case d.Complete() && platform.Equal(platform.Of(d), of):
			named = append(named, d)
		case !d.Complete() && (d.OS == "" || d.OS == of.OS) && (d.Arch == "" || d.Arch == of.Architecture) && (d.Variant == "" || d.Variant == of.Variant):
			open = append(open, d)
		}
	}
	if len(named) > 0 {
		return named
	}
	return open
}

// withPaths sets the paths of a target with distros from the descriptor. It
// returns a target for each run of distros with the same path.
func withPaths(t extension.Target, same []extension.Target) []extension.Target {
	var out []extension.Target
	for _, distro := range t.Distros {
		filled := t
		if i := declaredFor(distro, same); i >= 0 {
			filled = withPath(t, same[i])
		}
		if n := len(out); n > 0 && out[n-1].Path == filled.Path {
			out[n-1].Distros = append(out[n-1].Distros, distro)
			continue
		}
		filled.Distros = []extension.Distro{distro}
		out = append(out, filled)
	}
	return out
}

// declaredFor returns the index of the target that names the distro, or else of
// one for any distro, or else -1.
func declaredFor(distro extension.Distro, same []extension.Target) int {
	i := slices.IndexFunc(same, func(d extension.Target) bool { return slices.Contains(d.Distros, distro) })
	if i >= 0 {
		return i
	}
	return slices.IndexFunc(same, func(d extension.Target) bool { return len(d.Distros) == 0 })
}

func withPath(t, declared extension.Target) extension.Target {
	if t.Path == "" {
		t.Path, t.PathPosition = declared.Path, declared.PathPosition
	}
	return t
}

// checkUnique reports targets that result in the same image. The targets of a
// file are checked when it is read, but those of flags, and the inherited ones,
// are not.
func checkUnique(list *diag.List, targets []extension.Target) {
	seen := map[platform.Identity]bool{}
	for _, t := range targets {
		for _, d := range distrosOf(t) {
			id := platform.NewIdentity(platform.Of(t), d)
			if seen[id] {
				list.Errorf(t.Position, "target %s is specified twice", name(t, d))
			}
			seen[id] = true
		}
	}
}

func name(t extension.Target, d extension.Distro) string {
	return platform.NewIdentity(platform.Of(t), d).String()
}

// distrosOf returns the distros of a target, or the zero distro if it has none.
func distrosOf(t extension.Target) []extension.Distro {
	if len(t.Distros) == 0 {
		return []extension.Distro{{}}
	}
	return t.Distros
}
