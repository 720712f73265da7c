package pipeline_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	"github.com/sirupsen/logrus"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/verify"
)

// extensionDir writes an extension for two platforms and returns its folder.
func extensionDir(t *testing.T, id, detect string) string {
	t.Helper()
	return filetest.Dir(t, map[string]string{
		"extension.toml": "api = \"0.10\"\n\n[extension]\nid = \"" + id + "\"\nversion = \"1.0.0\"\n\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n",
		"*bin/detect":    detect,
		"*bin/generate":  "#!/bin/sh\n",
	})
}

func planOf(t *testing.T, dirs ...string) *plan.Plan {
	t.Helper()
	p, _, err := plan.New(t.Context(), dirs, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// place is a destination that records the packages it is given.
type place struct {
	mu  sync.Mutex
	put []string
	err error
}

func (p *place) Put(_ context.Context, pkg *annotate.Package) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return nil, p.err
	}
	p.put = append(p.put, pkg.Root.Digest.String())
	return []string{"place@" + pkg.Root.Digest.String()}, nil
}

// options returns options that write each package to the destinations.
func options(destinations ...pipeline.Destination) (pipeline.Options, *[]string) {
	var mu sync.Mutex
	var events []string
	record := func(what string, e *plan.Extension) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, what+" "+e.Descriptor.Info.ID)
	}
	return pipeline.Options{
		Destinations: func(*plan.Extension) []pipeline.Destination { return destinations },
		Warn:         func(e *plan.Extension, f verify.Finding) { record("warning "+f.Message+" of", e) },
		Verified:     func(e *plan.Extension, _ []annotate.Image) { record("verified", e) },
		Unchanged:    func(e *plan.Extension) { record("unchanged", e) },
	}, &events
}

const script = "#!/bin/sh\nexit 0\n"

func TestRunWritesVerifiedPackages(t *testing.T) {
	t.Parallel()
	p := planOf(t, extensionDir(t, "a/one", script), extensionDir(t, "a/two", script))
	to := &place{}
	opts, events := options(to)
	results, err := pipeline.Run(t.Context(), p, &embedded.Engine{}, opts)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(*events)
	if len(results) != 2 || len(to.put) != 2 || !slices.Equal(*events, []string{"verified a/one", "verified a/two"}) {
		t.Errorf("got %v, %v, %v", results, to.put, *events)
	}
	for i, r := range results {
		if r.Extension != p.Extensions[i] || len(r.Images) != 2 || r.Unchanged || r.References[0] != "place@"+r.Root.Digest.String() {
			t.Errorf("got %+v", r)
		}
	}
}

// TestRunHoldsBack checks that nothing is published if one package fails,
// unless what passes is to be published.
func TestRunHoldsBack(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused by a test")
	for name, tt := range map[string]struct {
		keepGoing bool
		engine    error // for a/two alone and for both
		try       error
		put       int
		held      bool
	}{
		"engine":             {engine: refused},
		"engine, keep going": {engine: refused, keepGoing: true, put: 1},
		"try":                {try: refused, held: true},
		"try, keep going":    {try: refused, keepGoing: true, put: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := planOf(t, extensionDir(t, "a/one", script), extensionDir(t, "a/two", script))
			to := &place{}
			opts, _ := options(to)
			opts.KeepGoing = tt.keepGoing
			opts.Try = func(_ context.Context, e *plan.Extension, _ *annotate.Package) error {
				if e.Descriptor.Info.ID == "a/two" {
					return tt.try
				}
				return nil
			}
			engine := pipeline.EngineFunc(func(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
				if tt.engine != nil && slices.ContainsFunc(p.Extensions, func(e *plan.Extension) bool { return e.Descriptor.Info.ID == "a/two" }) {
					return nil, tt.engine
				}
				return (&embedded.Engine{}).Build(ctx, p, dir)
			})
			results, err := pipeline.Run(t.Context(), p, engine, opts)
			var held *pipeline.HeldBackError
			if !errors.Is(err, refused) || len(to.put) != tt.put || len(results) != tt.put || errors.As(err, &held) != tt.held {
				t.Errorf("got %v, %d packages, %v", results, len(to.put), err)
			}
			if tt.held && (!strings.Contains(err.Error(), "nothing was published, including a/one@1.0.0") || !strings.Contains(diag.Hint(err), "--keep-going")) {
				t.Errorf("got %s", diag.Text(err))
			}
		})
	}
}

