package exttest

import (
	"context"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// platformsOf returns the platforms to test an extension on: those of its
// package, or of the build image if it is for any.
func (r *runner) platformsOf(ctx context.Context, s *Subject, buildImage string) ([]v1.Platform, error) {
	var all []v1.Platform
	for _, image := range s.Images {
		if image.Any {
			found, err := r.bases.platforms(ctx, buildImage)
			if err != nil {
				return nil, err
			}
			all = found
			break
		}
		p := v1.Platform{OS: image.Platform.OS, Architecture: image.Platform.Architecture, Variant: image.Platform.Variant}
		if !slices.ContainsFunc(all, func(o v1.Platform) bool { return platform.Equal(o, p) }) {
			all = append(all, p)
		}
	}
	if len(r.wanted(all)) == 0 {
		return nil, diag.WithHint(diag.Invalidf("%s has none of the platforms of --target", s), "it has "+names(all))
	}
	return all, nil
}

// wanted returns those of platforms to test on.
func (r *runner) wanted(platforms []v1.Platform) []v1.Platform {
	if len(r.Platforms) == 0 {
		return platforms
	}
	var wanted []v1.Platform
	for _, p := range platforms {
		if slices.ContainsFunc(r.Platforms, func(o v1.Platform) bool { return platform.Equal(o, p) }) {
			wanted = append(wanted, p)
		}
	}
	return wanted
}

func names(platforms []v1.Platform) string {
	all := make([]string, len(platforms))
	for i, p := range platforms {
		all[i] = platform.Format(p)
	}
	return strings.Join(all, ", ")
}

// applicable returns the platforms that a case applies to. A package that is for
// any platform has all that a case names.
func (s *Subject) applicable(test *extension.TestCase, platforms []v1.Platform) ([]v1.Platform, error) {
	if len(test.Targets) == 0 {
		return platforms, nil
	}
	anyPlatform := slices.ContainsFunc(s.Images, func(i Image) bool { return i.Any })
	var out []v1.Platform
	var list diag.List
	for _, e := range test.Targets {
		want, err := platform.ParsePlatform(e.Value)
		if err != nil {
			list.Errorf(e.Position, "%v", err)
			continue
		}
		equal := func(p v1.Platform) bool { return platform.Equal(want, p) }
		switch {
		case !anyPlatform && !slices.ContainsFunc(platforms, equal) && !s.Partial:
			list.Errorf(e.Position, "%s is not for %s; it has %s", s, e.Value, names(platforms))
		case (anyPlatform || slices.ContainsFunc(platforms, equal)) && !slices.ContainsFunc(out, equal):
			out = append(out, want)
		}
	}
	return out, list.Err()
}

// support finds the platforms that the builder does not run reliably.
func (r *runner) support(ctx context.Context) error {
	type answer struct {
		emulated bool
		reason   string
	}
	known := map[string]answer{}
	for _, one := range r.runs {
		if one.ended() {
			continue
		}
		a, ok := known[one.Platform]
		if !ok {
			var err error
			if a.emulated, a.reason, err = r.Support(ctx, one.platform); err != nil {
				return err
			}
			known[one.Platform] = a
		}
		one.Emulated = a.emulated && a.reason == ""
		if a.reason != "" {
			one.Status, one.Reason = NotRun, a.reason
		}
	}
	return nil
}
