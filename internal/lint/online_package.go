package lint

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/dockerfile"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/runimage"
	"github.com/extpack/extpack/internal/scratch"
)

// OnlinePackage is [Online] for a package: it adds whether the image that the
// static run.Dockerfile in each image starts from is there for its platform. The
// version of a package is not compared, because it is published.
func OnlinePackage(ctx context.Context, client *registry.Client, src content.Fetcher, root v1.Descriptor, r *Report) error {
	images, _, err := oci.Images(ctx, src, root)
	if err != nil || r.Extension == nil {
		return err
	}
	temp, err := scratch.New()
	if err != nil {
		return err
	}
	defer temp.Remove()
	name, file := filepath.Join(temp.Path, runDockerfile), path.Join(generateDir, runDockerfile)
	var list diag.List
	for _, desc := range images {
		m, _, err := oci.ReadManifest(ctx, src, desc)
		if err != nil {
			return err
		}
		config, _, err := oci.ReadConfig(ctx, src, m.Config)
		if err != nil {
			return err
		}
		for _, l := range m.Layers {
			text, err := readRunDockerfile(ctx, src, l, r.Extension.Info)
			if err != nil {
				return oci.About(l, err, "reading layer %s", l.Digest)
			}
			if text == nil {
				continue
			}
			if err := os.WriteFile(name, text, 0o600); err != nil {
				return fmt.Errorf("writing temporary file: %w", err)
			}
			_, err = runimage.Check(ctx, runimage.Registry(client), runimage.Request{Dockerfiles: []string{name}, Platforms: []v1.Platform{config.Platform}})
			if err != nil && !diag.IsInvalid(err) {
				return err
			}
			for _, d := range diag.Of(err) {
				if d.Rule != "" {
					continue // the file itself is at fault
				}
				d.Rule, d.Position.File = rules.RunImagePlatform.ID, file
				d.Message = strings.ReplaceAll(d.Message, name, file)
				list = append(list, d)
			}
		}
	}
	for _, d := range list {
		r.Findings = add(r.Findings, d)
	}
	return nil
}

// readRunDockerfile returns the static run.Dockerfile of the extension in a
// layer, or nil: where there is an executable, static files are not used.
func readRunDockerfile(ctx context.Context, src content.Fetcher, desc v1.Descriptor, info extension.Info) ([]byte, error) {
	rc, err := src.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	plain, err := layer.From(rc).Expand()
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	dest := info.Path()
	var text []byte
	for tr := tar.NewReader(plain); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return text, nil
		}
		if err != nil {
			return nil, err
		}
		switch path.Clean("/" + header.Name) {
		case path.Join(dest, extension.GenerateFile):
			return nil, nil
		case path.Join(dest, generateDir, runDockerfile):
			if text, err = io.ReadAll(io.LimitReader(tr, dockerfile.MaxSize)); err != nil {
				return nil, err
			}
		}
	}
}
