package lint

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/rules"
)

// unusedRoots reports platform folders without a target, and targets without a
// folder where others have one.
func unusedRoots(e *plan.Extension) diag.List {
	var list diag.List
	own, rooted := map[string]bool{}, 0
	for _, image := range e.Images {
		own[image.Root] = true
		if image.Root != platform.RootDir {
			rooted++
		}
	}
	for _, folder := range platform.Folders(e.Dir) {
		used := false
		for root := range own {
			used = used || root == folder || strings.HasPrefix(root, folder+"/") || strings.HasPrefix(folder, root+"/") && root != platform.RootDir
		}
		if !used {
			list = append(list, rules.RootUnused.At(diag.Position{File: filepath.Join(e.Dir, filepath.FromSlash(folder))}, "no target has the platform folder %s", folder))
		}
	}
	for _, image := range e.Images {
		if rooted > 0 && image.Root == platform.RootDir && !image.NeedsBuild() {
			list = append(list, rules.RootUnused.At(diag.Position{File: e.Descriptor.File}, "%s has no platform folder, but other targets have one", image))
		}
	}
	return list
}

// except applies the exceptions of a descriptor, and reports those that turn
// nothing off.
func except(dir string, d *extension.Descriptor, list diag.List) diag.List {
	if d == nil {
		return list
	}
	exceptions := d.Metadata.Extpack.Lint
	used := map[int]bool{}
	list = exceptions.Filter(dir, list, func(i int) { used[i] = true })
	for i, x := range exceptions {
		rule := rules.ByID(x.Rule)
		if used[i] || rule == nil || rule.Required || rule.Online || rule.Run || reportedByParser(x.Rule) {
			continue
		}
		list = append(list, rules.LintException.At(x.Position, "the exception has no effect: %s has no finding", x.Rule))
	}
	return list
}

// reportedByParser reports whether findings of a rule are filtered before they
// get here.
func reportedByParser(id string) bool {
	return slices.Contains([]string{
		rules.APIUnsupported.ID, rules.IDUnderscore.ID, rules.Order.ID, rules.LicenseEmpty.ID, rules.Homepage.ID, rules.UnknownKey.ID,
		rules.DeprecatedKey.ID, rules.OldSpelling.ID, rules.SettingIgnored.ID, rules.TargetToolchain.ID, rules.TargetVariant.ID, rules.DistroSpelling.ID,
	}, id)
}

// Together reports what is wrong with several extensions of one run.
func Together(reports []*Report) {
	var all []*extension.Descriptor
	for _, r := range reports {
		if r.Extension == nil {
			continue
		}
		if d := SameButCase(all, r.Extension); d != nil {
			r.Findings = append(r.Findings, r.Extension.Metadata.Extpack.Lint.Filter(r.Name, diag.List{*d}, nil)...)
		}
		all = append(all, r.Extension)
	}
}

// SameButCase returns a finding when an extension's id is that of another but for
// case, nil when it is not.
func SameButCase(others []*extension.Descriptor, d *extension.Descriptor) *diag.Diagnostic {
	for _, other := range others {
		if id := other.Info.ID; id != d.Info.ID && strings.EqualFold(id, d.Info.ID) {
			found := rules.IDCase.At(diag.Position{File: d.File}, "id %s differs from that of %s only by case: %s", d.Info.ID, filepath.Dir(other.File), id)
			return &found
		}
	}
	return nil
}
