package annotate_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// planOf returns the plan of an extension for these targets, such as
// "linux/amd64:ubuntu@24.04".
func planOf(t *testing.T, targets ...string) *plan.Extension {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"extension.toml": "api = \"0.10\"\n\n[extension]\nid = \"a/b\"\nversion = \"1.2.3\"\nname = \"B\"\n",
		"bin/generate":   "#!/bin/sh\n",
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "bin/generate"), 0o755); err != nil {
		t.Fatal(err)
	}
	opts := plan.Options{Labels: map[string]string{"team": "tools"}}
	for _, s := range targets {
		target, err := platform.ParseTarget(s)
		if err != nil {
			t.Fatal(err)
		}
		opts.Targets = append(opts.Targets, target)
	}
	var err error
	if opts.Annotations, err = annotation.Parse("--annotation", []string{"a=b", "manifest:m=1", "manifest-descriptor:d=2"}); err != nil {
		t.Fatal(err)
	}
	p, _, err := plan.New(t.Context(), []string{dir}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p.Extensions[0]
}

// build returns the layouts of the embedded engine.
func build(t *testing.T, e *plan.Extension) (sources []annotate.Source) {
	t.Helper()
	built, err := (&embedded.Engine{}).Build(t.Context(), &plan.Plan{Extensions: []*plan.Extension{e}}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range built {
		t.Cleanup(func() { b.Layout.Close() })
		sources = append(sources, annotate.Source{Layout: b.Layout, Images: b.Images, Shared: b.Shared})
	}
	return sources
}

func newLayout(t *testing.T) *ocilayout.Layout { t.Helper(); return layouttest.New(t).Layout }

var distros = []string{"linux/amd64:ubuntu@22.04", "linux/amd64:ubuntu@24.04"}

// TestMake checks a package with every option: the documents are those that
// Describe predicts, and each image has labels, platform and layer.
func TestMake(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		targets []string
		opts    annotate.Options
		index   string
		leftOut []string
	}{
		"two platforms": {[]string{"linux/amd64", "linux/arm64"}, annotate.Options{}, v1.MediaTypeImageIndex, nil},
		"two distros":   {distros, annotate.Options{}, v1.MediaTypeImageIndex, nil},
		"docker": {
			[]string{"linux/amd64", "linux/arm64"},
			annotate.Options{Docker: true},
			oci.MediaTypeDockerIndex,
			[]string{"a", "d", "io.buildpacks.extension.id"},
		},
		"single":       {[]string{"linux/arm64"}, annotate.Options{Single: true}, v1.MediaTypeImageManifest, nil},
		"any platform": {nil, annotate.Options{}, v1.MediaTypeImageManifest, nil},
		"created":      {[]string{"linux/arm64"}, annotate.Options{Created: time.Unix(1, 0)}, v1.MediaTypeImageIndex, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := planOf(t, tt.targets...)
			var leftOut []string
			tt.opts.LeftOut = func(names []string) { leftOut = names }
			pkg, err := annotate.Make(t.Context(), newLayout(t), e, build(t, e), tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			if pkg.Root.MediaType != tt.index || len(pkg.Images) != len(e.Images) {
				t.Errorf("got %+v", pkg)
			}
			for _, name := range tt.leftOut {
				if !slices.Contains(leftOut, name) {
					t.Errorf("%s is not among those left out: %q", name, leftOut)
				}
			}
			var layers []annotate.Layer
			created := tt.opts.Created
			if created.IsZero() {
				created = plan.DefaultCreated
			}
			for i, image := range pkg.Images {
				m, _, err := oci.ReadManifest(t.Context(), pkg.Layout, image.Descriptor)
				if err != nil {
					t.Fatal(err)
				}
				config, _, err := oci.ReadConfig(t.Context(), pkg.Layout, m.Config)
				if err != nil {
					t.Fatal(err)
				}
				labels := config.Config.Labels
				if labels["team"] != "tools" || !strings.Contains(labels[extension.LabelMetadata], `"id":"a/b"`) || !strings.Contains(labels[extension.LabelLayers], image.DiffID.String()) {
					t.Errorf("got labels %q", labels)
				}
				if !config.Created.Equal(created) || m.Annotations["m"] != "1" || image.Descriptor.Annotations["d"] != "2" {
					t.Errorf("got %+v, %+v, %+v", config.Created, m.Annotations, image.Descriptor.Annotations)
				}
				if m.Layers[0].Digest != image.Layer || image.Any != (tt.targets == nil) {
					t.Errorf("image %d: got %+v", i, image)
				}
				layers = append(layers, annotate.Layer{Platform: image.Platform, DiffID: image.DiffID, Descriptor: m.Layers[0]})
			}
			predicted, err := annotate.Describe(t.Context(), e, layers, tt.opts)
			if err != nil || predicted.Root.Digest != pkg.Root.Digest {
				t.Errorf("got %v, %v, want %s", predicted, err, pkg.Root.Digest)
			}
			if config, err := annotate.Config(e, pkg.Images[0].DiffID, tt.opts); err != nil || config.Digest != pkg.Images[0].Config.Digest {
				t.Errorf("got %v, %v, want %v", config, err, pkg.Images[0].Config)
			}
		})
	}
}

