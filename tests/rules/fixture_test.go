package rules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// descriptor is a sound extension.toml; cases replace parts of it.
const descriptor = `api = "0.10"
[extension]
id = "samples/tool"
version = "0.0.1"
homepage = "https://example.com"
[[extension.licenses]]
type = "Apache-2.0"
[[targets]]
os = "linux"
arch = "amd64"
`

const (
	buildFile = "ARG base_image\nFROM ${base_image}\n"
	runFile   = "FROM registry.example.com/run:1\n"
	extendRun = "ARG base_image\nFROM ${base_image}\nLABEL io.buildpacks.rebasable=true\n"
	script    = "#!/bin/sh\nexit 0\n"
)

// files are the files of an extension by path. A value that begins with "-> "
// is a symbolic link, one that is "-" removes a file of the base, and a path that
// ends in "/" is a folder. A path that begins with "x:" is executable.
type files map[string]string

// static is an extension without programs.
func static(more files) files {
	base := files{"extension.toml": descriptor, "detect/plan.toml": "[[provides]]\nname = \"tool\"\n", "generate/build.Dockerfile": buildFile}
	return merge(base, more)
}

// programs is an extension of two scripts.
func programs(more files) files {
	return merge(files{"extension.toml": descriptor, "x:bin/detect": script, "x:bin/generate": script}, more)
}

func merge(base, more files) files {
	for name, data := range more {
		for have := range base {
			if strings.TrimPrefix(have, "x:") == strings.TrimPrefix(name, "x:") {
				delete(base, have)
			}
		}
		if data != "-" {
			base[name] = data
		}
	}
	return base
}

// toml returns the descriptor with parts of it replaced: old, new, …
func toml(replace ...string) files {
	return files{"extension.toml": strings.NewReplacer(replace...).Replace(descriptor)}
}

// build and run return a static extension with such a Dockerfile.
func build(text string) files { return static(files{"generate/build.Dockerfile": text}) }
func run(text string) files   { return static(files{"generate/run.Dockerfile": text}) }

func plan(text string) files   { return static(files{"detect/plan.toml": text}) }
func config(text string) files { return static(files{"generate/extend-config.toml": text}) }

// write writes the files into a folder of their own below parent.
func (f files) write(t *testing.T, dir string) string {
	t.Helper()
	for name, data := range f {
		name, executable := strings.CutPrefix(name, "x:")
		file := filepath.Join(dir, filepath.FromSlash(name))
		mode := os.FileMode(0o644)
		if executable {
			mode = 0o755
		}
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		target, isLink := strings.CutPrefix(data, "-> ")
		switch {
		case err != nil:
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(file, 0o755)
		case isLink:
			err = os.Symlink(target, file)
		default:
			err = os.WriteFile(file, []byte(data), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
