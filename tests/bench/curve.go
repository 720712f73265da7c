package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/extpack/extpack/tests/link"
	"github.com/extpack/extpack/tests/plugintest"
)

// axis is something that grows.
type axis struct {
	name, unit string
	sizes      []int
	// make makes the input of a size, and returns the extensions.
	make func(b *bench, dir string, size int) ([]string, error)
	// push publishes to the registry, instead of writing package files. again
	// times the second, unchanged run.
	push, again bool
	// link puts a link with a round trip of as many milliseconds before the
	// registry.
	link bool
}

// axes are what grows, and how far.
var axes = []axis{
	{name: "extensions", unit: "extension", sizes: []int{1, 10, 100, 1000}, make: makeExtensions},
	{name: "extensions, unchanged", unit: "extension", sizes: []int{1, 10, 100, 1000}, make: makeExtensions, push: true, again: true},
	{name: "platforms", unit: "platform", sizes: []int{1, 10, 50}, make: makePlatforms},
	{name: "files", unit: "file", sizes: []int{10, 100, 1000, 10_000, 100_000}, make: makeFiles},
	{name: "megabytes of a layer", unit: "MB", sizes: []int{1, 16, 256, 4096}, make: makeLayer},
	{name: "milliseconds of a round trip", unit: "ms", sizes: []int{0, 20, 100}, make: makeSmall, push: true, link: true},
}

// sample is one measurement of an axis.
type sample struct {
	size      int
	time, cpu time.Duration
	memory    int64 // MiB
}

// curve is the measurements of an axis.
type curve struct {
	axis
	samples []sample
}

// curves measures and prints how the embedded engine grows. CPU time is the same
// on a busy machine, where the time that passes is not.
func (b *bench) curves(ctx context.Context, only *regexp.Regexp) ([]curve, error) {
	fmt.Fprintf(b.out, "| of | count | time | CPU | CPU each | peak memory |\n|---|---|---|---|---|---|\n")
	var all []curve
	for _, a := range axes {
		if !only.MatchString(a.name) {
			continue
		}
		c := curve{axis: a}
		for _, size := range a.sizes {
			s, err := b.sample(ctx, a, size)
			if err != nil {
				return nil, fmt.Errorf("%d %s: %w", size, a.name, err)
			}
			c.samples = append(c.samples, s)
			fmt.Fprintf(b.out, "| %s | %d | %s | %s | %s | %d MiB |\n", a.name, size, round(s.time), round(s.cpu),
				(s.cpu / time.Duration(max(size, 1))).Round(time.Microsecond), s.memory)
		}
		all = append(all, c)
	}
	fmt.Fprintf(b.out, "\n| of | CPU grows with the power |\n|---|---|\n")
	for _, c := range all {
		if !c.link {
			fmt.Fprintf(b.out, "| %s | %.2f |\n", c.name, c.power())
		}
	}
	return all, nil
}

// power returns the power of the size with which CPU time grows between the two
// largest sizes: 1 is linear.
func (c curve) power() float64 {
	last := c.samples[len(c.samples)-2:]
	return math.Log(float64(last[1].cpu)/float64(last[0].cpu)) / math.Log(float64(last[1].size)/float64(last[0].size))
}

// sample measures one size: the median of several runs by time.
func (b *bench) sample(ctx context.Context, a axis, size int) (sample, error) {
	dir := filepath.Join(b.work, "curve")
	defer os.RemoveAll(dir)
	dirs, err := a.make(b, dir, size)
	if err != nil {
		return sample{}, err
	}
	registry := b.box.Registry()
	if a.link {
		l := link.New(registry, time.Duration(size)*time.Millisecond)
		defer l.Close()
		registry = l.Host
	}
	var all []sample
	for len(all) < b.rounds {
		b.changes++
		args := []string{"build", "-q", "--engine", "embedded"}
		if a.push {
			args = append(args, "--push", "-t", fmt.Sprintf("%s/curve/{{.Slug}}:%d", registry, b.changes))
		} else {
			args = append(args, "-o", "out/{{.Slug}}.cnb")
			if err := os.MkdirAll(filepath.Join(dir, "out"), 0o755); err != nil {
				return sample{}, err
			}
		}
		args = append(args, dirs...)
		if a.link { // new content
			if err := changeScripts(fourPlatforms, true)(filepath.Join(dir, dirs[0]), b.changes); err != nil {
				return sample{}, err
			}
		}
		s, err := b.measure(ctx, dir, args)
		if err == nil && a.again {
			s, err = b.measure(ctx, dir, args)
		}
		if err != nil {
			return sample{}, err
		}
		s.size = size
		if all = append(all, s); s.time > 5*time.Second {
			break // the noise is small compared with it
		}
	}
	slices.SortFunc(all, func(a, b sample) int { return int(a.time - b.time) })
	return all[len(all)/2], nil
}

// measure runs the plugin.
func (b *bench) measure(ctx context.Context, dir string, args []string) (sample, error) {
	cmd := exec.CommandContext(ctx, b.plugin, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), b.box.Env()...)
	text, err := os.CreateTemp(b.work, "output")
	if err != nil {
		return sample{}, err
	}
	defer os.Remove(text.Name())
	defer text.Close()
	cmd.Stdout, cmd.Stderr = text, text
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	peak := plugintest.WatchMemory(cmd.Process.Pid)
	err = cmd.Wait()
	s := sample{time: time.Since(begin), memory: peak(), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if err != nil {
		said, _ := os.ReadFile(text.Name())
		return s, fmt.Errorf("%w\n%s", err, said)
	}
	return s, nil
}
