package daemon

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
)

// fake is an engine that keeps the archives it is given.
type fake struct {
	info    system.Info
	infoErr error
	answer  string
	loadErr error
	// unread leaves the archive unread.
	unread  bool
	id      digest.Digest
	archive bytes.Buffer
}

func (f *fake) Info(context.Context, client.InfoOptions) (client.SystemInfoResult, error) {
	return client.SystemInfoResult{Info: f.info}, f.infoErr
}

func (f *fake) ImageLoad(_ context.Context, input io.Reader, _ ...client.ImageLoadOption) (client.ImageLoadResult, error) {
	if !f.unread {
		if _, err := f.archive.ReadFrom(input); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(strings.NewReader(f.answer)), f.loadErr
}

func (f *fake) ImageInspect(_ context.Context, name string, _ ...client.ImageInspectOption) (client.ImageInspectResult, error) {
	if f.id == "" {
		return client.ImageInspectResult{}, errors.New("no such image: " + name)
	}
	return client.ImageInspectResult{InspectResponse: image.InspectResponse{ID: f.id.String()}}, nil
}

func containerdEngine() *fake {
	return &fake{info: system.Info{OSType: "linux", Architecture: "x86_64", DriverStatus: [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}}}
}

func oldEngine(machine string) *fake {
	return &fake{info: system.Info{OSType: "linux", Architecture: machine, DriverStatus: [][2]string{{"Backing Filesystem", "extfs"}}}}
}

// newPackage makes a package of images that hold their platform's name.
func newPackage(t *testing.T, all ...v1.Platform) *annotate.Package {
	t.Helper()
	layout, err := ocilayout.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { layout.Close() })
	put := func(mediaType string, content any) v1.Descriptor {
		data, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		desc, err := layout.PutBytes(t.Context(), mediaType, data)
		if err != nil {
			t.Fatal(err)
		}
		return desc
	}
	pkg := &annotate.Package{Layout: layout, Index: v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}}
	for _, p := range all {
		manifest := put(v1.MediaTypeImageManifest, v1.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
			Config: put(v1.MediaTypeImageConfig, v1.Image{Platform: p}),
			Layers: []v1.Descriptor{put(v1.MediaTypeImageLayerGzip, "layer of "+p.Architecture+p.Variant)},
		})
		manifest.Platform = &p
		pkg.Index.Manifests = append(pkg.Index.Manifests, manifest)
		pkg.Images = append(pkg.Images, annotate.Image{Platform: p, Descriptor: manifest})
	}
	pkg.Root = put(v1.MediaTypeImageIndex, pkg.Index)
	return pkg
}

var (
	amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = v1.Platform{OS: "linux", Architecture: "arm64"}
	armv6 = v1.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}
	armv7 = v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
)

func names(t *testing.T, list ...string) []Name {
	t.Helper()
	var out []Name
	for _, s := range list {
		name, err := ParseName(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, name)
	}
	return out
}

// load connects to the engine, loads and returns the notes.
func load(t *testing.T, engine *fake, pkg *annotate.Package, to ...string) (refs []string, notes string, err error) {
	t.Helper()
	e, err := Connect(t.Context(), engine, "ssh://host")
	if err != nil {
		t.Fatal(err)
	}
	refs, err = e.Load(t.Context(), pkg, names(t, to...), func(note string) { notes += note + "\n" })
	return refs, notes, err
}

func files(t *testing.T, archive io.Reader) map[string]string {
	t.Helper()
	all := map[string]string{}
	for tr := tar.NewReader(archive); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		data, readErr := io.ReadAll(tr)
		if err != nil || readErr != nil {
			t.Fatal(err, readErr)
		}
		all[header.Name] = string(data)
	}
}

func TestTheContainerdStoreGetsTheIndexUnderEveryName(t *testing.T) {
	engine, pkg := containerdEngine(), newPackage(t, arm64, amd64)
	engine.id = pkg.Root.Digest
	refs, notes, err := load(t, engine, pkg, "curl:1", "example.com/curl")
	if err != nil {
		t.Fatal(err)
	}
	at := "@" + pkg.Root.Digest.String()
	if want := []string{"curl:1" + at, "example.com/curl:latest" + at}; !reflect.DeepEqual(refs, want) || notes != "" {
		t.Errorf("got %q, notes %q", refs, notes)
	}
	got := files(t, &engine.archive)
	var index v1.Index
	if err := json.Unmarshal([]byte(got["index.json"]), &index); err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range index.Manifests {
		named = append(named, m.Digest.String()+" "+m.Annotations["io.containerd.image.name"]+" "+m.Annotations[v1.AnnotationRefName])
	}
	want := []string{pkg.Root.Digest.String() + " docker.io/library/curl:1 1", pkg.Root.Digest.String() + " example.com/curl:latest latest"}
	if !reflect.DeepEqual(named, want) {
		t.Errorf("index.json names %q", named)
	}
	if blobs := 1 + 2*3 + 2; len(got) != blobs+len([]string{"oci-layout", "index.json"}) {
		t.Errorf("%d entries", len(got))
	}
}

