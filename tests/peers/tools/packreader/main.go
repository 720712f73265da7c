// Command packreader asks pack's own code whether it reads what is named on
// standard input, one a line: a package file, the directory of an extension, or
// "image REF OS/ARCH[/VARIANT]" for what it takes of an image for a platform. It
// answers each with a line of JSON.
package main

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/buildpacks/pack/pkg/archive"
	"github.com/buildpacks/pack/pkg/blob"
	"github.com/buildpacks/pack/pkg/buildpack"
	"github.com/buildpacks/pack/pkg/dist"
	"github.com/buildpacks/pack/pkg/image"
	"github.com/buildpacks/pack/pkg/logging"
)

// answer is what pack makes of an input.
type answer struct {
	// Error is why pack refuses it; the other fields are empty then.
	Error            string
	ID, Version, API string
	// Files are the files of an image's layer, with their modes, link targets and
	// digests.
	Files map[string]string `json:",omitempty"`
}

func main() {
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for in.Scan() {
		if err := out.Encode(read(in.Text())); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func read(name string) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a = answer{Error: fmt.Sprintf("panic: %v", p)}
		}
	}()
	words := strings.Fields(name)
	inImage := len(words) == 3 && words[0] == "image"
	open := func() (buildpack.BuildModule, error) { return openFile(name) }
	if inImage {
		open = func() (buildpack.BuildModule, error) { return openImage(words[1], words[2]) }
	}
	module, err := open()
	if err != nil {
		return answer{Error: err.Error()}
	}
	if module == nil {
		return answer{Error: "pack finds no extension"}
	}
	d := module.Descriptor()
	if d.API() == nil {
		return answer{Error: "pack finds no api"}
	}
	a = answer{ID: d.Info().ID, Version: d.Info().Version, API: d.API().String()}
	if inImage {
		if a.Files, err = list(module); err != nil {
			return answer{Error: err.Error()}
		}
	}
	return a
}

// list reads the layer of an extension, which pack finds by its labels.
func list(module buildpack.BuildModule) (map[string]string, error) {
	layer, err := module.Open()
	if err != nil {
		return nil, err
	}
	defer layer.Close()
	files := map[string]string{}
	for r := tar.NewReader(layer); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		hash := sha256.New()
		if _, err := io.Copy(hash, r); err != nil {
			return nil, err
		}
		files[h.Name] = fmt.Sprintf("%s %s", h.FileInfo().Mode(), h.Linkname)
		if h.Typeflag == tar.TypeReg {
			files[h.Name] += hex.EncodeToString(hash.Sum(nil))
		}
	}
}

// openImage does what "pack builder create" does with the image of an extension.
func openImage(ref, platform string) (buildpack.BuildModule, error) {
	parts := append(strings.Split(platform, "/"), "", "")
	fetcher := image.NewFetcher(logging.NewSimpleLogger(io.Discard), nil)
	module, _, err := buildpack.NewDownloader(quiet{}, fetcher, nil, nil).Download(context.Background(), "", buildpack.DownloadOptions{
		ImageName: ref, ModuleKind: buildpack.KindExtension, PullPolicy: image.PullAlways,
		Target: &dist.Target{OS: parts[0], Arch: parts[1], ArchVariant: parts[2]},
	})
	return module, err
}

func openFile(name string) (buildpack.BuildModule, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	b := blob.NewBlob(name)
	if info.IsDir() {
		return buildpack.FromExtensionRootBlob(b, archive.DefaultTarWriterFactory(), quiet{})
	}
	module, err := buildpack.ExtensionsFromOCILayoutBlob(b)
	if err != nil || module == nil {
		return nil, err
	}
	layer, err := module.Open() // finds the layer
	if err != nil {
		return nil, err
	}
	defer layer.Close()
	_, err = io.Copy(io.Discard, layer)
	return module, err
}

// quiet is a logger that says nothing.
type quiet struct{}

func (quiet) Debug(string)                  {}
func (quiet) Debugf(string, ...interface{}) {}
func (quiet) Info(string)                   {}
func (quiet) Infof(string, ...interface{})  {}
func (quiet) Warn(string)                   {}
func (quiet) Warnf(string, ...interface{})  {}
func (quiet) Error(string)                  {}
func (quiet) Errorf(string, ...interface{}) {}
