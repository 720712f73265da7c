package bake

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/text"
)

// reservedAttributes are the attributes that the plan sets, each with the flag
// to use instead.
var reservedAttributes = map[string]string{
	"output": "-o or --push", "outputs": "-o or --push", "platform": "--target", "platforms": "--target", "tags": "--tag",
	"push": "--push", "load": "--load", "labels": "--label", "annotations": "--annotation", "call": "\"docker buildx bake --call\"",
	"context": "a folder argument", "dockerfile": "platform folders", "dockerfile-inline": "platform folders", "target": "platform folders",
}

// planArg matches the build arguments for paths.
var planArg = lazyregexp.New(`^(DEST|DESCRIPTOR|FRESH|ROOT(_.*)?|FILE_[0-9]+)$`)

// setKeys are the other attributes that --set supports in buildx 0.37; the
// value is true for those with a name.
var setKeys = map[string]bool{
	"args": true, "attest": false, "cache-from": false, "cache-to": false, "contexts": true, "entitlements": false,
	"extra-hosts": true, "network": false, "no-cache": false, "no-cache-filter": false, "policy": false, "pull": false,
	"resources": true, "secret": true, "secrets": false, "shm-size": false, "ssh": false, "ulimits": false,
}

const setForm = "write it as TARGET.KEY=VALUE"

// CheckSet returns a [*diag.InvalidError] for overrides that contradict the
// plan, and for those that buildx does not support.
func CheckSet(set []string) error {
	for _, s := range set {
		_, attribute, name, _ := splitSet(s)
		if flag, ok := reservedAttributes[attribute]; ok {
			return diag.WithHint(diag.Invalidf("--set %s: %s is set by docker extpack", s, attribute), "use "+flag+" instead")
		}
		if attribute == "args" && planArg.Get().MatchString(name) {
			return diag.WithHint(diag.Invalidf("--set %s: the argument %s is set by docker extpack", s, name), "change the folders of the extension instead")
		}
	}
	return CheckSetForm(set)
}

// CheckSetForm returns an error for overrides that buildx does not support.
func CheckSetForm(set []string) error {
	for _, s := range set {
		target, attribute, name, value := splitSet(s)
		takesName, ok := setKeys[attribute]
		if _, decided := reservedAttributes[attribute]; decided {
			takesName, ok = attribute == "labels", true
		}
		switch {
		case target == "" || attribute == "":
			return diag.WithHint(diag.Invalidf("--set %q has no target and key", s), setForm)
		case !ok:
			return choice.Check("--set "+s+": the key", attribute, slices.Sorted(maps.Keys(setKeys))...)
		case takesName && name == "":
			return diag.WithHint(diag.Invalidf("--set %s: %s requires a name", s, attribute), fmt.Sprintf("write it as TARGET.%s.NAME=VALUE", attribute))
		case !strings.Contains(s, "=") && attribute != "args":
			return diag.WithHint(diag.Invalidf("--set %s has no value", s), setForm)
		case attribute == "no-cache" || attribute == "pull":
			if _, err := strconv.ParseBool(value); err != nil {
				return diag.WithHint(diag.Invalidf("--set %s: %q is not a boolean", s, value), "use true or false")
			}
		}
	}
	return nil
}

// splitSet splits TARGET.KEY[.NAME][+]=VALUE.
func splitSet(s string) (target, key, name, value string) {
	path, value, _ := strings.Cut(s, "=")
	target, key, _ = strings.Cut(strings.TrimSuffix(path, "+"), ".")
	key, name, _ = strings.Cut(key, ".")
	return target, key, name, value
}

// CheckSetTargets returns an error for overrides of targets that the plan's
// bake file does not have.
func CheckSetTargets(p *plan.Plan, set []string) error {
	if len(set) == 0 {
		return nil
	}
	targets, err := Targets(p)
	if err != nil {
		return err
	}
	var known []string
	of := byExtension(targets)
	for _, e := range p.Extensions {
		known = append(known, names(e, of[e])...)
	}
	// The block of a matrix is not a target itself.
	known = slices.DeleteFunc(known, func(name string) bool { return strings.HasSuffix(name, platformSuffix) })
	for _, s := range set {
		pattern, _, _ := strings.Cut(s, ".")
		found := slices.ContainsFunc(known, func(name string) bool {
			ok, err := path.Match(pattern, name)
			return name == pattern || err == nil && ok
		})
		if found {
			continue
		}
		return diag.WithHint(diag.Invalidf("--set %s: the target %q does not exist%s", s, pattern, text.DidYouMean(pattern, known)), choice.Hint(known))
	}
	return nil
}

// ProgressModes are the values of --progress.
var ProgressModes = []string{"auto", "plain", "tty", "rawjson", "quiet"}

// CheckProgress returns an error for a mode that buildx does not support. "" is
// the default.
func CheckProgress(mode string) error {
	if mode == "" {
		return nil
	}
	return choice.Check("--progress", mode, ProgressModes...)
}
