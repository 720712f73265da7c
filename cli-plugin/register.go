package cliplugin

import (
	"context"
	"fmt"

	"github.com/docker/cli/cli/config"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/registration"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/source"
	"github.com/extpack/extpack/internal/text"
)

type registerOptions struct {
	name            string
	print, insecure bool
}

func newRegisterCmd(a *app, run func(context.Context, *app, registerOptions) error) *cobra.Command {
	var opts registerOptions
	cmd := &cobra.Command{
		Use:   "register [OPTIONS] REFERENCE",
		Short: "Check a package for the buildpack registry",
		Long: "Check whether the buildpack registry would accept a published package: the form of\n" +
			"its id, version and address, the labels of its images, and that it can be pulled\n" +
			"without credentials. With --print, print the issue that requests its registration.\n" +
			"Nothing is sent.",
		Example: `  docker extpack register registry.example.com/acme/my-extension:1.2.3
  docker extpack register --print registry.example.com/acme/my-extension:1.2.3`,
		Args: exactArgs(1, "one reference"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.name = args[0]
			return run(cmd.Context(), a, opts)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opts.print, "print", false, "Print the URL of a new issue, and its fields")
	f.BoolVar(&opts.insecure, "insecure", false, insecureUsage)
	return cmd
}

func runRegister(ctx context.Context, a *app, opts registerOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		if source.IsPath(opts.name) {
			return diag.WithHint(diag.Invalidf("%s is on this machine, and the buildpack registry takes published packages", opts.name),
				"publish it with: docker extpack index create -t REGISTRY/REPOSITORY:TAG "+text.Quote(opts.name))
		}
		ref, err := registry.ParseReference(opts.name)
		if err != nil {
			return err
		}
		anonymous := registry.New(registry.Options{Insecure: opts.insecure, CertDirs: registry.DockerCertDirs(config.Dir()), Log: a.log(false)})
		entry, err := registration.Check(ctx, anonymous, ref)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.cli.Err(), "%s can be registered\n", text.Line(entry.ID+"@"+entry.Version))
		if opts.print {
			_, err = fmt.Fprintf(a.cli.Out(), "URL:    %s\nTitle:  %s\nBody:\n%s", entry.URL(), text.Line(entry.Title()), text.Clean(entry.Body()))
		}
		return err
	})
}
