package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

func nothing(string, int) error { return nil }

// makeExtension returns a function that creates an extension in a folder:
// scripts, the same for all platforms or one in each platform root, and in each
// root a program of large bytes if large is not 0: a part of that program, or
// random bytes, which compress like nothing.
func makeExtension(arches []string, roots bool, large int, program string) func(dir string) error {
	return func(dir string) error {
		var toml strings.Builder
		fmt.Fprintf(&toml, "api = \"0.10\"\n\n[extension]\nid = %q\nversion = \"0.0.1\"\nname = \"Benchmark\"\n", imageID(filepath.Base(dir)))
		for _, arch := range arches {
			fmt.Fprintf(&toml, "\n[[targets]]\nos = \"linux\"\narch = %q\n", arch)
		}
		if err := write(filepath.Join(dir, "extension.toml"), []byte(toml.String()), 0o644); err != nil {
			return err
		}
		if err := write(filepath.Join(dir, "..", "Dockerfile"), []byte("FROM scratch\nCOPY . /cnb/extensions/bench/0.0.1/\n"), 0o644); err != nil {
			return err
		}
		if err := write(filepath.Join(dir, ".dockerignore"), []byte("docker-bake.hcl\n"), 0o644); err != nil {
			return err
		}
		if err := changeScripts(arches, roots)(dir, 0); err != nil {
			return err
		}
		for i, arch := range arches {
			if large == 0 {
				break
			}
			data := make([]byte, large)
			if program == "" {
				_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(data) // never fails
			} else if err := readAt(program, data, int64(i)<<20); err != nil {
				return err
			}
			if err := write(filepath.Join(dir, "linux", arch, "bin", "data"), data, 0o644); err != nil {
				return err
			}
		}
		return writeBakeFile(dir, dir)
	}
}

// changeScripts writes scripts that no run has seen before.
func changeScripts(arches []string, roots bool) func(dir string, n int) error {
	return func(dir string, n int) error {
		folders := []string{dir}
		if roots {
			folders = nil
			for _, arch := range arches {
				folders = append(folders, filepath.Join(dir, "linux", arch))
			}
		}
		for i, folder := range folders {
			for _, name := range []string{"detect", "generate"} {
				script := fmt.Sprintf("#!/bin/sh\n# change %d of folder %d\nexit 0\n", n, i)
				if err := write(filepath.Join(folder, "bin", name), []byte(script), 0o755); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func makeTwenty(arches []string, roots bool) func(dir string) error {
	return func(dir string) error {
		for i := range twenty {
			if err := makeExtension(arches, roots, 0, "")(filepath.Join(dir, extensionName(i))); err != nil {
				return err
			}
		}
		return nil
	}
}

// makeMany makes extensions for two platforms, and the bake file for all of them.
func makeMany(count int) func(dir string) error {
	return func(dir string) error {
		var dirs []string
		for i := range count {
			dirs = append(dirs, filepath.Join(dir, extensionName(i)))
			if err := makeExtension(twoPlatforms, false, 0, "")(dirs[i]); err != nil {
				return err
			}
		}
		return writeBakeFile(dir, dirs...)
	}
}

func changeTwenty(arches []string, roots bool) func(dir string, n int) error {
	return func(dir string, n int) error {
		for i := range twenty {
			if err := changeScripts(arches, roots)(filepath.Join(dir, extensionName(i)), n); err != nil {
				return err
			}
		}
		return nil
	}
}

func write(name string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, mode)
}

func readAt(name string, data []byte, offset int64) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.ReadAt(data, offset)
	return err
}

// makeExtensionIn and changeIn are makeExtension and changeScripts for an
// extension in a folder.
func makeExtensionIn(name string, arches []string, large int, program string) func(dir string) error {
	return func(dir string) error { return makeExtension(arches, true, large, program)(filepath.Join(dir, name)) }
}

func changeIn(name string, arches []string) func(dir string, n int) error {
	return func(dir string, n int) error { return changeScripts(arches, true)(filepath.Join(dir, name), n) }
}
