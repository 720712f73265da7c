package runimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
)

const runName = "localhost:5000/run:1"

// world writes images into a layout and serves them as a registry would.
type world struct {
	t *testing.T
	*layouttest.Layout
	tags  map[string]v1.Descriptor
	pulls int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{t: t, Layout: layouttest.New(t), tags: map[string]v1.Descriptor{}}
}

func (w *world) Open(_ context.Context, name string) (*Opened, error) {
	root, ok := w.tags[name]
	if !ok {
		return nil, fmt.Errorf("reading %s: %w", name, oci.ErrNotFound)
	}
	return &Opened{Fetcher: w.Layout, Name: name, Root: root}, nil
}

func (w *world) Pull(ctx context.Context, ref registry.Reference) (*Opened, error) {
	w.pulls++
	return w.Open(ctx, ref.String())
}

// spec is an image to write; the zero value has one layer.
type spec struct {
	listed  string // the platform the index says; "" for none
	config  string // the platform of the config; "" for that of the index
	layers  int    // -1 for none
	diffIDs int    // as many as layers when 0
	user    string
	docker  bool
	seed    string // makes the image differ from others
}

func parsed(s string) v1.Platform {
	p, _ := platforms.Parse(s)
	p.Variant = "" // Parse fills in what the text leaves out
	if fields := strings.Split(s, "/"); len(fields) == 3 {
		p.Variant = fields[2]
	}
	return p
}

func (w *world) image(s spec) v1.Descriptor {
	w.t.Helper()
	if s.config == "" {
		s.config = s.listed
	}
	config := v1.Image{Config: v1.ImageConfig{User: s.user}, RootFS: v1.RootFS{Type: "layers"}, Author: s.seed}
	if s.config != "none" {
		config.Platform = parsed(s.config)
	}
	layers := max(s.layers, 0)
	if s.layers == 0 {
		layers = 1
	}
	manifest := v1.Manifest{MediaType: v1.MediaTypeImageManifest}
	manifest.SchemaVersion = 2
	configType, layerType := v1.MediaTypeImageConfig, v1.MediaTypeImageLayer
	if s.docker {
		manifest.MediaType, configType, layerType = oci.MediaTypeDockerManifest, oci.MediaTypeDockerConfig, oci.MediaTypeDockerLayerGzip
	}
	for i := range layers {
		layer := []byte(fmt.Sprint(s.seed, s.listed, i))
		manifest.Layers = append(manifest.Layers, w.Bytes(layerType, layer))
		if s.diffIDs == 0 || i < s.diffIDs {
			config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(layer))
		}
	}
	manifest.Config = w.JSON(configType, config)
	desc := w.JSON(manifest.MediaType, manifest)
	if s.listed != "" {
		p := parsed(s.listed)
		desc.Platform = &p
	}
	return desc
}

func (w *world) images(listed ...string) []v1.Descriptor {
	w.t.Helper()
	var out []v1.Descriptor
	for _, s := range listed {
		out = append(out, w.image(spec{listed: s}))
	}
	return out
}

func (w *world) index(children ...v1.Descriptor) v1.Descriptor {
	w.t.Helper()
	index := v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: children}
	index.SchemaVersion = 2
	return w.JSON(v1.MediaTypeImageIndex, index)
}

func (w *world) attestation(about v1.Descriptor) v1.Descriptor {
	w.t.Helper()
	desc := w.image(spec{listed: "unknown/unknown", seed: about.Digest.String()})
	desc.Annotations = map[string]string{
		oci.AnnotationReferenceType:   oci.ReferenceTypeAttestation,
		oci.AnnotationReferenceDigest: about.Digest.String(),
	}
	desc.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	return desc
}