// What an engine builds has to be what the plan asks for.
func TestMakeRefuses(t *testing.T) {
	t.Parallel()
	both, one := planOf(t, "linux/amd64", "linux/arm64"), planOf(t, "linux/amd64")
	sources := build(t, both)
	amd64 := build(t, one)
	for want, tt := range map[string]struct {
		extension *plan.Extension
		sources   []annotate.Source
		opts      annotate.Options
	}{
		"the builder did not build linux/arm64":                     {both, []annotate.Source{{Layout: amd64[0].Layout, Images: []int{0}}}, annotate.Options{}},
		"the builder built linux/amd64 twice":                       {both, append(slices.Clone(sources), sources...), annotate.Options{}},
		"the builder built linux/amd64, which was not requested":    {planOf(t, "linux/s390x"), []annotate.Source{{Layout: amd64[0].Layout, Images: []int{0}}}, annotate.Options{}},
		"a package of several platforms requires an index":          {both, sources, annotate.Options{Single: true}},
		"a Docker manifest list cannot distinguish linux/amd64:ubu": {planOf(t, distros...), build(t, planOf(t, distros...)), annotate.Options{Docker: true}},
	} {
		if tt.extension.Images[0].Platform.OSVersion != "" { // which would tell them apart
			for i := range tt.extension.Images {
				tt.extension.Images[i].Platform.OSVersion = ""
			}
		}
		if _, err := annotate.Make(t.Context(), newLayout(t), tt.extension, tt.sources, tt.opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// The labels of a second build are those of the package.
func TestLabels(t *testing.T) {
	t.Parallel()
	e := planOf(t, "linux/amd64", "linux/arm64")
	sources := build(t, e)
	labels, err := annotate.Labels(t.Context(), e, sources)
	if err != nil || len(labels) != 2 || labels[0]["team"] != "tools" || labels[1][extension.LabelLayers] == "" {
		t.Errorf("got %v, %v", labels, err)
	}
}

func TestCheckSize(t *testing.T) {
	t.Parallel()
	e := planOf(t, "linux/amd64", "linux/arm64")
	if note, err := annotate.CheckSize(t.Context(), e, annotate.Options{}); err != nil || note != "" {
		t.Errorf("got %q, %v", note, err)
	}
	for i := range 1000 {
		e.Descriptor.Targets = append(e.Descriptor.Targets, extension.Target{OS: "linux", Arch: "amd64", Distros: []extension.Distro{{Name: "distro", Version: fmt.Sprint(i)}}})
		e.Images = append(e.Images, e.Images[0])
	}
	if note, err := annotate.CheckSize(t.Context(), e, annotate.Options{}); err != nil || !strings.Contains(note, "1002 images whose labels list all 1000 targets") {
		t.Errorf("got %q, %v", note, err)
	}
	for len(e.Images) < 40000 {
		e.Images = append(e.Images, e.Images...)
	}
	if _, err := annotate.CheckSize(t.Context(), e, annotate.Options{}); !diag.IsInvalid(err) || !strings.Contains(err.Error(), "registries accept at most 4 MiB") {
		t.Errorf("got %v", err)
	}
}

// Equal layers make equal packages.
func TestDescribeIsDeterministic(t *testing.T) {
	t.Parallel()
	e := planOf(t, "linux/amd64", "linux/arm64")
	layer := annotate.Layer{DiffID: digest.FromString("d"), Descriptor: v1.Descriptor{Digest: digest.FromString("l"), Size: 1}}
	var roots []digest.Digest
	for range 5 {
		d, err := annotate.Describe(t.Context(), e, []annotate.Layer{layer, layer}, annotate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, d.Root.Digest)
	}
	if len(slices.Compact(roots)) != 1 {
		t.Errorf("got %v", roots)
	}
}
