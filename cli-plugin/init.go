package cliplugin

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/scaffold"
	"github.com/extpack/extpack/internal/text"
)

type initOptions struct {
	dir                     string
	id, name, version, lang string
	targets                 []string
	yes, force              bool
}

func newInitCmd(a *app, run func(context.Context, *app, initOptions) error) *cobra.Command {
	var opts initOptions
	cmd := &cobra.Command{
		Use:   "init [OPTIONS] [DIR]",
		Short: "Create an extension, or prepare an existing one",
		Long: "Create an image extension that builds, in a directory (default \".\"): a descriptor,\n" +
			"programs or static files, a test, a Makefile, a workflow for CI and a bake file. On a\n" +
			"terminal, values without a flag are asked for. Nothing is overwritten without\n" +
			"--force.\n\n" +
			"In a directory that already has an extension.toml, such as one for pack or jam, only\n" +
			"missing files are added, and the package stays the same byte for byte.",
		Example: `  docker extpack init
  docker extpack init --id acme/my-extension --lang go --yes ./my-extension
  docker extpack init ./an-extension-for-pack`,
		Args: atMostOne("one directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.dir = "."
			if len(args) > 0 {
				if opts.dir = args[0]; opts.dir == "" {
					return usageError(cmd, "the argument is empty: name a directory")
				}
			}
			if !opts.adopts() && !opts.yes && !a.cli.In().IsTerminal() {
				return usageError(cmd, "standard input is not a terminal, so values cannot be asked for: use --yes, and --id, --name, --version, --target and --lang as needed")
			}
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: completeDirs,
	}
	f := cmd.Flags()
	f.StringVar(&opts.id, "id", "", "ID of the extension, such as my-company/my-extension")
	f.StringVar(&opts.name, "name", "", "Display name of the extension")
	f.StringVar(&opts.version, "version", "", "Version of the extension (X.Y.Z)")
	f.StringArrayVar(&opts.targets, "target", nil, `Target of the extension ("os/arch[/variant][:distro@version[,version]]")`)
	f.StringVar(&opts.lang, "lang", "", `Language of the programs ("sh", "go"), or "static" for files without programs`)
	f.BoolVarP(&opts.yes, "yes", "y", false, "Do not prompt; use the defaults of values without a flag")
	f.BoolVar(&opts.force, "force", false, "Overwrite existing files")
	complete(cmd, "lang", scaffold.Langs...)
	return cmd
}

// adopts reports whether an existing extension is prepared.
func (o *initOptions) adopts() bool { return scaffold.Exists(o.dir) && !o.force }

func runInit(ctx context.Context, a *app, opts initOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		if opts.adopts() {
			return opts.adopt(ctx, a)
		}
		answers := opts.given().Or(opts.dir)
		if !opts.yes {
			if err := opts.ask(ctx, a, &answers); err != nil {
				return err
			}
		}
		files, err := answers.Files()
		if err != nil {
			return err
		}
		// The bake file depends on the others, and is checked before they are
		// written.
		if err := scaffold.CheckWrite(opts.dir, append(files, scaffold.File{Path: bake.FileName}), opts.force); err != nil {
			return err
		}
		if err := scaffold.Write(opts.dir, files, opts.force); err != nil {
			return err
		}
		if err := opts.writeBakeFile(ctx, a); err != nil {
			return err
		}
		for _, f := range append(files, scaffold.File{Path: bake.FileName}) {
			fmt.Fprintln(a.cli.Err(), "wrote "+text.Line(filepath.Join(opts.dir, filepath.FromSlash(f.Path))))
		}
		fmt.Fprintf(a.cli.Err(), "build it with \"docker extpack build %s\"\n", text.Line(opts.dir))
		return nil
	})
}

// given are the values of flags.
func (o *initOptions) given() scaffold.Answers {
	return scaffold.Answers{ID: o.id, Name: o.name, Version: o.version, Targets: strings.Join(o.targets, " "), Lang: o.lang}
}

// ask prompts for values without a flag. It repeats the prompt after an invalid
// answer.
func (o *initOptions) ask(ctx context.Context, a *app, to *scaffold.Answers) error {
	p := newPrompter(a.cli.In(), a.cli.Err())
	questions := []struct {
		given  bool
		what   string
		answer *string
	}{
		{o.id != "", "Id", &to.ID},
		{o.name != "", "Name", &to.Name},
		{o.version != "", "Version", &to.Version},
		{len(o.targets) > 0, "Platforms", &to.Targets},
		{o.lang != "", "Made of (" + strings.Join(scaffold.Langs, ", ") + ")", &to.Lang},
	}
	for i := range questions {
		q := &questions[i]
		if q.given {
			continue
		}
		if q.answer == &to.Name {
			to.Name = scaffold.DefaultName(to.ID)
		}
		def := *q.answer
		for {
			answer, err := p.ask(ctx, fmt.Sprintf("%s [%s]: ", q.what, text.Line(def)))
			if err != nil {
				return err
			}
			*q.answer = def
			if answer != "" {
				*q.answer = answer
			}
			_, err = to.Files()
			if err == nil {
				break
			}
			for _, d := range diag.Of(err) {
				fmt.Fprintln(a.cli.Err(), text.Clean(d.String()))
			}
		}
	}
	return nil
}

// writeBakeFile writes the bake file that "bake --check" compares with.
func (o *initOptions) writeBakeFile(ctx context.Context, a *app) error {
	plans := planOptions{dirs: []string{o.dir}}
	p, err := plans.plan(ctx, a, nil, nil)
	if err != nil {
		return err
	}
	file, err := bake.File(p, o.dir, bake.FileOptions{})
	if err != nil {
		return err
	}
	return scaffold.Write(o.dir, []scaffold.File{{Path: bake.FileName, Data: file, Mode: 0o644}}, o.force)
}

// adopt adds missing files to an existing extension, and prints the reason for
// each.
func (o *initOptions) adopt(ctx context.Context, a *app) error {
	if o.given() != (scaffold.Answers{}) {
		file := filepath.Join(o.dir, extension.DescriptorFile)
		return diag.WithHint(diag.Invalidf("%s already exists, and flags that describe a new extension were given", file), "leave out the flags to prepare the existing extension, or overwrite it with --force")
	}
	additions, notes, err := scaffold.Adopt(ctx, o.dir)
	for _, addition := range additions {
		verb := "added"
		if !addition.Added {
			verb = "did not add"
		}
		fmt.Fprintf(a.cli.Err(), "%s %s: %s\n", verb, text.Line(filepath.Join(o.dir, filepath.FromSlash(addition.Path))), text.Line(addition.Why))
	}
	for _, note := range notes {
		fmt.Fprintln(a.cli.Err(), "note: "+note)
	}
	return err
}
