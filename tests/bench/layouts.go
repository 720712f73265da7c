package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// layoutDir is the finished layout of an extension.
func layoutDir(dir, name string) string { return filepath.Join(dir, "..", "finished", name) }

// finish returns a function that packs extensions into layouts, which is not
// timed.
func (b *bench) finish(dirs ...string) func(ctx context.Context, dir string) error {
	return func(ctx context.Context, dir string) error {
		out := layoutDir(dir, "")
		if err := os.RemoveAll(out); err != nil {
			return err
		}
		if err := os.MkdirAll(out, 0o755); err != nil {
			return err
		}
		args := append([]string{"build", "-q", "--engine", "embedded", "-t", "finished.invalid/{{.Slug}}:1", "-o", out + "/{{.Slug}}/"}, dirs...)
		cmd := exec.CommandContext(ctx, b.plugin, args...)
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("packing: %w\n%s", err, text)
		}
		return nil
	}
}

// slug is the name of the layout of an extension.
func slug(name string) string { return "bench_" + name }

// bareClient publishes finished layouts with the necessary requests alone.
func (b *bench) bareClient(dirs ...string) contender {
	c := contender{name: "bare client", peer: true, before: b.finish(dirs...)}
	c.commands = b.bareCommand(false, func(dir, name string) string { return layoutDir(dir, slug(name)) }, dirs)
	return c
}

// barePublisher packs extensions and then publishes them like the bare client.
func (b *bench) barePublisher(dirs ...string) contender {
	c := contender{name: "bare publisher", peer: true}
	c.commands = b.bareCommand(true, func(dir, name string) string { return filepath.Join(dir, name) }, dirs)
	return c
}

func (b *bench) bareCommand(packs bool, in func(dir, name string) string, dirs []string) func(string) [][]string {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	return func(dir string) [][]string {
		args := append([]string{self}, bareArgs(packs)...)
		for _, name := range dirs {
			args = append(args, b.box.Registry()+"/bare/"+name+":1="+in(dir, name))
		}
		return [][]string{args}
	}
}

// publishLayout are contenders that publish the same finished layout.
func (b *bench) publishLayout(name string) []contender {
	at := func(dir string) string { return layoutDir(dir, slug(name)) }
	to := func(tool string) string { return b.box.Registry() + "/" + tool + "/" + name + ":1" }
	ours := b.layoutContender("extpack index create", b.plugin, name, func(dir string) []string { return []string{"index", "create", "-t", to("layout"), at(dir)} })
	ours.waits = time.Second // to look whether another writer has moved the tag
	return b.optional(
		ours,
		b.layoutContender("crane push", b.crane, name, func(dir string) []string { return []string{"push", "--index", at(dir), to("crane")} }),
		b.layoutContender("oras cp", b.oras, name, func(dir string) []string {
			return []string{"cp", "--from-oci-layout", at(dir) + ":1", "--to-plain-http", to("oras")}
		}),
		b.bareClient(name),
	)
}

func (b *bench) layoutContender(label, program, name string, args func(dir string) []string) contender {
	c := contender{name: label, peer: program != b.plugin}
	if program != "" {
		c.before = b.finish(name)
		c.commands = func(dir string) [][]string { return [][]string{append([]string{program}, args(dir)...)} }
	}
	return c
}
