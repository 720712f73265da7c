package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/command"
	"github.com/pmezard/go-difflib/difflib"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

type bakeOptions struct {
	planOptions
	output, builder string
	set             []string
	check, print    bool
}

func newBakeCmd(dockerCLI command.Cli, run func(*cobra.Command, command.Cli, bakeOptions) error) *cobra.Command {
	var opts bakeOptions
	cmd := &cobra.Command{
		Use:   "bake [OPTIONS] [DIR...]",
		Short: "Write the bake file that builds image extensions",
		Long: "Write the bake file for the image extensions in the given directories (default\n" +
			"\".\"), for use with plain \"docker buildx bake\". It changes only when a descriptor\n" +
			"or the folders of an extension change, so it can be committed.",
		Example: `  docker extpack bake
  docker extpack bake -o - ./extensions/*
  docker extpack bake --check`,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.dirs = dirs(args)
			return run(cmd, dockerCLI, opts)
		},
		ValidArgsFunction: completeDirs,
	}
	f := cmd.Flags()
	opts.bind(f)
	f.StringVarP(&opts.output, "output", "o", bake.FileName, `File to write, "-" for standard output`)
	f.BoolVar(&opts.check, "check", false, "Write nothing; exit with 2 and show the difference when the file is out of date")
	f.BoolVar(&opts.print, "print", false, "Write nothing; show how buildx evaluates the file")
	f.StringVar(&opts.builder, "builder", "", "Override the configured buildx builder, with --print")
	f.StringArrayVar(&opts.set, "set", nil, `Override a value, with --print ("TARGET.KEY=VALUE")`)
	cmd.MarkFlagsMutuallyExclusive("check", "print")
	return cmd
}

func runBake(cmd *cobra.Command, dockerCLI command.Cli, opts bakeOptions) error {
	return interruptible(cmd, func(ctx context.Context) error {
		if !opts.print && (opts.builder != "" || len(opts.set) > 0) {
			return usageError(cmd, "--builder and --set go with --print")
		}
		p, err := opts.plan(ctx, dockerCLI, nil, nil)
		if err != nil {
			return err
		}
		if opts.print {
			return opts.printEvaluated(ctx, cmd, dockerCLI, p)
		}
		dir := "."
		if opts.output != "-" {
			dir = filepath.Dir(opts.output)
			if err := checkInside(p, opts.output); err != nil {
				return err
			}
		}
		file, err := bake.File(p, dir)
		if err != nil {
			return err
		}
		switch {
		case opts.output == "-" && !opts.check:
			_, err = dockerCLI.Out().Write(file)
			return err
		case opts.check:
			return checkFile(dockerCLI, opts.output, file)
		}
		if err := os.WriteFile(opts.output, file, 0o644); err != nil {
			return fmt.Errorf("writing bake file: %w", err)
		}
		fmt.Fprintf(dockerCLI.Err(), "wrote %s\n", opts.output)
		return nil
	})
}

func (o *bakeOptions) printEvaluated(ctx context.Context, cmd *cobra.Command, dockerCLI command.Cli, p *plan.Plan) error {
	run := buildxOptions{bake.RunOptions{Builder: o.builder, Set: o.set}}
	engine, err := run.engine(dockerCLI, cmd, false)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "extpack-")
	if err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	return engine.Print(ctx, p, dir, engine.Options, dockerCLI.Out())
}

// checkInside refuses a name inside an extension that a build would pack.
func checkInside(p *plan.Plan, output string) error {
	out, err := filepath.Abs(output)
	if err != nil {
		return err
	}
	for _, e := range p.Extensions {
		dir, err := filepath.Abs(e.Dir)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, out)
		if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			continue
		}
		if ok, _ := path.Match(content.GeneratedPattern, filepath.ToSlash(rel)); !ok {
			return diag.Invalidf("call it "+content.GeneratedPattern+" in the extension root, or write it elsewhere",
				"--output %s is inside the extension %s and would be packed", output, e.Dir)
		}
	}
	return nil
}

// checkFile compares what is on disk with what should be.
func checkFile(dockerCLI command.Cli, name string, want []byte) error {
	if name == "-" {
		return diag.Invalidf("name the file with --output FILE", "--check needs a file to compare with")
	}
	have, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading bake file: %w", err)
	}
	if err == nil && bytes.Equal(have, want) {
		return nil
	}
	diff, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(string(have)), B: difflib.SplitLines(string(want)),
		FromFile: name, ToFile: name + " (generated)", Context: 3,
	})
	if err != nil {
		return fmt.Errorf("comparing bake files: %w", err)
	}
	if _, err := fmt.Fprint(dockerCLI.Out(), diff); err != nil {
		return err
	}
	return fmt.Errorf("%s is %w: run \"docker extpack bake\" and commit the result", name, errOutdated)
}
