package pipeline_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/release"
)

// What is said of a tag before a build is what the build then does to it.
func TestTagChanges(t *testing.T) {
	t.Parallel()
	host := newRegistry(t)
	client := registry.New(registry.Options{})
	dir := extensionDir(t, "a/one", script)
	to := func(kind pipeline.Request, tags ...string) (*plan.Extension, pipeline.Places) {
		t.Helper()
		p := planOf(t, dir)
		for _, tag := range tags {
			p.Extensions[0].Tags = append(p.Extensions[0].Tags, host+"/a/one:"+tag)
		}
		kind.Push, kind.Client, kind.Release, kind.Warn = true, client, &release.Guard{Client: client}, func(string) {}
		places, err := pipeline.Resolve(p, kind)
		if err != nil {
			t.Fatal(err)
		}
		return p.Extensions[0], places
	}
	changes := func(kind pipeline.Request, opts pipeline.Options, tags ...string) []release.Change {
		t.Helper()
		e, places := to(kind, tags...)
		all, err := pipeline.TagChanges(t.Context(), e, places, opts)
		if err != nil || len(all) != len(tags) {
			t.Fatalf("got %v, %v", all, err)
		}
		return all
	}
	publish := func() {
		t.Helper()
		e, places := to(pipeline.Request{}, "1.0.0", "edge")
		opts, _ := options(places.Of(e)...)
		if _, err := pipeline.Run(t.Context(), &plan.Plan{Extensions: []*plan.Extension{e}}, &embedded.Engine{}, opts); err != nil {
			t.Fatal(err)
		}
	}

	fresh := changes(pipeline.Request{}, pipeline.Options{}, "1.0.0", "edge")
	for _, c := range fresh {
		if c.From != "" || c.To == "" || c.Err != nil {
			t.Errorf("a new tag: %+v", c)
		}
	}
	publish()
	for i, c := range changes(pipeline.Request{}, pipeline.Options{}, "1.0.0", "edge") {
		if c.From != fresh[i].To || c.To != c.From || c.Err != nil {
			t.Errorf("the same content: %+v, was %+v", c, fresh[i])
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/detect"), []byte(script+"# changed\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	moved := changes(pipeline.Request{}, pipeline.Options{}, "1.0.0", "edge")
	var invalid *diag.InvalidError
	if !errors.As(moved[0].Err, &invalid) || !strings.Contains(moved[0].Err.Error(), "1.0.0") {
		t.Errorf("a release with other content: %+v", moved[0])
	}
	if c := moved[1]; c.Err != nil || c.From != fresh[1].To || c.To == c.From {
		t.Errorf("other content of a tag that is not a release: %+v", c)
	}
	if c := changes(pipeline.Request{}, pipeline.Options{Unpredictable: true}, "edge")[0]; c.To != "" || c.From != fresh[1].To || c.Err != nil {
		t.Errorf("a digest that is not known: %+v", c)
	}
	appended := changes(pipeline.Request{Append: true}, pipeline.Options{}, "edge", "none")
	if appended[0].To == "" || appended[0].To == appended[0].From || appended[1].From != "" || appended[1].To == "" {
		t.Errorf("appended: %+v", appended)
	}
	unseen := planOf(t, dir)
	unseen.Extensions[0].Tags = []string{"127.0.0.1:1/a/one:1"}
	places, err := pipeline.Resolve(unseen, pipeline.Request{Push: true, Client: client, Warn: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := pipeline.TagChanges(t.Context(), unseen.Extensions[0], places, pipeline.Options{}); err != nil || len(all) != 1 || all[0].Err == nil || !strings.Contains(all[0].Err.Error(), "connection refused") {
		t.Errorf("a registry that is not there: %+v, %v", all, err)
	}
}

// A package that was published with another level of compression stays, and the
// tag of its version is not refused.
func TestTagChangesLevel(t *testing.T) {
	t.Parallel()
	client := registry.New(registry.Options{})
	p := planOf(t, extensionDir(t, "a/one", script))
	e := p.Extensions[0]
	e.Tags = []string{newRegistry(t) + "/a/one:1.0.0"}
	places, err := pipeline.Resolve(p, pipeline.Request{Push: true, Client: client, Release: &release.Guard{Client: client}, Warn: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	opts, _ := options(places.Of(e)...)
	e.Compression = layer.Compression{Level: 1, HasLevel: true}
	first, err := pipeline.Run(t.Context(), p, &embedded.Engine{}, opts)
	if err != nil {
		t.Fatal(err)
	}
	e.Compression = layer.Compression{}
	all, err := pipeline.TagChanges(t.Context(), e, places, pipeline.Options{})
	if err != nil || len(all) != 1 || all[0].From != first[0].Root.Digest || all[0].To != all[0].From || all[0].Err != nil {
		t.Errorf("before the build: %+v, %v, want %s", all, err, first[0].Root.Digest)
	}
	if forced, err := pipeline.TagChanges(t.Context(), e, places, pipeline.Options{Force: true}); err != nil || len(forced) != 1 || forced[0].Err == nil {
		t.Errorf("before a build with --force: %+v, %v", forced, err)
	}
	if again, err := pipeline.Run(t.Context(), p, &embedded.Engine{}, opts); err != nil || !again[0].Unchanged || again[0].Root.Digest != first[0].Root.Digest {
		t.Errorf("the build: %+v, %v", again, err)
	}
}

// A run whose only tags must not move publishes nothing.
func TestRunKeepsReleases(t *testing.T) {
	t.Parallel()
	host := newRegistry(t)
	client := registry.New(registry.Options{})
	dir := extensionDir(t, "a/one", script)
	run := func(tags ...string) error {
		guard := &release.Guard{Client: client}
		d := pipeline.Registry{Client: client, Release: guard}
		for _, tag := range tags {
			d.Tags = append(d.Tags, parse(t, host+"/a/one:"+tag))
		}
		opts, _ := options(d)
		_, err := pipeline.Run(t.Context(), planOf(t, dir), &embedded.Engine{}, opts)
		return err
	}
	if err := run("1.0.0"); err != nil {
		t.Fatal(err)
	}
	before, err := client.Resolve(t.Context(), parse(t, host+"/a/one:1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/detect"), []byte(script+"# changed\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := run("1.0.0", "edge"); err == nil || !strings.Contains(err.Error(), "1.0.0") {
		t.Errorf("got %v", err)
	}
	after, err := client.Resolve(t.Context(), parse(t, host+"/a/one:1.0.0"))
	if err != nil || after.Digest != before.Digest {
		t.Errorf("the release is at %s, was at %s, %v", after.Digest, before.Digest, err)
	}
	if _, err := client.Resolve(t.Context(), parse(t, host+"/a/one:edge")); err == nil {
		t.Error("the other tag was written before the release was refused")
	}
}

// Annotations and compression are for places that can have them.
func TestChecksOfPlaces(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, "a/one", script)
	for _, tt := range []struct {
		outputs, annotations []string
		single, docker       bool
		compression          string
		want                 string
	}{
		{outputs: []string{"/"}, annotations: []string{"index-descriptor:a=b", "manifest-descriptor:a=b"}},
		{outputs: []string{".cnb"}, annotations: []string{"index-descriptor:a=b"}, want: "only an OCI layout directory contains a descriptor of the index"},
		{outputs: []string{".cnb"}, annotations: []string{"manifest-descriptor:a=b"}},
		{outputs: []string{".cnb"}, annotations: []string{"index:a=b"}, single: true, want: "--single publishes an image without an index"},
		{outputs: []string{".cnb"}, annotations: []string{"a=b"}, single: true},
		{annotations: []string{"manifest-descriptor:a=b"}, single: true, want: "it has no descriptor in an index"},
		{outputs: []string{".cnb"}, annotations: []string{"nowhere:a=b"}, want: `unknown place "nowhere"`},
		{outputs: []string{".cnb"}, compression: "zstd", want: "which pack cannot read in package files"},
		{outputs: []string{"/"}, compression: "zstd"},
		{outputs: []string{"/"}, compression: "zstd", docker: true, want: "Docker's format has no media type"},
	} {
		p := planOf(t, dir)
		if tt.compression != "" {
			var err error
			if p, _, err = plan.New(t.Context(), []string{dir}, plan.Options{Compression: tt.compression}); err != nil {
				t.Fatal(err)
			}
		}
		r := pipeline.Request{Warn: func(string) {}}
		for _, o := range tt.outputs {
			r.Outputs = append(r.Outputs, filepath.Join(t.TempDir(), "x")+o)
		}
		if len(r.Outputs) == 0 {
			r.Push, r.Client = true, registry.New(registry.Options{})
			p.Extensions[0].Tags = []string{"localhost:1/a/one:1"}
		}
		places, err := pipeline.Resolve(p, r)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(places.CheckAnnotations(tt.annotations, tt.single), places.CheckCompression(tt.docker))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
}

// failing is an engine for builds that fail.
type failing struct{ err error }

func (f failing) Build(context.Context, *plan.Plan, string) ([]plan.Built, error) { return nil, f.err }

// A build that fails because a base image lacks a platform says which ones the
// image has.
func TestBaseImages(t *testing.T) {
	t.Parallel()
	host := newRegistry(t)
	client := registry.New(registry.Options{})
	opts, _ := options(pipeline.Registry{Client: client, Tags: []registry.Reference{parse(t, host+"/base/image:1")}})
	base := planOf(t, extensionDir(t, "base/image", script))
	base.Extensions[0].Images = slices.DeleteFunc(base.Extensions[0].Images, func(i plan.Image) bool { return i.String() != "linux/arm64" })
	results, err := pipeline.Run(t.Context(), base, &embedded.Engine{}, opts)
	if err != nil {
		t.Fatal(err)
	}
	p := planOf(t, "../../examples/compiled")
	build := func(image string, cause error) error {
		if cause == nil {
			cause = &buildx.BaseImageError{BuildError: &buildx.BuildError{Cause: "no match"}, Image: image}
		}
		e := pipeline.BaseImages{Engine: failing{cause}, Client: func() *registry.Client { return client }}
		_, err := e.Build(t.Context(), p, t.TempDir())
		return err
	}
	other := errors.New("other")
	if err := build("", other); !errors.Is(err, other) || diag.Hint(err) != "" {
		t.Errorf("another failure: %v", err)
	}
	image := host + "/base/image:1@" + results[0].Root.Digest.String()
	if err := build(image, nil); !strings.Contains(err.Error(), "has no image for linux/amd64, linux/arm/v7, linux/riscv64, linux/s390x, only for linux/arm64") || !strings.Contains(diag.Hint(err), "--platform=$BUILDPLATFORM") {
		t.Errorf("got %v, %s", err, diag.Hint(err))
	}
	// BuildKit names an OCI layout after the context.
	layout := filepath.Join(t.TempDir(), "layout")
	toDir, _ := options(pipeline.Dir{Name: layout, Warn: func(string) {}})
	if _, err := pipeline.Run(t.Context(), base, &embedded.Engine{}, toDir); err != nil {
		t.Fatal(err)
	}
	p.Extensions[0].Build.Contexts = map[string]string{"tools": "oci-layout://" + layout}
	if err := build("tools@"+results[0].Root.Digest.String(), nil); !strings.Contains(err.Error(), "the base image of oci-layout://"+layout+" has no image for linux/amd64") {
		t.Errorf("an OCI layout: %v", err)
	}
	if err := build("localhost:1/none:1", nil); !strings.Contains(diag.Hint(err), "docker buildx imagetools inspect localhost:1/none:1") {
		t.Errorf("an image that cannot be read: %v, %s", err, diag.Hint(err))
	}
}
