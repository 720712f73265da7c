package ocilayout

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
)

func TestImagesTellsAttestationsApart(t *testing.T) {
	l, index := twoImages(t)
	put := must[v1.Descriptor](t)
	attestation := put(l.PutJSON(t.Context(), v1.MediaTypeImageManifest, v1.Manifest{}))
	attestation.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	attestation.Annotations = map[string]string{
		AnnotationReferenceType: ReferenceTypeAttestation, AnnotationReferenceDigest: index.Manifests[0].Digest.String(),
	}
	stranger := attestation
	stranger.Annotations = nil
	index.Manifests = append(index.Manifests, attestation, stranger)
	inner := put(l.PutJSON(t.Context(), v1.MediaTypeImageIndex, index))
	outer := put(l.PutJSON(t.Context(), MediaTypeDockerIndex, v1.Index{Manifests: []v1.Descriptor{inner}}))

	images, attestations, err := Images(t.Context(), l, outer)
	if err != nil {
		t.Fatal(err)
	}
	if len(images) != 2 || images[0].Platform.Architecture != "amd64" || images[1].Platform.Architecture != "arm64" {
		t.Errorf("images %+v", images)
	}
	if len(attestations) != 1 || attestations[0].Digest != attestation.Digest {
		t.Errorf("attestations %+v", attestations)
	}

	var depths []int
	err = Walk(t.Context(), l, outer, func(n Node, err error) error {
		depths = append(depths, len(n.Parents))
		if n.Kind == KindIndex && (n.Index == nil || n.Raw == nil) {
			t.Errorf("index without its document: %+v", n)
		}
		return err
	})
	if err != nil || !slices.Equal(depths, []int{0, 1, 2, 2, 2, 2}) {
		t.Errorf("depths %v, %v", depths, err)
	}
}

func TestWalkOneManifest(t *testing.T) {
	l, index := twoImages(t)
	images, _, err := Images(t.Context(), l, index.Manifests[0])
	if err != nil || len(images) != 1 {
		t.Errorf("images %v, %v", images, err)
	}
}

func TestWalkLimits(t *testing.T) {
	l := newLayout(t)
	put := must[v1.Descriptor](t)
	indexOf := func(children ...v1.Descriptor) v1.Descriptor {
		return put(l.PutJSON(t.Context(), v1.MediaTypeImageIndex, v1.Index{Manifests: children}))
	}
	deep := indexOf()
	for range MaxDepth {
		deep = indexOf(deep)
	}
	// A few kilobytes that span a million images.
	wide := putImage(t, l, "amd64", "x")
	for range 6 {
		wide = indexOf(slices.Repeat([]v1.Descriptor{wide}, 10)...)
	}
	many := indexOf(slices.Repeat([]v1.Descriptor{wide}, 2)...)
	for name, root := range map[string]v1.Descriptor{"deep": deep, "wide": many} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Images(t.Context(), l, root)
			if !errors.Is(err, ErrTooLarge) || !diag.IsInvalid(err) {
				t.Errorf("got %v", err)
			}
		})
	}
	if blobs, err := Reachable(t.Context(), l, many); err != nil || len(blobs) != 10 {
		t.Errorf("a blob listed many times counts once: %d, %v", len(blobs), err)
	}
}

func TestWalkGoesOnAfterABrokenIndex(t *testing.T) {
	l, index := twoImages(t)
	put := must[v1.Descriptor](t)
	missing := v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: "sha256:" + v1DigestOfNothing, Size: 2}
	root := put(l.PutJSON(t.Context(), v1.MediaTypeImageIndex, v1.Index{Manifests: append([]v1.Descriptor{missing}, index.Manifests...)}))
	var images, broken int
	err := Walk(t.Context(), l, root, func(n Node, err error) error {
		if err != nil && !strings.Contains(err.Error(), "index "+missing.Digest.String()+" is missing") {
			t.Errorf("got %v", err)
		}
		if err != nil {
			broken++
		}
		if n.Kind == KindImage {
			images++
		}
		return nil
	})
	if err != nil || images != 2 || broken != 1 {
		t.Errorf("%d images, %d broken, %v", images, broken, err)
	}
}

func TestReachableRefusesTwoSizes(t *testing.T) {
	l, index := twoImages(t)
	lie := index.Manifests[0]
	lie.Size++
	root := must[v1.Descriptor](t)(l.PutJSON(t.Context(), v1.MediaTypeImageIndex, v1.Index{Manifests: []v1.Descriptor{index.Manifests[0], lie}}))
	if _, err := Reachable(t.Context(), l, root); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestCopyDir(t *testing.T) {
	l, index := twoImages(t)
	full := func(t *testing.T, dir string) {
		t.Helper()
		s := must[*Layout](t)(OpenDir(dir))
		defer s.Close()
		if _, err := Reachable(t.Context(), s, must[v1.Descriptor](t)(Root(t.Context(), s))); err != nil {
			t.Error(err)
		}
	}
	t.Run("new", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "out")
		if err := CopyDir(t.Context(), dir, l, index); err != nil {
			t.Fatal(err)
		}
		full(t, dir)
		if entries := must[[]fs.DirEntry](t)(os.ReadDir(filepath.Dir(dir))); len(entries) != 1 {
			t.Errorf("left beside it: %v", entries)
		}
	})
	t.Run("empty", func(t *testing.T) {
		dir := t.TempDir()
		if err := CopyDir(t.Context(), dir, l, index); err != nil {
			t.Fatal(err)
		}
		full(t, dir)
	})
	t.Run("over itself, with less", func(t *testing.T) {
		l, index := twoImages(t)
		if err := CopyDir(t.Context(), l.Dir(), l, v1.Index{Manifests: index.Manifests[1:]}); err != nil {
			t.Fatal(err)
		}
		full(t, l.Dir())
		if entries := must[[]fs.DirEntry](t)(os.ReadDir(filepath.Join(l.Dir(), "blobs", "sha256"))); len(entries) != 3 {
			t.Errorf("blobs %v", entries)
		}
	})
	refused := map[string]struct {
		prepare func(t *testing.T, dir string)
		want    string
	}{
		"other files": {func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, "thesis"), nil) }, "is not empty and no OCI layout"},
		"layout and a file": {func(t *testing.T, dir string) {
			if err := os.CopyFS(dir, os.DirFS(l.Dir())); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, "thesis"), nil)
		}, `also holds "thesis"`},
		"a file of the name": {func(t *testing.T, dir string) { os.Remove(dir); writeFile(t, dir, nil) }, "is not a directory"},
	}
	for name, tt := range refused {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			mkdir(t, dir)
			tt.prepare(t, dir)
			before := must[fs.FileInfo](t)(os.Stat(dir))
			err := CopyDir(t.Context(), dir, l, index)
			if !diag.IsInvalid(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if !os.SameFile(before, must[fs.FileInfo](t)(os.Stat(dir))) {
				t.Error("it was touched")
			}
		})
	}
	t.Run("failure keeps the old one", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "out")
		if err := CopyDir(t.Context(), dir, l, index); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		src := must[*Layout](t)(OpenDir(l.Dir()))
		defer src.Close()
		if err := CopyDir(ctx, dir, src, index); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		full(t, dir)
	})
}