// targets returns targets as --platform does.
func platformsOf(t *testing.T, list ...string) []v1.Platform {
	t.Helper()
	var out []v1.Platform
	for _, s := range list {
		p, err := platform.ParsePlatform(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// check resolves root under runName.
func (w *world) check(root v1.Descriptor, wanted ...string) (*Report, error) {
	w.t.Helper()
	w.tags[runName] = root
	return Check(w.t.Context(), w, Request{Name: runName, Platforms: platformsOf(w.t, wanted...)})
}

// pairs returns "target>platform" of images.
func pairs(images []Image) []string {
	var out []string
	for _, i := range images {
		out = append(out, i.Target+">"+i.Platform)
	}
	return out
}

// An extension that switched to a tag that is a manifest list failed in pack
// with "image has no layers": it took the list for an image.
func TestRunImageBehindManifestList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	amd64 := w.image(spec{listed: "linux/amd64", layers: 3, user: "1002:1000", docker: true})
	arm64 := w.image(spec{listed: "linux/arm64/v8", layers: 2, docker: true})
	list := v1.Index{MediaType: oci.MediaTypeDockerIndex, Manifests: []v1.Descriptor{amd64, arm64}}
	list.SchemaVersion = 2
	root := w.JSON(oci.MediaTypeDockerIndex, list)
	got, err := w.check(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []Image{{
		Name: runName, Index: root.Digest, Platform: "linux/amd64", Digest: amd64.Digest,
		TopLayer: digest.FromString("linux/amd642"),
		Config:   Config{OS: "linux", Architecture: "amd64", User: "1002:1000"},
	}, {
		Name: runName, Index: root.Digest, Platform: "linux/arm64/v8", Digest: arm64.Digest,
		TopLayer: digest.FromString("linux/arm64/v81"),
		Config:   Config{OS: "linux", Architecture: "arm64", Variant: "v8"},
	}}
	if !reflect.DeepEqual(got.Images, want) {
		t.Errorf("got  %+v\nwant %+v", got.Images, want)
	}
}

func TestIndexes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	both := w.images("linux/amd64", "linux/arm64")
	bare := w.image(spec{config: "linux/amd64", seed: "bare"})
	half := w.image(spec{config: "linux/amd64", seed: "half"})
	half.Platform = &v1.Platform{OS: "linux"}
	unknown := w.image(spec{config: "linux/amd64", seed: "unknown"})
	unknown.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	other := w.JSON("application/vnd.example+json", map[string]string{})
	again := w.image(spec{listed: "linux/amd64", seed: "again"})
	single := w.image(spec{config: "linux/arm/v6"})
	missing := v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromString("no"), Size: 2}

	tests := []struct {
		name   string
		root   v1.Descriptor
		wanted []string
		want   []string
		errors []string
	}{
		{name: "all", root: w.index(both...), want: []string{">linux/amd64", ">linux/arm64"}},
		{name: "one", root: w.index(both...), wanted: []string{"linux/arm64"}, want: []string{"linux/arm64>linux/arm64"}},
		{
			name: "in the order asked for, once", root: w.index(both...), wanted: []string{"linux/arm64", "linux/amd64", "linux/aarch64"},
			want: []string{"linux/arm64>linux/arm64", "linux/amd64>linux/amd64"},
		},
		{
			name: "nested", root: w.index(w.index(both[1]), w.index(w.index(both[0]))), wanted: []string{"linux/amd64", "linux/arm64"},
			want: []string{"linux/amd64>linux/amd64", "linux/arm64>linux/arm64"},
		},
		{
			name: "attestations and other entries", root: w.index(w.attestation(both[0]), unknown, bare, half, other, both[0], w.attestation(both[1]), both[1]),
			want: []string{">linux/amd64", ">linux/arm64"},
		},
		{name: "the same image twice", root: w.index(both[0], w.index(both[0])), want: []string{">linux/amd64"}},
		{name: "single image", root: single, want: []string{">linux/arm/v6"}},
		{name: "single image, asked for", root: single, wanted: []string{"linux/arm/v7"}, want: []string{"linux/arm/v7>linux/arm/v6"}},
		{
			name: "several missing", root: w.index(w.images("linux/amd64", "linux/arm64/v8")...), wanted: []string{"linux/s390x", "linux/amd64", "linux/arm/v7"},
			want: []string{"linux/amd64>linux/amd64"}, errors: []string{
				runName + " has no image for linux/s390x; it has linux/amd64, linux/arm64",
				runName + " has no image for linux/arm/v7; it has linux/amd64, linux/arm64",
			},
		},
		{name: "single image of another platform", root: single, wanted: []string{"linux/amd64"}, errors: []string{
			runName + " has no image for linux/amd64; it is a single image for linux/arm/v6",
		}},
		{name: "only what is not an image", root: w.index(w.attestation(both[0]), w.attestation(both[1]), bare, unknown, other), errors: []string{
			runName + ` has no image for any platform; it lists only 2 attestations, 1 entry without a platform, 1 unknown/unknown entry, 1 "application/vnd.example+json"`,
		}},
		{name: "an image without a platform is not an amd64 image", root: w.index(bare), wanted: []string{"linux/amd64"}, errors: []string{
			runName + " has no image for linux/amd64; it lists only 1 entry without a platform",
		}},
		{name: "empty", root: w.index(), wanted: []string{"linux/amd64"}, errors: []string{
			runName + " has no image for linux/amd64; its index is empty",
		}},
		{name: "nested index missing", root: w.index(missing, both[0]), wanted: []string{"linux/amd64"}, want: []string{"linux/amd64>linux/amd64"}, errors: []string{
			runName + " lists an index that cannot be read: index " + missing.Digest.String() + " is missing",
		}},
		{name: "duplicates", root: w.index(both[0], again), want: []string{">linux/amd64", ">linux/amd64"}},
	}
	for _, tt := range tests {
		got, err := w.check(tt.root, tt.wanted...)
		checkErrors(t, tt.name, err, tt.errors)
		if !slices.Equal(pairs(got.Images), tt.want) || !slices.Equal(got.Problems, tt.errors) {
			t.Errorf("%s: got %v and problems %q, want %v", tt.name, pairs(got.Images), got.Problems, tt.want)
		}
	}
	if got, err := w.check(w.index(both[0], again), "linux/amd64"); err != nil || got.Images[0].Digest != both[0].Digest {
		t.Errorf("the first of two images for one platform does not win: %v, %v", got.Images, err)
	}
	if _, err := w.check(other); !diag.IsInvalid(err) || !strings.Contains(err.Error(), "neither an image nor an index") {
		t.Errorf("what is not an image results in %v", err)
	}
	if _, err := w.check(missing); !diag.IsInvalid(err) {
		t.Errorf("a missing index gives %v", err)
	}
}

// checkErrors makes sure that err is invalid input with exactly these messages.
func checkErrors(t *testing.T, name string, err error, want []string) {
	t.Helper()
	var got []string
	for _, d := range diag.Of(err) {
		got = append(got, d.String())
	}
	if !slices.Equal(got, want) || err != nil && !diag.IsInvalid(err) {
		t.Errorf("%s: error is %v\nwant %q", name, err, want)
	}
}

// The order is containerd's; each case names what is there and what is chosen.
func TestMatching(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ wanted, there, want string }{
		{"linux/arm/v7", "linux/arm/v5 linux/arm/v6 linux/arm/v7", "linux/arm/v7"},
		{"linux/arm/v7", "linux/arm/v5 linux/arm/v6", "linux/arm/v6"},
		{"linux/arm/v7", "linux/arm64 linux/arm/v5", "linux/arm/v5"},
		{"linux/arm/v7", "linux/arm", "linux/arm"},
		{"linux/arm", "linux/arm/v6 linux/arm/v7", "linux/arm/v7"},
		{"linux/arm/v6", "linux/arm/v7 linux/arm/v5", "linux/arm/v5"},
		{"linux/arm/v6", "linux/arm/v7 linux/arm", ""},
		{"linux/arm64", "linux/arm64/v8", "linux/arm64/v8"},
		{"linux/arm64/v8", "linux/arm64", "linux/arm64"},
		{"linux/arm64", "linux/arm64/v9", ""},
		{"linux/arm64/v9", "linux/arm64 linux/arm64/v9", "linux/arm64/v9"},
		{"linux/arm64/v9", "linux/arm64", "linux/arm64"},
		{"linux/arm64", "linux/arm/v7", ""}, // another architecture, whatever may run
		{"linux/amd64", "linux/386", ""},
		{"linux/amd64", "linux/amd64/v3 linux/amd64/v1", "linux/amd64/v1"},
		{"linux/amd64", "linux/amd64/v2", ""},
		{"linux/amd64/v3", "linux/amd64 linux/amd64/v2 linux/amd64/v4", "linux/amd64/v2"},
		{"linux/amd64/v3", "linux/amd64", "linux/amd64"},
		{"linux/amd64", "windows/amd64", ""},
		{"linux/amd64", "linux/x86_64", "linux/x86_64"},
		{"linux/ppc64le", "linux/ppc64le", "linux/ppc64le"},
	} {
		w := newWorld(t)
		var there []v1.Descriptor
		for s := range strings.SplitSeq(tt.there, " ") {
			desc := w.image(spec{listed: s, config: parsedString(s)})
			// As written, without normalization by Parse.
			fields := append(strings.Split(s, "/"), "")
			desc.Platform = &v1.Platform{OS: fields[0], Architecture: fields[1], Variant: fields[2]}
			there = append(there, desc)
		}
		got, err := w.check(w.index(there...), tt.wanted)
		chosen := ""
		if len(got.Images) == 1 {
			chosen = got.Images[0].Platform
		}
		if chosen != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s of %s: got %q, %v, want %q", tt.wanted, tt.there, chosen, err, tt.want)
		}
	}
}

