package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pelletier/go-toml/v2"
)

// packBare packs an extension with a root for each platform, as any publisher
// has to: it reads the files, and writes a layer, a config and a manifest for
// each platform, and the index. It checks nothing.
func packBare(dir string) (*bareContent, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "extension.toml"))
	if err != nil {
		return nil, err
	}
	var descriptor struct {
		API       string                             `toml:"api"`
		Extension struct{ ID, Version, Name string } `toml:"extension"`
		Targets   []struct{ OS, Arch string }        `toml:"targets"`
	}
	if err := toml.Unmarshal(raw, &descriptor); err != nil {
		return nil, err
	}
	info := descriptor.Extension
	content := map[digest.Digest][]byte{}
	c := &bareContent{blobs: map[digest.Digest]bool{}}
	c.read = func(d digest.Digest) ([]byte, error) { return content[d], nil }
	put := func(mediaType string, data []byte) v1.Descriptor {
		d := digest.FromBytes(data)
		content[d] = data
		return v1.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
	}
	c.index = v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	dest := "cnb/extensions/" + strings.ReplaceAll(info.ID, "/", "_") + "/" + info.Version
	for _, target := range descriptor.Targets {
		plain, err := tarOf(dest, raw, filepath.Join(dir, target.OS, target.Arch))
		if err != nil {
			return nil, err
		}
		diffID := digest.FromBytes(plain)
		var stored bytes.Buffer
		zw := gzip.NewWriter(&stored)
		_, _ = zw.Write(plain) // a buffer
		_ = zw.Close()
		layer := put(v1.MediaTypeImageLayerGzip, stored.Bytes())
		config := put(v1.MediaTypeImageConfig, mustJSON(v1.Image{
			Platform: v1.Platform{OS: target.OS, Architecture: target.Arch},
			RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}},
			Config: v1.ImageConfig{Labels: map[string]string{
				"io.buildpacks.buildpackage.metadata": string(mustJSON(info)),
				"io.buildpacks.extension.layers":      string(mustJSON(map[string]any{info.ID: map[string]any{info.Version: map[string]any{"api": descriptor.API, "layerDiffID": diffID}}})),
			}},
		}))
		manifest := put(v1.MediaTypeImageManifest, mustJSON(v1.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config, Layers: []v1.Descriptor{layer},
		}))
		c.blobs[layer.Digest], c.blobs[config.Digest] = true, true
		manifest.Platform = &v1.Platform{OS: target.OS, Architecture: target.Arch}
		c.index.Manifests = append(c.index.Manifests, manifest)
	}
	c.root = put(v1.MediaTypeImageIndex, mustJSON(c.index))
	return c, nil
}

// tarOf returns the tar file of the descriptor and the files of a root, below
// dest.
func tarOf(dest string, descriptor []byte, root string) ([]byte, error) {
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	add := func(name string, mode int64, data []byte) error {
		h := &tar.Header{Name: name, Mode: mode, Size: int64(len(data)), ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg}
		if data == nil {
			h.Typeflag, h.Name = tar.TypeDir, name+"/"
		}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		_, err := tw.Write(data)
		return err
	}
	at := ""
	for _, part := range strings.Split(dest, "/") {
		at = path.Join(at, part)
		if err := add(at, 0o755, nil); err != nil {
			return nil, err
		}
	}
	if err := add(dest+"/extension.toml", 0o644, descriptor); err != nil {
		return nil, err
	}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, name)
		switch {
		case err != nil || rel == ".":
			return err
		case entry.IsDir():
			return add(path.Join(dest, filepath.ToSlash(rel)), 0o755, nil)
		}
		data, err := os.ReadFile(name) //nolint:gosec // this program made the files
		if err != nil {
			return err
		}
		return add(path.Join(dest, filepath.ToSlash(rel)), 0o755, data)
	})
	if err != nil {
		return nil, err
	}
	return out.Bytes(), tw.Close()
}

func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // only strings and numbers
	}
	return data
}
