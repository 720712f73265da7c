package cliplugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/annotation"
	"github.com/extpack/extpack/internal/atomicfile"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/scratch"
)

type bakeOptions struct {
	planOptions
	output, builder string
	set             []string
	annotations     []string
	check, print    bool
	named           bool // the output was named by a flag
}

func newBakeCmd(a *app, run func(context.Context, *app, bakeOptions) error) *cobra.Command {
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
			if err := errors.Join(exclusive(cmd, "check", "print"), exclusive(cmd, "print", "output")); err != nil {
				return err
			}
			if opts.output == "" {
				return usageError(cmd, "--output is empty: name the file, or leave it out for "+bake.FileName)
			}
			if opts.check && opts.output == "-" {
				return usageError(cmd, "--check needs a file to compare with: name it with --output FILE")
			}
			if !opts.print && (opts.builder != "" || len(opts.set) > 0) {
				return usageError(cmd, "--builder and --set go with --print")
			}
			if err := bake.CheckSetForm(opts.set); err != nil {
				return err
			}
			var err error
			if opts.dirs, err = dirs(cmd, args); err != nil {
				return err
			}
			opts.named = cmd.Flags().Changed("output")
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: completeDirs,
	}
	f := cmd.Flags()
	opts.bind(f)
	opts.git.bindOrigin(f)
	opts.grants.bind(f)
	f.StringVarP(&opts.output, "output", "o", bake.FileName, `File to write, "-" for standard output`)
	completeFiles(cmd, "output")
	register(cmd, "target", completePlatforms)
	complete(cmd, "version-from", "git")
	f.BoolVar(&opts.check, "check", false, "Write nothing; exit with 2 and show the difference when the file is out of date")
	f.BoolVar(&opts.print, "print", false, "Write nothing; show how buildx evaluates the file")
	f.StringVar(&opts.builder, "builder", "", "Override the configured buildx builder, with --print")
	register(cmd, "builder", completeBuilders)
	f.StringArrayVar(&opts.annotations, "annotation", nil, `Add an annotation to the images ("manifest:KEY=VALUE", "manifest-descriptor[linux/amd64]:KEY=VALUE")`)
	f.StringArrayVar(&opts.set, "set", nil, `Override a value, with --print ("TARGET.KEY=VALUE")`)
	return cmd
}

func runBake(ctx context.Context, a *app, opts bakeOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		opts.allowMismatch = true // the file does not depend on the platform of programs
		p, err := opts.plan(ctx, a, nil, opts.annotations)
		if err != nil {
			return err
		}
		if err := opts.checkAnnotations(); err != nil {
			return err
		}
		if opts.print {
			return opts.printEvaluated(ctx, a, p)
		}
		dir := "."
		if opts.output != "-" {
			dir = filepath.Dir(opts.output)
			if err := bake.CheckInside(p, opts.output); err != nil {
				return err
			}
			if err := pipeline.CheckFile("--output", opts.output); err != nil {
				return err
			}
		}
		file, err := bake.File(p, dir)
		if err != nil {
			return err
		}
		if !opts.check {
			printUnnamed(a.cli.Err(), p)
		}
		switch {
		case opts.output == "-" && !opts.check:
			_, err = a.cli.Out().Write(file)
			return err
		case opts.check:
			return opts.checkFile(a, file)
		}
		if err := bake.CheckOverwrite(opts.output); err != nil {
			return err
		}
		// Write only to the named pipe: the other one may have no reader.
		if !opts.named && atomicfile.IsStream(opts.output) {
			return diag.WithHint(diag.Invalidf("%s exists and is not a regular file", opts.output), "remove it, or name it with --output to write to it")
		}
		if err := atomicfile.WriteFile(ctx, opts.output, file); err != nil {
			return err
		}
		fmt.Fprintf(a.cli.Err(), "wrote %s\n", opts.output)
		return nil
	})
}

// checkAnnotations returns an error for annotations of the index: BuildKit does
// not write them for targets with a single platform.
func (o *bakeOptions) checkAnnotations() error {
	list, err := annotation.Parse("--annotation", o.annotations)
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.Place == annotation.Index || a.Place == annotation.IndexDescriptor {
			return diag.WithHint(diag.Invalidf("--annotation %q: a bake file cannot hold annotations of the index, which BuildKit refuses where a single platform is built", a),
				"give it to docker extpack annotate after the build, or name another place: manifest:KEY=VALUE")
		}
	}
	return nil
}

func (o *bakeOptions) printEvaluated(ctx context.Context, a *app, p *plan.Plan) error {
	if err := bake.CheckSetTargets(p, o.set); err != nil {
		return err
	}
	run := buildxOptions{bake.RunOptions{Builder: o.builder, Set: o.set}}
	engine, err := run.engine(a, false)
	if err != nil {
		return err
	}
	temp, err := scratch.New()
	if err != nil {
		return err
	}
	defer temp.Remove()
	var evaluated bytes.Buffer // so that a failure prints no partial output
	if err := engine.Print(ctx, p, temp.Path, engine.Options, &evaluated); err != nil {
		return err
	}
	_, err = evaluated.WriteTo(a.cli.Out())
	return err
}

// checkFile compares the file on disk with the expected one.
func (o *bakeOptions) checkFile(a *app, want []byte) error {
	name := o.output
	have, err := bake.ReadFile(name)
	switch {
	case errors.Is(err, safefile.ErrOutside), errors.Is(err, safefile.ErrNotRegular), errors.Is(err, safefile.ErrTooLarge):
		return diag.Invalidf("%s: %v", name, err)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("reading %s: %w", name, safefile.Cause(err))
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
	if _, err := fmt.Fprint(a.cli.Out(), diff); err != nil {
		return err
	}
	return diag.WithHint(fmt.Errorf("%s is %w", name, errOutdated), "run "+o.commandLine()+" and commit the result")
}

// commandLine returns the command that writes the file.
func (o *bakeOptions) commandLine() string {
	words := []string{"docker extpack bake"}
	if o.output != bake.FileName {
		words = append(words, "--output "+o.output)
	}
	if o.version != "" {
		words = append(words, "--version "+o.version)
	}
	if o.git.versionFrom != "" {
		words = append(words, "--version-from "+o.git.versionFrom)
	}
	if o.git.origin {
		words = append(words, "--git")
	}
	for _, a := range o.annotations {
		words = append(words, "--annotation "+a)
	}
	for _, t := range o.targets {
		words = append(words, "--target "+t)
	}
	for _, t := range o.tags {
		words = append(words, "--tag "+t)
	}
	for _, a := range o.grants.allow {
		words = append(words, "--allow "+grants.ShellQuote(a))
	}
	if len(o.dirs) != 1 || o.dirs[0] != "." {
		words = append(words, o.dirs...)
	}
	return strings.Join(words, " ")
}
