package verify

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
)

func TestPlatforms(t *testing.T) {
	t.Parallel()
	onConfig := func(change func(p *v1.Platform)) func(*testPackage) {
		return func(p *testPackage) {
			p.config = func(n int, c *v1.Image) {
				if n == 1 {
					change(&c.Platform)
				}
			}
		}
	}
	run(t, map[string]mutation{
		"missing":    {func(p *testPackage) { p.platforms = p.platforms[:1] }, idPlatformMissing, "linux/arm64 is expected, but no image is for it"},
		"unexpected": {func(p *testPackage) { p.promise.Images = p.promise.Images[:1] }, idPlatformUnexpected, "an image is for linux/arm64, which is not expected"},
		"duplicate":  {func(p *testPackage) { p.platforms = append(p.platforms, arm64) }, idPlatformDuplicate, "more than one image is for linux/arm64"},
		"duplicate, nothing promised": {func(p *testPackage) {
			p.platforms, p.promise = []v1.Platform{arm64, arm64}, nil
		}, idPlatformDuplicate, "more than one image"},
		"unnamed":       {func(p *testPackage) { p.index = func(i *v1.Index) { i.Manifests[1].Platform = nil } }, idPlatformUnnamed, "readers treat it as linux/amd64"},
		"other os":      {onConfig(func(p *v1.Platform) { p.OS = "freebsd" }), idConfigPlatform, "the config is for freebsd/arm64, but the index lists the image for linux/arm64"},
		"no os":         {onConfig(func(p *v1.Platform) { p.OS = "" }), idConfigPlatform, "but the index lists the image for linux/arm64"},
		"other arch":    {onConfig(func(p *v1.Platform) { p.Architecture = "amd64" }), idConfigPlatform, "the config is for linux/amd64"},
		"other variant": {onConfig(func(p *v1.Platform) { p.Variant = "v9" }), idConfigPlatform, "the config is for linux/arm64/v9"},
		"spelled otherwise": {func(p *testPackage) {
			p.index = func(i *v1.Index) { i.Manifests[1].Platform.Architecture = "aarch64" }
		}, idPlatformUnknown, `the image is for a platform with the unknown arch "aarch64" (did you mean "arm64"?)`},
		"unknown os": {func(p *testPackage) {
			p.platforms, p.promise = []v1.Platform{{OS: "linus", Architecture: "amd64"}}, nil
		}, idPlatformUnknown, `unknown os "linus"`},
		"unknown variant": {func(p *testPackage) {
			p.platforms, p.promise = []v1.Platform{{OS: "linux", Architecture: "arm", Variant: "v99"}}, nil
		}, idPlatformUnknown, `unknown variant "v99"`},
		"unknown/unknown": {func(p *testPackage) {
			p.platforms, p.promise = []v1.Platform{{OS: "unknown", Architecture: "unknown"}}, nil
		}, idNoImage, "contains no image"},
		"same variant":      {onConfig(func(p *v1.Platform) { p.Variant = "v8" }), "", ""},
		"other os.version":  {onConfig(func(p *v1.Platform) { p.OSVersion = "24.04" }), idConfigPlatform, "(os.version 24.04), but"},
		"promised as alias": {func(p *testPackage) { p.promise.Images[1].Platform.Variant = "v8" }, "", ""},
		"any one platform": {func(p *testPackage) {
			p.platforms, p.promise.Images = p.platforms[:1], []PromisedImage{{}}
		}, "", ""},
		"any one platform, but two": {func(p *testPackage) { p.promise.Images = []PromisedImage{{}} }, idPlatformUnexpected, "linux/arm64"},
		"attestation of a stranger": {func(p *testPackage) {
			p.index = func(i *v1.Index) {
				a := i.Manifests[0]
				a.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
				a.Annotations = map[string]string{
					oci.AnnotationReferenceType:   oci.ReferenceTypeAttestation,
					oci.AnnotationReferenceDigest: "sha256:1234",
				}
				i.Manifests = append(i.Manifests, a)
			}
		}, idAttestationReference, `about "sha256:1234"`},
	})
}

// TestDistros is about images of one platform for several distros, which pack
// cannot make at all.
func TestDistros(t *testing.T) {
	t.Parallel()
	noble, jammy := amd64, amd64
	noble.OSVersion, jammy.OSVersion = "24.04", "22.04"
	annotated := func(names ...string) func(*v1.Index) {
		return func(index *v1.Index) {
			for n, name := range names {
				index.Manifests[n].Annotations = map[string]string{extension.AnnotationDistroName: name, extension.AnnotationDistroVersion: "12"}
			}
		}
	}
	run(t, map[string]mutation{
		"told apart by os.version": {func(p *testPackage) {
			p.platforms = []v1.Platform{noble, jammy}
			p.promise.Images = []PromisedImage{{Platform: noble, DistroName: "ubuntu", DistroVersion: "24.04"}, {Platform: jammy, DistroName: "ubuntu", DistroVersion: "22.04"}}
		}, "", ""},
		"one of them missing": {func(p *testPackage) {
			p.platforms = []v1.Platform{noble}
			p.promise.Images = []PromisedImage{{Platform: noble, DistroName: "ubuntu", DistroVersion: "24.04"}, {Platform: jammy, DistroName: "ubuntu", DistroVersion: "22.04"}}
		}, idPlatformMissing, "linux/amd64:ubuntu@22.04 is expected"},
		"told apart by annotations": {func(p *testPackage) {
			p.platforms, p.index = []v1.Platform{amd64, amd64}, annotated("debian", "devuan")
			p.promise.Images = []PromisedImage{{Platform: amd64, DistroName: "debian", DistroVersion: "12"}, {Platform: amd64, DistroName: "devuan", DistroVersion: "12"}}
		}, "", ""},
		"annotations of one distro": {func(p *testPackage) {
			p.platforms, p.index = []v1.Platform{amd64, amd64}, annotated("debian", "debian")
			p.promise.Images = []PromisedImage{{Platform: amd64, DistroName: "debian", DistroVersion: "12"}}
		}, idPlatformDuplicate, "more than one image is for linux/amd64:debian@12"},
		"annotations of another distro": {func(p *testPackage) {
			p.platforms, p.index = []v1.Platform{amd64, amd64}, annotated("debian", "devuan")
			p.promise.Images = []PromisedImage{{Platform: amd64, DistroName: "debian", DistroVersion: "12"}}
		}, idPlatformUnexpected, "an image is for linux/amd64:devuan@12"},
	})
}

