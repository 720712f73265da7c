package cliplugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/remote"
	"github.com/extpack/extpack/internal/text"
)

type bakeOptions struct {
	planOptions
	// args are the arguments. dirs has the members of workspaces in their place.
	args                 []string
	words                []string // the flags that the file records
	output, builder      string
	set                  []string
	labels, annotations  []string
	complete             string
	check, print, matrix bool
	named                bool // the output was named by a flag
	recorded             bool // the arguments are those that the file records
}

// Values of --complete.
const (
	completeStatic = "static" // the value without one
	completeBuild  = "build"
)

func newBakeCmd(a *app, run func(context.Context, *app, bakeOptions) error) *cobra.Command {
	var opts bakeOptions
	cmd := &cobra.Command{
		Use:   "bake [OPTIONS] [DIR|URL...]",
		Short: "Write the bake file that builds image extensions",
		Long: "Write a bake file for the image extensions in the given directories (default\n" +
			"\".\"), for use with plain \"docker buildx bake\". It changes only when a descriptor\n" +
			"or the directories of an extension change, so it can be committed. Its first lines\n" +
			"record the arguments; later runs without arguments reuse them.\n\n" +
			"With --complete, the file also contains the label with the diffID of each layer.\n" +
			"Plain \"docker buildx bake --push\" then publishes a complete package, until a file\n" +
			"of the extension changes. Build stages require --complete=build, which builds them.",
		Example: `  docker extpack bake
  docker extpack bake -o - ./extensions/*
  docker extpack bake --check
  docker buildx bake -f <(docker extpack bake --complete -o -) --push
  docker extpack bake --matrix
  docker extpack bake https://github.com/acme/extensions.git#v1.2.3:curl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(exclusive(cmd, "check", "print", "matrix"), exclusive(cmd, "print", "output"), exclusive(cmd, "matrix", "complete")); err != nil {
				return err
			}
			if opts.complete != "" && opts.complete != completeStatic && opts.complete != completeBuild {
				return usageError(cmd, diag.Text(choice.Check("--complete", opts.complete, completeStatic, completeBuild)))
			}
			if opts.output == "" {
				return usageError(cmd, "--output is empty: name the file, or leave the flag out for "+bake.FileName)
			}
			if opts.check && opts.output == "-" {
				return usageError(cmd, "--check requires a file to compare with: name it with --output FILE")
			}
			args, err := opts.takeRecorded(cmd, a, args)
			if err != nil {
				return err
			}
			if !opts.print && (opts.builder != "" && opts.complete != completeBuild || len(opts.set) > 0) {
				return usageError(cmd, "--builder and --set require --print")
			}
			if err := bake.CheckSetForm(opts.set); err != nil {
				return err
			}
			if err := opts.stage.checkRecorded(); err != nil {
				return err
			}
			if opts.args = args; len(args) == 0 {
				opts.args = []string{"."}
			}
			if opts.dirs, err = dirs(cmd, args); err != nil {
				return err
			}
			opts.words, opts.named = recordedWords(cmd.Flags()), cmd.Flags().Changed("output")
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: completeDirs,
	}
	f := cmd.Flags()
	opts.bind(f)
	opts.git.bindOrigin(f)
	opts.grants.bind(f)
	opts.stage.bindRecorded(f)
	opts.compression.bind(f)
	f.StringVarP(&opts.output, "output", "o", bake.FileName, `File to write, or "-" for standard output`)
	completeFiles(cmd, "output")
	register(cmd, "target", completePlatforms)
	complete(cmd, "version-from", "git")
	complete(cmd, "compression", layer.Compressions...)
	complete(cmd, "network", extension.Networks()...)
	f.BoolVar(&opts.check, "check", false, "Write nothing; exit with 2 and show the difference if the file is out of date")
	f.BoolVar(&opts.print, "print", false, "Write nothing; show how buildx evaluates the file")
	f.BoolVar(&opts.matrix, "matrix", false, "Write nothing; print the single-platform targets as JSON, for the matrix of a CI workflow")
	f.StringVar(&opts.complete, "complete", "", `Add the label with the diffID of each layer ("static", or "build" to build the stages first)`)
	f.Lookup("complete").NoOptDefVal = completeStatic
	complete(cmd, "complete", completeStatic, completeBuild)
	f.StringVar(&opts.builder, "builder", "", "Override the configured builder instance; requires --print or --complete=build")
	register(cmd, "builder", completeBuilders)
	f.StringArrayVar(&opts.labels, "label", nil, `Add a label to every image ("KEY=VALUE")`)
	f.StringArrayVar(&opts.annotations, "annotation", nil, annotationUsage)
	f.StringArrayVar(&opts.set, "set", nil, `Override a value of the bake file ("TARGET.KEY=VALUE"); requires --print`)
	return cmd
}

func runBake(ctx context.Context, a *app, opts bakeOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		opts.allowMismatch = true // the file does not depend on the platform of programs
		var folders remote.Folders
		defer folders.Remove()
		opts.remotes = remote.Sources{Folder: folders.New, Log: a.log(false)}
		p, err := opts.plan(ctx, a, opts.labels, opts.annotations)
		if err != nil {
			return err
		}
		if err := opts.remotes.SetContexts(p); err != nil {
			return err
		}
		if opts.matrix {
			return opts.printMatrix(a, p)
		}
		file := bake.FileOptions{}
		if file.DiffIDs, err = opts.diffIDs(ctx, a, p); err != nil {
			return err
		}
		if opts.print {
			return opts.printEvaluated(ctx, a, p, file)
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
		recorded, err := bake.RecordDirs(dir, opts.remotes.Names(opts.args))
		if err != nil {
			return err
		}
		file.Arguments = slices.Concat(opts.words, recorded)
		data, err := bake.File(p, dir, file)
		if err != nil {
			return err
		}
		if !opts.check {
			printUnnamed(a.cli.Err(), p)
		}
		switch {
		case opts.output == "-" && !opts.check:
			_, err = a.cli.Out().Write(data)
			return err
		case opts.check:
			return opts.checkFile(a, data)
		}
		if err := bake.WriteFile(ctx, opts.output, data, opts.named); err != nil {
			return err
		}
		fmt.Fprintf(a.cli.Err(), "wrote %s\n", opts.output)
		if filepath.Clean(dir) != "." {
			fmt.Fprintf(a.cli.Err(), "  its paths are relative to %s: run \"docker buildx bake\" there\n", text.Quote(dir))
		}
		return nil
	})
}

// printMatrix prints the targets of single platforms.
func (o *bakeOptions) printMatrix(a *app, p *plan.Plan) error {
	jobs, err := bake.Matrix(p)
	if err != nil {
		return err
	}
	return json.NewEncoder(a.cli.Out()).Encode(jobs)
}

func (o *bakeOptions) printEvaluated(ctx context.Context, a *app, p *plan.Plan, file bake.FileOptions) error {
	if err := bake.CheckSetTargets(p, o.set); err != nil {
		return err
	}
	run := buildxOptions{bake.RunOptions{Builder: o.builder, Set: o.set}}
	engine, err := run.engine(a, false)
	if err != nil {
		return err
	}
	var evaluated bytes.Buffer // so that a failure prints no partial output
	if err := engine.Print(ctx, p, file, &evaluated); err != nil {
		return err
	}
	_, err = evaluated.WriteTo(a.cli.Out())
	return err
}

// checkFile compares the file on disk with the expected one, and prints how they
// differ.
func (o *bakeOptions) checkFile(a *app, want []byte) error {
	diff, err := bake.CheckFile(o.output, want)
	if _, printErr := fmt.Fprint(a.cli.Out(), diff); printErr != nil {
		return printErr
	}
	if errors.Is(err, bake.ErrOutdated) {
		return diag.WithHint(err, "run "+o.commandLine()+" and commit the result")
	}
	return err
}
