package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// curves are what grows, and how far.
var curves = []struct {
	name  string
	sizes []int
	make  func(dir string, size int) ([]string, error)
}{
	{"files", []int{10_000, 100_000, 400_000}, makeFiles},
	{"extensions", []int{10, 100, 1000}, func(dir string, size int) (dirs []string, err error) {
		for i := range size {
			dirs = append(dirs, extensionName(i))
		}
		return dirs, makeMany(size)(dir)
	}},
	{"targets", []int{10, 100, 1000}, makeTargets},
}

// curve prints the CPU time that the embedded engine takes for growing inputs.
// It is the same on a busy machine, where the time that passes is not.
func curve(ctx context.Context, plugin, work string) error {
	fmt.Printf("| of | count | CPU | each |\n|---|---|---|---|\n")
	for _, c := range curves {
		for _, size := range c.sizes {
			dir := filepath.Join(work, c.name+strconv.Itoa(size))
			dirs, err := c.make(dir, size)
			if err != nil {
				return err
			}
			out := filepath.Join(dir, "out")
			if err := os.MkdirAll(out, 0o755); err != nil {
				return err
			}
			cmd := exec.CommandContext(ctx, plugin, append([]string{"build", "-q", "--engine", "embedded", "-o", "out/{{.Slug}}.cnb"}, dirs...)...)
			cmd.Dir = dir
			if text, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%d %s: %w\n%s", size, c.name, err, text)
			}
			cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			fmt.Printf("| %s | %d | %s | %s |\n", c.name, size, round(cpu), (cpu / time.Duration(size)).Round(time.Microsecond))
		}
	}
	return nil
}

func makeFiles(dir string, size int) ([]string, error) {
	for i := range size {
		if err := write(filepath.Join(dir, "x", "files", strconv.Itoa(i%1000), strconv.Itoa(i)), []byte(strconv.Itoa(i)), 0o644); err != nil {
			return nil, err
		}
	}
	return []string{"x"}, writeTargets(filepath.Join(dir, "x"), 1)
}

func makeTargets(dir string, size int) ([]string, error) {
	return []string{"x"}, writeTargets(filepath.Join(dir, "x"), size)
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
