package bake

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/plan"
)

// Attest builds the plan again, from the cache, one platform per target, with
// attestations and with the labels of each image, which depend on the layers of
// the first build. BuildKit thus attests the image that is published. attest
// are settings such as "type=provenance,mode=max"; labels are keyed by image.
func (e *Engine) Attest(ctx context.Context, p *plan.Plan, labels func(e *plan.Extension, image int) map[string]string, attest []string, dir string) ([]plan.Built, error) {
	targets, err := Targets(p)
	if err != nil {
		return nil, err
	}
	how := attested(p)
	how.cached = true
	file, err := writeFile(p, dir, how)
	if err != nil {
		return nil, err
	}
	opts := e.Options
	opts.NoCache = false // this build must use the cache of the first one
	labelled := hcl.New()
	var args []string
	var built []plan.Built
	var names []string
	for _, t := range targets {
		allowed, err := e.allowArgs(t)
		if err != nil {
			return nil, err
		}
		args = append(args, allowed...)
		for _, one := range t.perPlatform() {
			out := outputDir(dir, one)
			if err := os.MkdirAll(out, 0o755); err != nil {
				return nil, fmt.Errorf("creating output folder: %w", err)
			}
			args = append(args, "--allow", "fs.write="+out, "--set", one.Name+".output="+output(out, t.Extension.Compression.Attributes())+",name="+subject(t.Extension))
			writeLabels(labelled, one, labels(t.Extension, one.Images[0]))
			args = append(args, attestArgs(one, attest)...)
			placed := t.Extension.Placed.At(annotation.Manifest, t.Extension.Images[one.Images[0]].Identity())
			for _, key := range slices.Sorted(maps.Keys(placed)) {
				args = append(args, "--set", one.Name+".annotations=manifest:"+key+"="+placed[key])
			}
			built = append(built, plan.Built{Extension: t.Extension, Images: one.Images, Dir: out})
			names = append(names, one.Name)
		}
	}
	overlay := filepath.Join(dir, labelsFile)
	if err := os.WriteFile(overlay, labelled.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("writing bake file: %w", err)
	}
	args = slices.Concat([]string{"bake", "--file", file, "--file", overlay}, passthrough(opts), args, []string{"--"}, names)
	attested := e.WithTemp(dir)
	attested.Env = withGit(attested.Env)
	return built, attested.Run(ctx, args, opts.run())
}

// labelsFile is the name of the bake file with the labels of the second pass.
const labelsFile = "labels.hcl"

// writeLabels writes the labels of an image to a file that bake merges with the
// first one. "--set" does not support keys that contain "=" or end in "+".
func writeLabels(f *hcl.File, t Target, labels map[string]string) {
	f.Newline()
	f.Block("target", t.Name).Map("labels", labels)
}

func attestArgs(t Target, attest []string) []string {
	var args []string
	for _, a := range attest {
		args = append(args, "--set", t.Name+".attest="+a)
	}
	// The first build has exported the cache for all platforms. An inline cache
	// is part of the image and must be exported again.
	cache := ""
	if slices.ContainsFunc(t.Extension.CacheTo, func(s plan.Spec) bool { return s.Get("type") == "inline" }) {
		cache = "type=inline"
	}
	if len(t.Extension.CacheTo) > 0 {
		args = append(args, "--set", t.Name+".cache-to="+cache)
	}
	return args
}

// subject is the name of the images in attestation statements, which would have
// no subject without one. It must be a single name, because the layout lists an
// index for each.
func subject(e *plan.Extension) string {
	if len(e.Tags) > 0 {
		return e.Tags[0]
	}
	name := strings.Trim(notAlphanumeric.Get().ReplaceAllString(strings.ToLower(e.Slug), "-"), "-")
	return cmp.Or(name, "extension") + ":" + e.Descriptor.Info.Version
}

var notAlphanumeric = lazyregexp.New(`[^a-z0-9]+`)

// withGit removes the setting of [Environ] that disables git unless the user
// set it.
func withGit(env []string) []string {
	own, given := os.LookupEnv("BUILDX_GIT_INFO")
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		return strings.HasPrefix(kv, "BUILDX_GIT_INFO=") && (!given || kv != "BUILDX_GIT_INFO="+own)
	})
}
