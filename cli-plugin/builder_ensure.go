package cliplugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/builder"
	"github.com/extpack/extpack/internal/buildx"
)

type builderEnsureOptions struct {
	name               string
	driver             string
	native, registries []string
	bootstrap, use     bool
	binfmt             bool
	remove, quiet      bool
}

func newBuilderEnsureCmd(a *app, run func(context.Context, *app, builderEnsureOptions) error) *cobra.Command {
	var opts builderEnsureOptions
	cmd := &cobra.Command{
		Use:   "ensure [OPTIONS] [NAME]",
		Short: "Create or repair a builder for several platforms",
		Long: "Create a buildx builder for several platforms, or repair it if necessary. The name\n" +
			"of the builder (default \"" + builder.DefaultName + "\") is printed.\n\n" +
			"If a Docker Engine responds, the builder is a BuildKit container in it. Otherwise, if\n" +
			"buildkitd is on PATH, it is a BuildKit daemon of this user, which runs in the\n" +
			"background and uses the emulators of the distribution's qemu-user-static. Without\n" +
			"root rights, it requires rootlesskit. Its cache, configuration and log are in\n" +
			"docker-extpack/builders/NAME below $XDG_STATE_HOME (default ~/.local/state). After a\n" +
			"restart of the machine, this command starts it again. --remove stops it and deletes\n" +
			"all of its files.\n\n" +
			"An emulated program can start others only if the kernel knows the emulator. Without\n" +
			"root rights, emulators are registered for the builder only, on Linux 6.7 or newer.\n" +
			"As root, --binfmt registers them for the whole machine, until --remove or a restart.\n\n" +
			"The selected builder does not change without --use. Other builders are not changed,\n" +
			"and the changes of a command that fails are rolled back.",
		Example: `  docker extpack builder ensure --use
  docker extpack build --builder "$(docker extpack builder ensure -q --bootstrap)"
  docker extpack builder ensure team --native arm64=ssh://user@arm.example.com
  docker extpack builder ensure --registry registry.internal:5000=http
  docker extpack builder ensure --remove`,
		Args: atMostOne("one name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.name = builder.DefaultName
			if len(args) == 1 {
				opts.name = args[0]
			}
			for _, other := range []string{"driver", "native", "registry", "bootstrap", "use", "binfmt"} {
				if err := exclusive(cmd, "remove", other); err != nil {
					return err
				}
			}
			return run(cmd.Context(), a, opts)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			names, directive := completeBuilders(cmd, args, word)
			names = slices.DeleteFunc(names, func(name string) bool { return name == "default" || name == builder.DefaultName })
			return append(names, builder.DefaultName), directive
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.driver, "driver", "", `Driver of the builder: "docker-container", or "remote" for a BuildKit daemon of this user (default: the first that is possible)`)
	f.StringArrayVar(&opts.native, "native", nil, `Build a platform on a separate machine ("PLATFORM=ENDPOINT", such as "arm64=ssh://user@host")`)
	f.StringArrayVar(&opts.registries, "registry", nil, `Let the builder pull from a registry without a trusted certificate ("HOST[:PORT]=http|insecure", or "HOST[:PORT]" to detect which)`)
	f.BoolVar(&opts.binfmt, "binfmt", false, "Register QEMU with the kernel of this machine, for a daemon that runs as root")
	f.BoolVar(&opts.bootstrap, "bootstrap", false, "Start the builder and wait until it runs")
	f.BoolVar(&opts.use, "use", false, "Select the builder for this and other commands")
	f.BoolVar(&opts.remove, "remove", false, "Stop and remove a builder that this command created, with its cache")
	f.BoolVarP(&opts.quiet, "quiet", "q", false, "Print only the name")
	complete(cmd, "driver", buildx.DriverContainer, buildx.DriverRemote)
	register(cmd, "native", cobra.NoFileCompletions)
	register(cmd, "registry", cobra.NoFileCompletions)
	return cmd
}

func runBuilderEnsure(ctx context.Context, a *app, opts builderEnsureOptions) error {
	return interruptible(ctx, func(ctx context.Context) error {
		o, err := opts.options(ctx, a)
		if err == nil {
			err = o.Check()
		}
		if err != nil {
			return err
		}
		buildx, err := a.buildx(func(message string) { o.Log("warning: %s", message) })
		if err != nil {
			return err
		}
		if opts.remove {
			return removeBuilder(ctx, buildx, o)
		}
		changed, err := builder.Ensure(ctx, buildx, o)
		if err != nil {
			return err
		}
		if !changed {
			o.Log("nothing to do: the builder %s needs no repair", o.Name)
		}
		_, err = fmt.Fprintln(a.cli.Out(), o.Name)
		return err
	})
}

func removeBuilder(ctx context.Context, buildx buildx.Runner, o builder.Options) error {
	found, err := builder.Remove(ctx, buildx, o)
	switch {
	case err != nil:
		return err
	case found:
		o.Log("removed the builder %s", o.Name)
	default:
		o.Log("nothing to do: the builder %s does not exist", o.Name)
	}
	return nil
}

func (o *builderEnsureOptions) options(ctx context.Context, a *app) (builder.Options, error) {
	opts := builder.Options{
		Name: o.name, Driver: o.driver, Context: a.cli.CurrentContext(),
		Bootstrap: o.bootstrap, Use: o.use, Binfmt: o.binfmt, Log: a.log(o.quiet),
	}
	var err error
	if opts.StateDir, err = builder.StateDir(); err != nil {
		return opts, err
	}
	var errs []error
	for _, s := range o.native {
		native, err := builder.ParseNative(s)
		errs, opts.Native = append(errs, err), append(opts.Native, native)
	}
	asked := builder.Ask(a.registry(false, opts.Log, nil), opts.Log)
	for _, s := range o.registries {
		registry, err := builder.ParseRegistry(ctx, strings.TrimSpace(s), asked)
		errs, opts.Registries = append(errs, err), append(opts.Registries, registry)
	}
	return opts, errors.Join(errs...)
}
