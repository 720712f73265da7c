// Command bench compares the time of docker extpack with that of the tools that
// it replaces, on the same inputs and in turn: plain buildx, pack and the recipe
// by hand, if they are installed. It prints medians and ratios as a Markdown
// table. Only this command and Go benchmarks measure time; tests do not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/extpack/extpack/tests/link"
	"github.com/extpack/extpack/tests/sandbox"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == bareFlag {
		if err := runBare(context.Background(), os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bare client:", err)
			os.Exit(1)
		}
		return
	}
	rounds := flag.Int("rounds", 5, "counted runs of each contender, after one that is not")
	only := flag.String("run", "", "regular expression of the cases to run, and of what grows")
	plugin := flag.String("plugin", "bin/docker-extpack", "the plugin to time")
	grow := flag.Bool("curve", false, "print how time and memory grow, and nothing else")
	picture := flag.String("picture", "", "write the curves to an SVG file")
	docs := flag.String("docs", "", "replace the tables of a Markdown file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, options{*rounds, *only, *plugin, *grow, *picture, *docs}); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	rounds       int
	only, plugin string
	curve        bool
	picture      string
	docs         string
}

func run(ctx context.Context, o options) error {
	pattern, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("reading -run: %w", err)
	}
	if o.docs != "" && o.only != "" {
		return errors.New("-docs needs all cases: leave out -run")
	}
	b := &bench{rounds: o.rounds, out: os.Stdout}
	if b.plugin, err = filepath.Abs(o.plugin); err != nil {
		return err
	}
	if _, err := os.Stat(b.plugin); err != nil {
		return fmt.Errorf("finding the plugin: %w", err)
	}
	if b.work, err = os.MkdirTemp("", "extpack-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.work)
	if b.box, err = sandbox.Start(ctx, sandbox.Options{Log: os.Stderr}); err != nil {
		return err
	}
	defer func() { _ = b.box.Stop() }()
	b.pack, b.crane, b.oras = b.peer("pack"), b.peer("crane"), b.peer("oras")
	b.docker, _ = exec.LookPath("docker") // without it, the hand recipe is left out
	if !o.curve {
		if err := b.table(o.docs, "cases", func() error { return b.runCases(ctx, pattern) }); err != nil {
			return err
		}
		if o.only != "" || o.picture == "" {
			return nil
		}
		fmt.Println()
	}
	var curves []curve
	err = b.table(o.docs, "curve", func() (err error) {
		curves, err = b.curves(ctx, pattern)
		return err
	})
	if err != nil || o.picture == "" {
		return err
	}
	return writePicture(o.picture, curves)
}

func (b *bench) runCases(ctx context.Context, only *regexp.Regexp) error {
	fmt.Fprintf(b.out, "| case | contender | median | min – max | ratio |\n|---|---|---|---|---|\n")
	for _, c := range b.cases() {
		if !only.MatchString(c.name) {
			continue
		}
		if err := b.runCase(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// bench is one run of the program.
type bench struct {
	rounds int
	work   string
	plugin string
	// Programs of others; absent ones are left out.
	pack, crane, oras, docker string
	box                       *sandbox.Sandbox
	changes                   int
	out                       io.Writer
}

// a benchCase compares contenders on the same input.
type benchCase struct {
	name string
	// prepare makes the input, change touches it before each run.
	prepare    func(dir string) error
	change     func(dir string, n int) error
	contenders []contender
	// linked puts a link with a round trip of 100 ms before the registry, and
	// counts the round trips.
	linked bool
}

// roundTrip is that of the link to the registry in cases with one.
const roundTrip = 100 * time.Millisecond

// contender is a tool and the commands that do the job with it.
type contender struct {
	name     string
	commands func(dir string) [][]string
	// peer marks what the others are compared with.
	peer bool
	// waits is the time that a contender is idle on purpose, which is deducted.
	waits time.Duration
	// before, if not nil, prepares each run and is not timed.
	before func(ctx context.Context, dir string) error
}

// peer returns the path of a program of others, on PATH or among those that the
// sandbox compiled, or "".
func (b *bench) peer(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path := filepath.Join(filepath.Dir(b.box.BuildxPath()), "peers", name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func (b *bench) runCase(ctx context.Context, c benchCase) error {
	dir := filepath.Join(b.work, c.name)
	if err := c.prepare(dir); err != nil {
		return err
	}
	times, trips := make([][]time.Duration, len(c.contenders)), make([]int, len(c.contenders))
	var slow *link.Link
	if c.linked {
		slow = link.New(b.box.Registry(), roundTrip)
		defer slow.Close()
	}
	for round := range b.rounds + 1 {
		for i, contender := range c.contenders {
			b.changes++
			if err := c.change(dir, b.changes); err != nil {
				return err
			}
			if contender.before != nil {
				if err := contender.before(ctx, dir); err != nil {
					return fmt.Errorf("%s: %w", contender.name, err)
				}
			}
			commands := contender.commands(dir)
			if slow != nil {
				slow.Take()
				for _, args := range commands {
					for n, arg := range args {
						args[n] = strings.Replace(arg, b.box.Registry(), slow.Host, 1)
					}
				}
			}
			took, err := b.time(ctx, dir, commands)
			if slow != nil {
				trips[i] = link.Trips(slow.Take())
			}
			if err != nil {
				return fmt.Errorf("%s: %w", contender.name, err)
			}
			if round > 0 { // the first warms caches
				times[i] = append(times[i], took-contender.waits)
			}
		}
	}
	b.print(c, times, trips)
	return nil
}

// time runs commands one after another.
func (b *bench) time(ctx context.Context, dir string, commands [][]string) (time.Duration, error) {
	begin := time.Now()
	for _, args := range commands {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), b.box.Env()...)
		cmd.Env = append(cmd.Env, "OTEL_TRACES_SAMPLER=always_off", "BUILDX_GIT_INFO=0", "BUILDX_METADATA_PROVENANCE=disabled", "BUILDX_NO_DEFAULT_ATTESTATIONS=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	return time.Since(begin), nil
}
