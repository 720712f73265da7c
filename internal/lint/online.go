package lint

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/mod/semver"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/runimage"
)

// Online adds what only registries know: whether the images that the static
// run.Dockerfiles start from are there for every target, and whether the version
// is greater than those that are published. The extension must have a plan.
func Online(ctx context.Context, client *registry.Client, r *Report) error {
	if r.Plan == nil {
		return nil
	}
	var list diag.List
	_, err := runimage.Check(ctx, runimage.Registry(client), runimage.Request{Extensions: []string{r.Name}})
	if err != nil && !diag.IsInvalid(err) {
		return err
	}
	for _, d := range diag.Of(err) {
		if d.Rule != "" || slices.ContainsFunc(r.Findings, func(o diag.Diagnostic) bool { return o.Severity == diag.Error && o.File == d.File && o.Line == d.Line }) {
			continue // the file itself is at fault
		}
		d.Rule = rules.RunImagePlatform.ID
		list = append(list, d)
	}
	for _, tag := range r.Plan.Tags {
		found, err := checkVersion(ctx, client, r, tag)
		if err != nil {
			return err
		}
		list = append(list, found...)
	}
	r.Findings = append(r.Findings, r.Extension.Metadata.Extpack.Lint.Filter(r.Name, list, nil)...)
	return nil
}

// checkVersion compares the version with the published tags of the repository.
func checkVersion(ctx context.Context, client *registry.Client, r *Report, tag string) (diag.List, error) {
	ref, err := registry.ParseReference(tag)
	if err != nil {
		return nil, err
	}
	tags, err := client.Tags(ctx, ref)
	if err != nil {
		return nil, err
	}
	version := r.Extension.Info.Version
	newest := ""
	for _, t := range tags {
		if semver.IsValid("v"+t) && semver.Compare("v"+t, "v"+newest) > 0 {
			newest = t
		}
	}
	if newest == "" || semver.Compare("v"+version, "v"+newest) > 0 {
		return nil, nil
	}
	what := fmt.Sprintf("version %s is not greater than %s, which is already published", version, newest)
	if version == newest {
		what = fmt.Sprintf("version %s is already published", version)
	}
	return diag.List{rules.VersionPublished.At(diag.Position{File: r.Extension.File}, "%s in %s", what, ref.RepositoryName())}, nil
}