func parsedString(s string) string { return platforms.Format(parsed(s)) }

func TestImagesThatAreWrong(t *testing.T) {
	t.Parallel()
	const no = "no problem"
	for _, tt := range []struct {
		name string
		spec spec
		want string
	}{
		{"no layers", spec{listed: "linux/amd64", layers: -1}, "has no layers"},
		{"fewer diffIDs", spec{listed: "linux/amd64", layers: 3, diffIDs: 2}, "has 3 layers but 2 diffIDs in its config"},
		{"other architecture", spec{listed: "linux/arm64", config: "linux/amd64"}, "has a config for linux/amd64"},
		{"other os", spec{listed: "linux/amd64", config: "windows/amd64"}, "has a config for windows/amd64"},
		{"other variant", spec{listed: "linux/arm/v6", config: "linux/arm/v7"}, "has a config for linux/arm/v7"},
		{"lower variant", spec{listed: "linux/arm/v7", config: "linux/arm/v6"}, "has a config for linux/arm/v6"},
		{"variant the index hides", spec{listed: "linux/amd64", config: "linux/amd64/v3"}, "has a config for linux/amd64/v3"},
		{"variant that runs everywhere", spec{listed: "linux/arm", config: "linux/arm/v6"}, no},
		{"variant by default", spec{listed: "linux/arm64", config: "linux/arm64/v8"}, no},
		{"variant left out", spec{listed: "linux/arm/v6", config: "linux/arm"}, no},
		{"no platform in the config", spec{listed: "linux/amd64", config: "none"}, "has a config without a platform"},
	} {
		w := newWorld(t)
		image := w.image(tt.spec)
		got, err := w.check(w.index(image))
		if tt.want == no {
			if err != nil || len(got.Images) != 1 {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		checkErrors(t, tt.name, err, []string{
			fmt.Sprintf("the image of %s for %s (%s) %s", runName, tt.spec.listed, image.Digest, tt.want),
		})
		if len(got.Images) != 0 {
			t.Errorf("%s: got %v beside the error", tt.name, got.Images)
		}
	}
}

func TestSingleImagesThatAreWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, want := range map[string]string{
		"none":        runName + " has a config without a platform",
		"linux/amd64": runName + " has no layers",
	} {
		_, err := w.check(w.image(spec{config: name, layers: -1}))
		checkErrors(t, name, err, []string{want})
	}
	_, err := w.check(w.image(spec{config: "none"}), "linux/amd64")
	checkErrors(t, "no platform", err, []string{runName + " has no image for linux/amd64; it is a single image whose config has no platform"})

	artifact := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: w.JSON("application/vnd.oci.empty.v1+json", struct{}{})}
	desc := w.JSON(v1.MediaTypeImageManifest, artifact)
	_, err = w.check(desc)
	checkErrors(t, "artifact", err, []string{runName + ` is not an image: its config is of type "application/vnd.oci.empty.v1+json"`})
	desc.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	gone := v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromString("gone"), Size: 1, Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}
	_, err = w.check(w.index(desc, gone))
	checkErrors(t, "listed", err, []string{
		fmt.Sprintf(`the image of %s for linux/amd64 (%s) is not an image: its config is of type "application/vnd.oci.empty.v1+json"`, runName, desc.Digest),
		fmt.Sprintf("the image of %s for linux/arm64 (%s) cannot be read: manifest %s is missing", runName, gone.Digest, gone.Digest),
	})
}

func TestOSVersionOfWindowsImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := w.image(spec{listed: "windows/amd64"})
	image.Platform.OSVersion, image.Platform.OSFeatures = "10.0.17763.1", []string{"win32k"}
	got, err := w.check(w.index(image), "windows/amd64", "linux/amd64")
	checkErrors(t, "windows", err, []string{runName + " has no image for linux/amd64; it has windows/amd64 (os.version 10.0.17763.1)"})
	if want := []string{"windows/amd64>windows/amd64"}; !slices.Equal(pairs(got.Images), want) {
		t.Errorf("got %v", pairs(got.Images))
	}
}

// A layout that contains one image and does not say for which platform, as other
// tools write it, is that image.
func TestLayoutOfOneImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.WriteIndex(v1.Index{Manifests: []v1.Descriptor{w.image(spec{config: "linux/arm64"})}}); err != nil {
		t.Fatal(err)
	}
	client := Registry(registry.New(registry.Options{}))
	got, err := Check(t.Context(), client, Request{Name: w.Dir()})
	if err != nil || !slices.Equal(pairs(got.Images), []string{">linux/arm64"}) || got.Images[0].Index != "" {
		t.Errorf("got %+v, %v", got.Images, err)
	}
}

func TestFailuresAreNotFindings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tags[runName] = w.index(w.images("linux/amd64")...)
	file := filepath.Join(t.TempDir(), "run.Dockerfile")
	write(t, file, "FROM localhost:5000/down:1\n")
	request := Request{Name: runName, Platforms: platformsOf(t, "linux/s390x"), Dockerfiles: []string{file}}
	report, err := Check(t.Context(), downWorld{w}, request)
	if err == nil || diag.IsInvalid(err) || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), "linux/s390x") {
		t.Errorf("error is %v", err)
	}
	if len(report.Problems) != 1 {
		t.Errorf("problems are %q", report.Problems)
	}
}

// downWorld has a registry that does not respond.
type downWorld struct{ *world }

func (downWorld) Pull(context.Context, registry.Reference) (*Opened, error) {
	return nil, errors.New("connection refused")
}

func TestReportJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.index(w.images("linux/amd64")...)
	report, err := w.check(root, "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	image := report.Images[0]
	want := fmt.Sprintf(`{"images":[{"name":%q,"index":%q,"target":"linux/amd64","platform":"linux/amd64","digest":%q,"topLayerDiffID":%q,`+
		`"config":{"os":"linux","architecture":"amd64","user":""}}]}`, runName, root.Digest, image.Digest, image.TopLayer)
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	mode := os.FileMode(0o644)
	if filepath.Base(filepath.Dir(name)) == "bin" {
		mode = 0o755
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