func TestSingleManifest(t *testing.T) {
	t.Parallel()
	p := validPackage()
	p.promise.Images = p.promise.Images[1:]
	p.manifest = func(_ int, m *v1.Manifest) { m.Annotations = testAnnotations() }
	l, root := p.build(t)
	index, _, err := oci.ReadIndex(t.Context(), l, root)
	if err != nil {
		t.Fatal(err)
	}
	image := index.Manifests[1]
	image.Platform = nil // as a registry describes what a tag points to
	found, err := Check(t.Context(), l, image, Options{Promise: p.promise})
	if err != nil || len(found) != 0 {
		t.Errorf("%v, findings:\n%s", err, lines(found))
	}
	found, err = Check(t.Context(), l, image, Options{Promise: &Promise{ID: testID, Version: testVersion, Images: []PromisedImage{{Platform: amd64}}}})
	if err != nil || len(found) != 2 {
		t.Errorf("want linux/amd64 missing and linux/arm64 unexpected, %v, findings:\n%s", err, lines(found))
	}
}

// TestPackageFile checks what a reader of a package file sees: index.json is
// the index.
func TestPackageFile(t *testing.T) {
	t.Parallel()
	p := validPackage()
	l, root := p.build(t)
	index, _, err := oci.ReadIndex(t.Context(), l, root)
	if err != nil {
		t.Fatal(err)
	}
	name := t.TempDir() + "/p.cnb"
	if err := ocilayout.WriteTarFile(t.Context(), name, l, index); err != nil {
		t.Fatal(err)
	}
	s, err := ocilayout.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if root, err = ocilayout.Root(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	found, err := Check(t.Context(), s, root, Options{Promise: p.promise})
	if err != nil || len(found) != 0 {
		t.Errorf("%v, findings:\n%s", err, lines(found))
	}
}

func TestTroubleWithReadingIsNoFinding(t *testing.T) {
	t.Parallel()
	l, root := validPackage().build(t)
	reset := errors.New("connection reset")
	for _, failing := range []string{v1.MediaTypeImageIndex, v1.MediaTypeImageManifest, v1.MediaTypeImageConfig, v1.MediaTypeImageLayerGzip} {
		for what, fetch := range map[string]content.FetcherFunc{
			"at once": func(context.Context, v1.Descriptor) (io.ReadCloser, error) { return nil, reset },
			"later": func(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
				rc, err := l.Fetch(ctx, desc)
				if err != nil {
					return nil, err
				}
				return struct {
					io.Reader
					io.Closer
				}{io.MultiReader(io.LimitReader(rc, desc.Size/2), failingReader{reset}), rc}, nil
			},
		} {
			found, err := Check(t.Context(), content.FetcherFunc(func(ctx context.Context, desc v1.Descriptor) (io.ReadCloser, error) {
				if desc.MediaType == failing {
					return fetch(ctx, desc)
				}
				return l.Fetch(ctx, desc)
			}), root, Options{})
			if !errors.Is(err, reset) || found != nil || diag.IsInvalid(err) {
				t.Errorf("%s fails %s: %v, %v", failing, what, err, found)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Check(ctx, l, root, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func TestErr(t *testing.T) {
	t.Parallel()
	warning := Finding{ID: idAPIUnsupported, Severity: Warning, Message: "w"}
	broken := Finding{ID: idContent, Severity: Error, Platform: "linux/arm64", Message: "manifest is missing", Hint: "build again"}
	if err := Err([]Finding{warning}); err != nil {
		t.Errorf("a warning gave %v", err)
	}
	err := Err([]Finding{warning, broken})
	var failed *FailedError
	if !errors.As(err, &failed) || len(failed.Findings) != 2 || !diag.IsInvalid(err) {
		t.Fatalf("got %#v", err)
	}
	if want := "linux/arm64: manifest is missing [content]\n  build again"; diag.Text(err) != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestChecksAreDescribed(t *testing.T) {
	t.Parallel()
	last := ""
	for _, check := range Checks() {
		if check.ID <= last || !strings.HasSuffix(check.Summary, ".") || !slices.Contains([]Severity{Error, Warning, Note}, check.Severity) {
			t.Errorf("check %+v after %s", check, last)
		}
		last = check.ID
	}
}

// TestPackPackage has what pack 0.40 writes: absolute paths, no entries for the
// parents. Its packages are in use everywhere and must not fail.
func TestPackPackage(t *testing.T) {
	t.Parallel()
	p := validPackage()
	p.index = func(index *v1.Index) { index.Annotations = nil }
	p.files = func(_ int, files []file) []file {
		for n := range files {
			files[n].Name = "/" + files[n].Name
		}
		return files[2:]
	}
	found := p.check(t)
	if len(found) > 0 && found[0].ID == idAnnotationMissing {
		found = found[1:]
	}
	if len(found) != 2 || found[0].ID != idPathAbsolute || found[1].ID != idPathAbsolute || Err(found) != nil {
		t.Errorf("findings:\n%s", lines(found))
	}
}