// A result has the references that were written before a destination failed.
func TestRunReportsWhatWasWritten(t *testing.T) {
	t.Parallel()
	first, second := &place{}, &place{err: errors.New("the disk is full")}
	opts, _ := options(first, second)
	results, err := pipeline.Run(t.Context(), planOf(t, extensionDir(t, "a/one", script)), &embedded.Engine{}, opts)
	if err == nil || err.Error() != "a/one@1.0.0: the disk is full" || len(results) != 1 || len(results[0].References) != 1 {
		t.Errorf("got %v, %v", results, err)
	}
}

func TestRunInterrupted(t *testing.T) {
	t.Parallel()
	reason := errors.New("interrupted by a test")
	ctx, cancel := context.WithCancelCause(t.Context())
	to := &place{}
	opts, _ := options(to)
	opts.Try = func(context.Context, *plan.Extension, *annotate.Package) error { cancel(reason); return nil }
	results, err := pipeline.Run(ctx, planOf(t, extensionDir(t, "a/one", script)), &embedded.Engine{}, opts)
	if !errors.Is(err, reason) || len(results)+len(to.put) > 0 {
		t.Errorf("got %v, %v", results, err)
	}
	if _, err := pipeline.Run(ctx, planOf(t, extensionDir(t, "a/one", script)), &embedded.Engine{}, opts); !errors.Is(err, reason) {
		t.Errorf("got %v", err)
	}
}

