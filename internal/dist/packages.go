package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers the format
)

// pluginDir is where docker of Debian, Fedora and Docker's own packages looks
// for plugins (docker/cli, cli-plugins/manager/manager_unix.go).
const pluginDir = "/usr/libexec/docker/cli-plugins/"

// packages writes the Debian and RPM packages of a platform.
func (r *release) packages(p platform, binary string) error {
	for _, format := range []string{"deb", "rpm"} {
		if err := r.distroPackage(format, p, binary); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) distroPackage(format string, p platform, binary string) error {
	contents, err := r.contents(p, binary)
	if err != nil {
		return err
	}
	arch := p.arch
	if p.variant != "" {
		arch += strings.TrimPrefix(p.variant, "v") // nfpm's name: arm7
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "docker-extpack", Arch: arch, Platform: "linux", Version: r.version, Section: "utils", Priority: "optional",
		Maintainer:  "docker extpack authors <extpack@users.noreply.github.com>",
		Description: "docker CLI plugin for buildpacks image extensions\nBuilds and publishes image extensions of Cloud Native Buildpacks for several platforms.",
		Vendor:      "docker extpack authors", Homepage: homepage, License: "Apache-2.0", MTime: r.epoch,
		Overridables: nfpm.Overridables{Contents: contents},
	})
	info.RPM.BuildHost = "localhost" // else the name of this machine
	if format == "deb" {
		info.Recommends = []string{"docker-ce-cli | docker-cli | docker.io"}
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	if err := packager.Package(info, &buf); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, r.fileName(p, "."+format)), buf.Bytes(), 0o644)
}

// contents returns the files of a package. nfpm reads them by name, so the
// compressed man pages are written first.
func (r *release) contents(p platform, binary string) (files.Contents, error) {
	add := func(source, destination string, mode os.FileMode) *files.Content {
		return &files.Content{Source: source, Destination: destination, FileInfo: &files.ContentFileInfo{
			Owner: "root", Group: "root", Mode: mode, MTime: r.epoch,
		}}
	}
	all := files.Contents{
		add(binary, pluginDir+p.binary(), 0o755),
		add(filepath.Join(r.root, "LICENSE"), "/usr/share/doc/docker-extpack/copyright", 0o644),
	}
	pages, err := filepath.Glob(filepath.Join(r.out, "docs", "man", "*.1"))
	if err != nil {
		return nil, err
	}
	dir := r.compressedDir()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, page := range pages {
		name := filepath.Base(page) + ".gz"
		if err := compress(page, filepath.Join(dir, name)); err != nil {
			return nil, err
		}
		all = append(all, add(filepath.Join(dir, name), "/usr/share/man/man1/"+name, 0o644))
	}
	return all, nil
}

func compress(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := zw.Write(data); err != nil {
		return err
	}
	if err := zw.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, buf.Bytes(), 0o644)
}
