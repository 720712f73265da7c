package smoke

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"path"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/executable"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
)

// programs returns the entry points of an image, each with what other platform it
// is built for, empty when that is not so, and the build plan if it is static.
func programs(ctx context.Context, pkg *annotate.Package, image annotate.Image, dest string) (found map[string]string, buildPlan []byte, err error) {
	manifest, _, err := oci.ReadManifest(ctx, pkg.Layout, image.Descriptor)
	if err != nil {
		return nil, nil, err
	}
	files := scanned{foreign: map[string]string{}, plans: map[string][]byte{}, links: map[string]string{}}
	for _, desc := range manifest.Layers {
		if err := files.scan(ctx, pkg.Layout, desc, image.Platform); err != nil {
			return nil, nil, err
		}
	}
	found = map[string]string{}
	for _, file := range entryPoints {
		if words, ok := files.foreign[files.follow(path.Join(dest, file))]; ok {
			found[file] = words
		}
	}
	if _, runs := found[entryPoints[0]]; !runs {
		buildPlan = files.plans[files.follow(path.Join(dest, "detect/plan.toml"))]
	}
	return found, buildPlan, nil
}

// scanned is what is known of the files of an image, by path.
type scanned struct {
	// foreign are the platforms that files are built for, if another one.
	foreign map[string]string
	plans   map[string][]byte
	links   map[string]string
}

func (s *scanned) follow(name string) string {
	for range len(s.links) + 1 {
		target, isLink := s.links[name]
		if !isLink {
			break
		}
		name = target
	}
	return name
}

func (s *scanned) scan(ctx context.Context, l *ocilayout.Layout, desc v1.Descriptor, p v1.Platform) error {
	rc, err := l.Fetch(ctx, desc)
	if err != nil {
		return err
	}
	defer rc.Close()
	plain, err := layer.From(rc).Expand()
	if err != nil {
		return err
	}
	defer plain.Close()
	for tr := tar.NewReader(plain); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean("/" + header.Name)
		switch header.Typeflag {
		case tar.TypeReg:
			head, err := io.ReadAll(io.LimitReader(tr, executable.HeadBytes))
			if err != nil {
				return err
			}
			s.foreign[name] = executable.Foreign(head, p)
			if path.Base(name) == "plan.toml" {
				rest, err := io.ReadAll(io.LimitReader(tr, extension.MaxSize))
				if err != nil {
					return err
				}
				s.plans[name] = slices.Concat(head, rest)
			}
		case tar.TypeLink:
			s.links[name] = path.Clean("/" + header.Linkname)
		case tar.TypeSymlink:
			s.links[name] = resolve(name, header.Linkname)
		}
	}
}

// resolve returns where a symbolic link leads to.
func resolve(name, target string) string {
	if path.IsAbs(target) {
		return path.Clean(target)
	}
	return path.Join(path.Dir(name), target)
}
