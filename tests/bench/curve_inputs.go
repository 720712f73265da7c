package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func makeExtensions(_ *bench, dir string, size int) (dirs []string, err error) {
	for i := range size {
		dirs = append(dirs, extensionName(i))
	}
	return dirs, makeMany(size)(dir)
}

func makeSmall(_ *bench, dir string, _ int) ([]string, error) {
	return []string{"x"}, makeExtension(fourPlatforms, true, 0, "")(filepath.Join(dir, "x"))
}

func makeFiles(_ *bench, dir string, size int) ([]string, error) {
	for i := range size {
		if err := write(filepath.Join(dir, "x", "files", strconv.Itoa(i%1000), strconv.Itoa(i)), []byte(strconv.Itoa(i)), 0o644); err != nil {
			return nil, err
		}
	}
	return []string{"x"}, writeTargets(filepath.Join(dir, "x"), 1)
}

func makePlatforms(_ *bench, dir string, size int) ([]string, error) {
	return []string{"x"}, writeTargets(filepath.Join(dir, "x"), size)
}

// makeLayer makes an extension with a file of size megabytes, which are those of
// a real program over and over.
func makeLayer(b *bench, dir string, size int) ([]string, error) {
	x := filepath.Join(dir, "x")
	if err := writeTargets(x, 1); err != nil {
		return nil, err
	}
	program, err := os.Open(b.box.BuildxPath())
	if err != nil {
		return nil, err
	}
	defer program.Close()
	info, err := program.Stat()
	if err != nil {
		return nil, err
	}
	data, err := os.Create(filepath.Join(x, "data"))
	if err != nil {
		return nil, err
	}
	defer data.Close()
	for left := int64(size) << 20; left > 0; {
		n := min(left, info.Size())
		if _, err := io.Copy(data, io.NewSectionReader(program, 0, n)); err != nil {
			return nil, err
		}
		left -= n
	}
	return []string{"x"}, data.Close()
}

// writeTargets writes an extension of targets that differ in their distro.
func writeTargets(dir string, size int) error {
	var toml strings.Builder
	toml.WriteString("api = \"0.10\"\n[extension]\nid = \"samples/curve\"\nversion = \"1.0.0\"\n")
	for i := range size {
		fmt.Fprintf(&toml, "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n[[targets.distros]]\nname = \"d%d\"\nversion = \"%[1]d\"\n", i)
	}
	if err := write(filepath.Join(dir, "extension.toml"), []byte(toml.String()), 0o644); err != nil {
		return err
	}
	return write(filepath.Join(dir, "bin", "generate"), []byte("#!/bin/sh\n"), 0o755)
}
