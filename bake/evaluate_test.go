package bake

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	buildx "github.com/docker/buildx/bake"
	"golang.org/x/text/unicode/norm"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// checkEvaluated compares what buildx makes of the plan's file in dir with
// what went into it.
func checkEvaluated(t testing.TB, p *plan.Plan, dir string) {
	t.Helper()
	file := mustFile(t, p, dir)
	targets := mustTargets(t, p)
	all := evaluate(t, file, "default")
	want := len(targets)
	for _, target := range targets {
		if target.usesStage() {
			want++ // buildx adds what a target links
			checkStage(t, target, target.Name, all, dir)
		}
	}
	if len(all) != want {
		t.Errorf("group default has %q, want %d targets", slices.Sorted(maps.Keys(all)), want)
	}
	for _, target := range targets {
		got := all[target.Name]
		if got == nil {
			t.Fatalf("group default has no %s:\n%s", target.Name, file)
		}
		checkTarget(t, target, got, dir)
		var platforms []string
		for _, i := range target.Images {
			if image := target.Extension.Images[i]; !platform.IsZero(image.Platform) {
				platforms = append(platforms, platform.Format(image.Platform))
			}
		}
		equal(t, target.Name+" platforms", got.Platforms, platforms)
		wantTags := target.Extension.Tags
		if !target.shared() {
			wantTags = nil
		}
		equal(t, target.Name+" tags", got.Tags, wantTags)
		if target.shared() && !target.Extension.AnyPlatform() {
			checkOneByOne(t, target, file, dir, platforms)
		}
	}
	for _, e := range p.Extensions {
		// A target, or where each distro has its own, the group of those.
		var want []string
		for _, target := range targets {
			if target.Extension == e && !slices.Contains(want, e.Slug) {
				want = append(want, target.Name)
				if target.usesStage() {
					want = append(want, target.Name+buildSuffix)
				}
			}
		}
		slices.Sort(want)
		equal(t, e.Slug, slices.Sorted(maps.Keys(evaluate(t, file, e.Slug))), want)
	}
}

// checkOneByOne checks that each platform has a target that builds only that
// platform and pushes nothing.
func checkOneByOne(t testing.TB, target Target, file []byte, dir string, platforms []string) {
	t.Helper()
	for _, p := range platforms {
		name := target.Extension.Slug + "-" + strings.NewReplacer("/", "-", ".", "_").Replace(p)
		one := evaluate(t, file, name)
		want := 1
		if target.usesStage() {
			want++
			checkStage(t, target, name, one, dir)
			equal(t, name+buildSuffix+" platforms", one[name+buildSuffix].Platforms, []string{p})
		}
		if len(one) != want || one[name] == nil {
			t.Fatalf("%s gives %q", name, slices.Sorted(maps.Keys(one)))
		}
		checkTarget(t, target, one[name], dir)
		equal(t, name+" platforms", one[name].Platforms, []string{p})
		equal(t, name+" tags", one[name].Tags, nil)
	}
	if len(platforms) == 0 {
		return
	}
	n := len(platforms)
	if target.usesStage() {
		n *= 2
	}
	if group := evaluate(t, file, target.Extension.Slug+platformSuffix); len(group) != n {
		t.Errorf("%s%s gives %q", target.Name, platformSuffix, slices.Sorted(maps.Keys(group)))
	}
}

// checkTarget compares what all targets of an extension have in common.
func checkTarget(t testing.TB, target Target, got *buildx.Target, dir string) {
	t.Helper()
	e := target.Extension
	info := e.Descriptor.Info
	name := info.ID + "@" + info.Version
	if info.Name != "" {
		name += ": " + info.Name
	}
	nfc := norm.NFC.String
	equal(t, "description", []string{got.Description}, []string{nfc(name)})
	if want, err := filepath.EvalSymlinks(e.Dir); err != nil || resolved(t, dir, *got.Context) != want {
		t.Errorf("context %q in %s is not %s (%v)", *got.Context, dir, want, err)
	}
	metadata, err := e.Descriptor.MetadataLabel()
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{extension.LabelMetadata: nfc(metadata)}
	for k, v := range e.Labels {
		labels[nfc(k)] = nfc(v)
	}
	equalMap(t, "labels", got.Labels, labels)
	d := newDockerfile(target, published, dockerfileOptions{})
	args := argsOf(target)
	if now := got.Args[freshArg]; target.isFresh() && now != nil {
		args[freshArg] = *now
	}
	if len(got.Args) > len(args) && target.hasMatrix() { // the target with the index
		args["BUILDKIT_MULTI_PLATFORM"] = "1"
	}
	equalMap(t, "args", got.Args, args)
	if want := strings.TrimPrefix(d.String(), "\n"); *got.DockerfileInline != want {
		t.Errorf("dockerfile:\ngot\n%s\nwant\n%s", *got.DockerfileInline, want)
	}
	for _, i := range target.Images {
		checkSteps(t, *got.DockerfileInline, args, e, e.Images[i])
	}
	if len(got.Outputs) != 1 || got.Outputs[0].Type != "image" || got.Outputs[0].Attrs["rewrite-timestamp"] != "true" || got.Outputs[0].Attrs["push"] != "" {
		t.Errorf("output %v", got.Outputs)
	}
	if len(got.Attest) != 1 || !got.Attest[0].Disabled {
		t.Errorf("attest %v", got.Attest)
	}
}