// A file that changes between the plan and the engine fails the build, for an
// engine that compares by itself and for one that does not.
func TestRunRefusesChangedFiles(t *testing.T) {
	t.Parallel()
	for name, checked := range map[string]bool{"engine compares": true, "pipeline compares": false} {
		dir := extensionDir(t, "a/one", script)
		p := planOf(t, dir)
		if err := os.WriteFile(filepath.Join(dir, "bin/detect"), []byte(script+"# longer\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		built := p
		if !checked {
			built = planOf(t, dir)
		}
		engine := pipeline.EngineFunc(func(ctx context.Context, _ *plan.Plan, out string) ([]plan.Built, error) {
			all, err := (&embedded.Engine{}).Build(ctx, built, out)
			for i := range all {
				all[i].Checked, all[i].Extension = checked, p.Extensions[0]
			}
			return all, err
		})
		to := &place{}
		opts, _ := options(to)
		if _, err := pipeline.Run(t.Context(), p, engine, opts); err == nil || !strings.Contains(err.Error(), "bin/detect") || len(to.put) > 0 {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// newRegistry starts a registry that keeps everything in memory.
func newRegistry(t *testing.T) string {
	t.Helper()
	config := &configuration.Configuration{Storage: configuration.Storage{"inmemory": {}}}
	config.Log.Level, config.Log.AccessLog.Disabled = "panic", true
	logrus.SetOutput(io.Discard)
	server := httptest.NewServer(handlers.NewApp(t.Context(), config))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func parse(t *testing.T, tag string) registry.Reference {
	t.Helper()
	ref, err := registry.ParseTag(tag)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// A package is built again only if a file, a tag or a destination differs.
func TestRunUnchanged(t *testing.T) {
	t.Parallel()
	host := newRegistry(t)
	client := registry.New(registry.Options{})
	dir := extensionDir(t, "a/one", script)
	run := func(tags ...string) (unchanged bool, refs []string) {
		t.Helper()
		to := pipeline.Registry{Client: client}
		for _, tag := range tags {
			to.Tags = append(to.Tags, parse(t, host+"/a/one:"+tag))
		}
		opts, events := options(to)
		results, err := pipeline.Run(t.Context(), planOf(t, dir), &embedded.Engine{}, opts)
		if err != nil || len(results) != 1 {
			t.Fatalf("got %v, %v", results, err)
		}
		if results[0].Unchanged != slices.Contains(*events, "unchanged a/one") {
			t.Errorf("got %v and %v", results[0], *events)
		}
		return results[0].Unchanged, results[0].References
	}
	if unchanged, _ := run("1"); unchanged {
		t.Error("nothing was published before")
	}
	again, refs := run("1")
	if !again || len(refs) != 1 || !strings.HasPrefix(refs[0], host+"/a/one:1@sha256:") {
		t.Errorf("got %v, %v", again, refs)
	}
	if unchanged, _ := run("1", "2"); unchanged {
		t.Error("the second tag does not exist yet")
	}
	if unchanged, _ := run("1", "2"); !unchanged {
		t.Error("both tags exist")
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/detect"), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if unchanged, _ := run("1"); unchanged {
		t.Error("a file has changed")
	}
}

// Append adds the platforms of a build to those that are published.
func TestRunAppends(t *testing.T) {
	t.Parallel()
	tag := parse(t, newRegistry(t)+"/a/one:1")
	client := registry.New(registry.Options{})
	dir := extensionDir(t, "a/one", script)
	for _, target := range []string{"linux/amd64", "linux/arm64", "linux/arm64"} {
		p := planOf(t, dir)
		p.Extensions[0].Images = slices.DeleteFunc(p.Extensions[0].Images, func(i plan.Image) bool { return i.String() != target })
		opts, _ := options(pipeline.Append{Client: client, Tags: []registry.Reference{tag}})
		if _, err := pipeline.Run(t.Context(), p, &embedded.Engine{}, opts); err != nil {
			t.Fatal(err)
		}
	}
	src, err := client.Open(t.Context(), tag)
	if err != nil {
		t.Fatal(err)
	}
	index, _, err := oci.ReadIndex(t.Context(), src, src.Root)
	if err != nil || len(index.Manifests) != 2 {
		t.Errorf("got %+v, %v", index, err)
	}
}

// Files, layout directories and a registry get the same package.
func TestDestinationsAgree(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	file, dir := filepath.Join(out, "p.cnb"), filepath.Join(out, "layout")
	opts, _ := options(
		pipeline.File{Name: file, Warn: func(string) {}},
		pipeline.Dir{Name: dir, Ref: "1", Warn: func(string) {}},
		pipeline.Registry{Client: registry.New(registry.Options{}), Tags: []registry.Reference{parse(t, newRegistry(t)+"/a/one:1")}},
	)
	results, err := pipeline.Run(t.Context(), planOf(t, extensionDir(t, "a/one", script)), &embedded.Engine{}, opts)
	if err != nil || len(results) != 1 || len(results[0].References) != 3 {
		t.Fatalf("got %v, %v", results, err)
	}
	for _, name := range []string{filepath.Join(dir, "index.json"), filepath.Join(dir, "blobs/sha256", results[0].Root.Digest.Encoded()), file} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	if !strings.HasSuffix(results[0].References[2], "@"+results[0].Root.Digest.String()) {
		t.Errorf("got %v for %s", results[0].References, results[0].Root.Digest)
	}
}

// A registry that does not accept a push is found before a build stage is
// built.
func TestPreflight(t *testing.T) {
	t.Parallel()
	p := planOf(t, "../../examples/compiled")
	client := registry.New(registry.Options{})
	places := func(tag string) pipeline.Places {
		p.Extensions[0].Tags = []string{tag}
		all, err := pipeline.Resolve(p, pipeline.Request{Push: true, Client: client, Warn: func(string) {}})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	host := newRegistry(t)
	if err := pipeline.Preflight(t.Context(), p, places(host+"/a/one:1")); err != nil {
		t.Error(err)
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	if err := pipeline.Preflight(t.Context(), p, places(strings.TrimPrefix(closed.URL, "http://")+"/a/one:1")); err == nil {
		t.Error("a push to a closed port would be accepted")
	}
}
