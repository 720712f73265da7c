package cliplugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/audit"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/remote"
	"github.com/extpack/extpack/internal/text"
)

type lintOptions struct {
	names                 []string
	format, version       string
	fix, online, insecure bool
	listRules, quiet      bool
}

func newLintCmd(a *app, run func(context.Context, *app, lintOptions) error) *cobra.Command {
	var opts lintOptions
	cmd := &cobra.Command{
		Use:   "lint [OPTIONS] [DIR|URL|REFERENCE|FILE.cnb...]",
		Short: "Check extensions against their specification",
		Long: "Check the descriptor and the files of extensions against the rules of the\n" +
			"specification and the lifecycle, in directories (default \".\") or in each platform of\n" +
			"published packages. Every finding has a position, a severity and the ID of its rule.\n" +
			"What cannot be decided is reported as a note. The exit code is 2 if there is an\n" +
			"error.\n\n" +
			"To turn a rule off, for the extension or for one path, add to extension.toml:\n\n" +
			"  [[metadata.extpack.lint.ignore]]\n" +
			"  rule = \"secret\"\n" +
			"  path = \"testdata/key.pem\"\n" +
			"  reason = \"made for tests\"",
		Example: `  docker extpack lint
  docker extpack lint --fix ./extensions/*
  docker extpack lint --format sarif . > extpack.sarif
  docker extpack lint registry.example.com/acme/my-extension:1.2.3
  docker extpack lint https://github.com/acme/extensions.git#main:curl
  docker extpack lint --list-rules`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.listRules && len(args) > 0 {
				return usageError(cmd, "--list-rules takes no argument")
			}
			var err error
			if opts.names, err = dirs(cmd, args); err != nil {
				return err
			}
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.format, "format", "text", `Format output ("text", "json", "sarif", "github")`)
	f.StringVar(&opts.version, "version", "", "Version of the extensions, instead of the descriptor's (X.Y.Z)")
	f.BoolVar(&opts.fix, "fix", false, "Fix what can be fixed safely, and show the changes")
	f.BoolVar(&opts.online, "online", false, "Also check against registries: run images and published versions")
	f.BoolVar(&opts.insecure, "insecure", false, insecureUsage)
	f.BoolVar(&opts.listRules, "list-rules", false, "List the rules and exit")
	f.BoolVarP(&opts.quiet, "quiet", "q", false, "Print errors only")
	complete(cmd, "format", "text", "json", "sarif", "github")
	return cmd
}

func runLint(ctx context.Context, a *app, opts lintOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		if opts.listRules {
			return printRules(a.cli.Out(), opts.format)
		}
		print, err := lintPrinter(opts.format)
		if err != nil {
			return err
		}
		if opts.version != "" {
			if opts.version, err = extension.ParseVersion(opts.version); err != nil {
				return fmt.Errorf("--version: %w", err)
			}
		}
		log := a.log(opts.quiet)
		var folders remote.Folders
		defer folders.Remove()
		remotes := remote.Sources{Folder: folders.New, Log: log}
		if opts.names, err = remotes.Fetch(ctx, opts.names); err != nil {
			return err
		}
		if name := remotes.First(); opts.fix && name != "" {
			return diag.WithHint(diag.Invalidf("--fix changes files on this machine, and %s is not a directory", name), "clone or extract it, and pass the directory")
		}
		request := audit.Request{Names: opts.names, Version: opts.version, Online: opts.online, Client: a.registry(opts.insecure, log, nil)}
		if opts.fix {
			request.Changed = func(diff string) { fmt.Fprint(a.cli.Err(), text.Clean(diff)) }
		}
		reports, err := audit.Run(ctx, request)
		if err != nil {
			return err
		}
		for _, r := range reports {
			r.Name = remotes.Shown(r.Name)
			remotes.Rename(r.Findings)
		}
		if opts.quiet {
			for _, r := range reports {
				r.Findings = diag.Of(r.Findings.Err())
			}
		}
		if err := print(a.cli.Out(), reports); err != nil {
			return fmt.Errorf("printing the result: %w", err)
		}
		summary, err := lint.Verdict(reports)
		if err == nil {
			log("%s", summary)
		}
		return err
	})
}