// argsOf returns the build arguments of a target.
func argsOf(target Target) map[string]string {
	e := target.Extension
	args := maps.Clone(newDockerfile(target, published, dockerfileOptions{}).args)
	args["DEST"], args["SOURCE_DATE_EPOCH"] = e.Dest(), "0"
	if text := e.Descriptor.Text; text != nil {
		args["DESCRIPTOR"] = strings.TrimSuffix(string(text), "\n")
	}
	return args
}

// checkStage compares a stage's target with the plan, and that the target which
// packs it links it and is built for the same platforms.
func checkStage(t testing.TB, target Target, name string, all map[string]*buildx.Target, dir string) {
	t.Helper()
	packs, got := all[name], all[name+buildSuffix]
	name += buildSuffix
	if packs == nil || got == nil {
		t.Fatalf("no target that packs %s or none that builds it", target.Name)
	}
	e := target.Extension
	if link := packs.Contexts[rootContext]; link != "target:"+name {
		t.Errorf("%s links %q, want %s", target.Name, link, name)
	}
	equal(t, name+" platforms", got.Platforms, packs.Platforms)
	equal(t, name+" file and stage", []string{*got.Dockerfile, *got.Target}, []string{target.dockerfile(), e.Images[target.Images[0]].Stage})
	args := map[string]string{"SOURCE_DATE_EPOCH": "0"}
	maps.Copy(args, e.Build.Args)
	equalMap(t, name+" args", got.Args, args)
	if want, err := filepath.EvalSymlinks(e.Dir); err != nil || resolved(t, dir, *got.Context) != want {
		t.Errorf("%s: context %q in %s is not %s (%v)", name, *got.Context, dir, want, err)
	}
	for context, value := range e.Build.Contexts {
		have := got.Contexts[context]
		if _, path, local := plan.ContextPath(value); local {
			have, value = resolved(t, dir, have), resolved(t, ".", path)
		}
		if have != value {
			t.Errorf("%s: context %s is %q, want %q", name, context, have, value)
		}
	}
	if len(got.Secrets) != len(e.Build.Secrets) || len(got.SSH) != len(e.Build.SSH) {
		t.Errorf("%s: secrets %v, ssh %v", name, got.Secrets, got.SSH)
	}
	for i, s := range got.Secrets {
		if want := e.Build.Secrets[i]; s.ID != want.Get("id") || want.Path != "" && resolved(t, dir, s.FilePath) != resolved(t, ".", want.Path) || s.Env != want.Get("env") {
			t.Errorf("%s: secret %+v, want %s", name, s, want)
		}
	}
	hosts := map[string]string{}
	for _, h := range e.Build.AddHosts {
		hosts[h.Name] = h.Address
	}
	equalMap(t, name+" hosts", got.ExtraHosts, hosts)
	equal(t, name+" no-cache-filter", got.NoCacheFilter, e.Build.NoCacheFilter)
	equal(t, name+" ulimits", got.Ulimits, e.Build.Ulimits)
	if got.ShmSize == nil && e.Build.ShmSize != "" || got.ShmSize != nil && *got.ShmSize != e.Build.ShmSize {
		t.Errorf("%s: shm-size is %v, want %s", name, got.ShmSize, e.Build.ShmSize)
	}
	if pull := got.Pull != nil && *got.Pull; pull != e.Build.Pull {
		t.Errorf("%s: pull is %v", name, pull)
	}
	if len(got.Attest) != 1 || !got.Attest[0].Disabled || len(packs.CacheFrom) != len(got.CacheFrom) || len(got.CacheTo) != 0 {
		t.Errorf("%s: attest %v, cache from %v to %v", name, got.Attest, got.CacheFrom, got.CacheTo)
	}
}

// resolved returns where a context in a file in dir really is.
func resolved(t testing.TB, dir, context string) string {
	t.Helper()
	if !filepath.IsAbs(context) {
		context = dir + "/" + context // joining would take ".." by the letter
	}
	real, err := filepath.EvalSymlinks(filepath.FromSlash(context))
	if err != nil {
		t.Fatal(err)
	}
	return real
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func equalMap(t testing.TB, what string, got map[string]*string, want map[string]string) {
	t.Helper()
	flat := map[string]string{}
	for k, v := range got {
		flat[k] = *v
	}
	if !maps.Equal(flat, want) {
		t.Errorf("%s:\ngot  %q\nwant %q", what, flat, want)
	}
}
