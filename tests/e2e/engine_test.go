package e2e_test

import (
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
)

// TestEnginesAgree packs extensions without a daemon and compares with what
// buildx made: the same diffIDs, and the same bytes.
func TestEnginesAgree(t *testing.T) {
	t.Parallel()
	large := extensionDir(t, map[string]string{
		"extension.toml":         descriptor("samples/large", linuxTargets),
		"linux/amd64/bin/detect": script + strings.Repeat("# some text that is compressed\n", 100_000),
		"linux/arm64/bin/detect": script,
	})
	dirs := map[string]string{"hello": example("hello"), "platform-roots": example("platform-roots"), "large": large}
	for name, toml := range contentCases {
		dirs[name] = awkwardExtension(t, toml)
	}
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			ref := strings.ReplaceAll(strings.ReplaceAll(tag(t, "1"), "_", "-"), ",", "")
			mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", ref)
			want := fetch(t, ref)

			p, _, err := plan.New(t.Context(), []string{dir}, plan.Options{})
			if err != nil {
				t.Fatal(err)
			}
			built, err := (&embedded.Engine{}).Build(t.Context(), p, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range built {
				compareLayers(t, b, want)
			}
		})
	}
}

func compareLayers(t *testing.T, b plan.Built, want published) {
	t.Helper()
	layout := b.Layout
	if layout == nil {
		var err error
		if layout, err = ocilayout.OpenDir(b.Dir); err != nil {
			t.Fatal(err)
		}
	}
	defer layout.Close()
	index, err := layout.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n, i := range b.Images {
		manifest, _, err := oci.ReadManifest(t.Context(), layout, index.Manifests[min(n, len(index.Manifests)-1)]) // one for all when shared
		if err != nil {
			t.Fatal(err)
		}
		config, _, err := oci.ReadConfig(t.Context(), layout, manifest.Config)
		if err != nil {
			t.Fatal(err)
		}
		image := want.images[i]
		if got := config.RootFS.DiffIDs[0].String(); got != image.diffID {
			t.Errorf("%s: diffID %s, buildx made %s", image.platform(), got, image.diffID)
		}
		if got := manifest.Layers[0].Digest; got != image.manifest.Layers[0].Digest {
			t.Errorf("%s: layer %s, buildx made %s", image.platform(), got, image.manifest.Layers[0].Digest)
		}
	}
}

// TestBuiltOnceIsBuiltForAll: content that all platforms share is built for one
// of them; building it for every one, as an override makes buildx do, makes the
// same package.
func TestBuiltOnceIsBuiltForAll(t *testing.T) {
	t.Parallel()
	dirs := map[string]string{"hello": example("hello")}
	for name, toml := range contentCases {
		dirs[name] = awkwardExtension(t, toml)
	}
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			ref := strings.ReplaceAll(strings.ReplaceAll(tag(t, "1"), "_", "-"), ",", "")
			once := digestOf(t, dir, ref, "--force")
			if each := digestOf(t, dir, ref, "--set", "*.args.NOTHING=1"); each != once {
				t.Errorf("built for each platform: %s, built once: %s", each, once)
			}
		})
	}
}