func TestAnOldStoreGetsTheEnginesOwnPlatform(t *testing.T) {
	for _, tt := range []struct {
		machine string
		images  []v1.Platform
		want    int
		note    string
	}{
		{"x86_64", []v1.Platform{arm64, amd64, armv7}, 1, "loading linux/amd64, leaving out the other 2"},
		{"aarch64", []v1.Platform{amd64, arm64}, 1, "loading linux/arm64, leaving out the other 1"},
		{"armv7l", []v1.Platform{armv6, armv7}, 1, "loading linux/arm/v7, leaving out the other 1"},
		{"armv7l", []v1.Platform{arm64, armv6}, 1, "loading linux/arm/v6, leaving out the other 1"},
		{"riscv64", []v1.Platform{{OS: "linux", Architecture: "riscv64"}}, 0, ""},
		{"x86_64", []v1.Platform{{OS: "linux", Architecture: "amd64", OSVersion: "22.04"}, {OS: "linux", Architecture: "amd64", OSVersion: "24.04"}}, 0, "loading linux/amd64, leaving out the other 1"},
	} {
		t.Run(tt.machine, func(t *testing.T) {
			engine, pkg := oldEngine(tt.machine), newPackage(t, tt.images...)
			manifest, _, err := oci.ReadManifest(t.Context(), pkg.Layout, pkg.Images[tt.want].Descriptor)
			if err != nil {
				t.Fatal(err)
			}
			engine.id = manifest.Config.Digest
			refs, notes, err := load(t, engine, pkg, "curl:1", "example.com/curl")
			if want := []string{"curl:1", "example.com/curl:latest"}; err != nil || !reflect.DeepEqual(refs, want) {
				t.Errorf("got %q, %v", refs, err)
			}
			if !strings.Contains(notes, tt.note) || (tt.note == "") != (notes == "") {
				t.Errorf("notes %q", notes)
			}
			config, layer := manifest.Config.Digest.Encoded()+".json", manifest.Layers[0].Digest.Encoded()+".tar.gz"
			got := files(t, &engine.archive)
			want := fmt.Sprintf(`[{"Config":%q,"RepoTags":["curl:1","example.com/curl:latest"],"Layers":[%q]}]`, config, layer)
			if got["manifest.json"] != want || got[config] == "" || got[layer] == "" || len(got) != 3 {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestAnOldStoreWithoutAnImageForIt(t *testing.T) {
	engine := oldEngine("x86_64")
	refs, _, err := load(t, engine, newPackage(t, arm64, armv7), "curl:1")
	want := `loading into the Docker Engine: it keeps only one platform, its own (linux/amd64), and the package has linux/arm64, linux/arm/v7
  add --target linux/amd64, or turn on the containerd image store: "features": {"containerd-snapshotter": true} in the engine's daemon.json`
	if err == nil || diag.Text(err) != want || refs != nil || engine.archive.Len() > 0 {
		t.Errorf("got %q, %v", refs, err)
	}
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		break_ func(engine *fake, pkg *annotate.Package)
		want   string
	}{
		{"the engine refuses", func(e *fake, _ *annotate.Package) { e.unread, e.loadErr = true, errors.New("no space left") }, "no space left"},
		{"the engine says so later", func(e *fake, _ *annotate.Package) {
			e.answer = `{"errorDetail":{"message":"no"},"error":"no space left"}`
		}, "no space left"},
		{"it cannot unpack", func(e *fake, _ *annotate.Package) {
			e.answer = `{"stream":"Loaded image: curl:1\n"}{"stream":"Error unpacking image curl:1: no snapshotter\n"}`
		}, "Error unpacking image curl:1: no snapshotter"},
		{"its answer is cut off", func(e *fake, _ *annotate.Package) { e.answer = `{"stream":` }, "reading its response: unexpected EOF"},
		{"it does not have the image then", func(*fake, *annotate.Package) {}, "looking for curl:1 after loading it: no such image: curl:1"},
		{"it has another", func(e *fake, _ *annotate.Package) { e.id = digest.FromString("other") }, "curl:1 is " + digest.FromString("other").String() + " after loading "},
		{"the layout lacks a blob", func(_ *fake, p *annotate.Package) { p.Root.Digest = digest.FromString("gone") }, digest.FromString("gone").String()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			engine, pkg := containerdEngine(), newPackage(t, amd64)
			tt.break_(engine, pkg)
			refs, _, err := load(t, engine, pkg, "curl:1")
			if err == nil || !strings.HasPrefix(diag.Text(err), "loading into the Docker Engine: ") || !strings.Contains(diag.Text(err), tt.want) || refs != nil {
				t.Errorf("got %q, %v", refs, err)
			}
		})
	}
}

func TestConnectWithoutAnEngine(t *testing.T) {
	api, err := client.New(client.WithHost("unix:///nowhere/engine.sock"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Connect(t.Context(), api, "unix:///nowhere/engine.sock")
	want := "--load: no Docker Engine responds at unix:///nowhere/engine.sock\n  check the engine with \"docker info\", or leave out --load and write a file with -o FILE.cnb"
	if err == nil || diag.Text(err) != want {
		t.Errorf("got %v", err)
	}
	_, err = Connect(t.Context(), &fake{infoErr: errors.New("certificate expired")}, "ssh://host")
	if err == nil || !strings.HasPrefix(diag.Text(err), "--load: querying the Docker Engine at ssh://host: certificate expired\n") {
		t.Errorf("got %v", err)
	}
}

func TestNamesRefused(t *testing.T) {
	for in, want := range map[string]string{
		"Curl:1":                                 `--load: "Curl:1" is not a valid image name: `,
		"":                                       `--load: "" is not a valid image name: `,
		"curl@" + digest.FromString("").String(): `has a digest`,
	} {
		if _, err := ParseName(in); err == nil || !strings.Contains(diag.Text(err), want) || !strings.HasSuffix(diag.Text(err), "\n  add -t NAME:TAG") {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// saver is an engine that has one image.
type saver struct {
	tar     []byte
	noKinds bool // an engine that knows no platforms
	asked   []int
}

func (s *saver) ImageInspect(_ context.Context, name string, _ ...client.ImageInspectOption) (client.ImageInspectResult, error) {
	if name != "acme/builder:dev" {
		return client.ImageInspectResult{}, errors.New("no such image: " + name)
	}
	return client.ImageInspectResult{InspectResponse: image.InspectResponse{ID: "sha256:1", Os: "linux", Architecture: "arm", Variant: "v7", Size: 5}}, nil
}

func (s *saver) ImageSave(_ context.Context, _ []string, options ...client.ImageSaveOption) (client.ImageSaveResult, error) {
	s.asked = append(s.asked, len(options))
	if s.noKinds && len(options) > 0 {
		return nil, errors.New(`"platform" requires API version 1.48`)
	}
	return io.NopCloser(bytes.NewReader(s.tar)), nil
}

// TestSave copies an image of an engine to a layout.
func TestSave(t *testing.T) {
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	layer, index := []byte("layer"), `{"schemaVersion":2,"manifests":[]}`
	name := "blobs/sha256/" + digest.FromBytes(layer).Encoded()
	for _, f := range []struct{ name, text string }{{"blobs/", ""}, {name, string(layer)}, {"index.json", index}, {"manifest.json", "[]"}} {
		h := &tar.Header{Name: f.name, Size: int64(len(f.text)), Mode: 0o644, Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, f.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := Find(t.Context(), &saver{}, "acme/other:dev"); ok {
		t.Error("found an image that does not exist")
	}
	for _, s := range []*saver{{tar: archive.Bytes()}, {tar: archive.Bytes(), noKinds: true}} {
		found, ok := Find(t.Context(), s, "acme/builder:dev")
		if want := (v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}); !ok || found.ID != "sha256:1" || !reflect.DeepEqual(found.Platform, want) {
			t.Fatalf("found %+v, %v", found, ok)
		}
		dir := t.TempDir()
		if err := found.Save(t.Context(), s, dir); err != nil {
			t.Fatal(err)
		}
		store, err := ocilayout.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		if ok, err := store.Exists(t.Context(), v1.Descriptor{Digest: digest.FromBytes(layer)}); !ok || err != nil {
			t.Errorf("the layer is missing: %v", err)
		}
	}
	var empty bytes.Buffer
	if err := tar.NewWriter(&empty).Close(); err != nil {
		t.Fatal(err)
	}
	found, _ := Find(t.Context(), &saver{}, "acme/builder:dev")
	err := found.Save(t.Context(), &saver{tar: empty.Bytes()}, t.TempDir())
	if !diag.IsInvalid(err) || !strings.Contains(err.Error(), "older than Docker 25") {
		t.Errorf("an archive without an index: %v", err)
	}
	if err := found.Save(t.Context(), &saver{tar: []byte("damaged")}, t.TempDir()); err == nil {
		t.Error("a damaged archive was read")
	}
}
