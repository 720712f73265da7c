// Command packreader asks pack's own code whether it reads what is named on
// standard input, one a line: a package file, or the directory of an extension.
// It answers each with a line of JSON.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/buildpacks/pack/pkg/archive"
	"github.com/buildpacks/pack/pkg/blob"
	"github.com/buildpacks/pack/pkg/buildpack"
)

// answer is what pack makes of an input.
type answer struct {
	// Error is why pack refuses it; the other fields are empty then.
	Error            string
	ID, Version, API string
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
	module, err := open(name)
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
	return answer{ID: d.Info().ID, Version: d.Info().Version, API: d.API().String()}
}

func open(name string) (buildpack.BuildModule, error) {
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
