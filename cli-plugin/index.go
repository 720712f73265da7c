package cliplugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/index"
	"github.com/extpack/extpack/internal/text"
)

// newIndexCmd returns the group of commands that create and edit indexes.
func newIndexCmd(a *app) *cobra.Command {
	return newGroup("index", "Create and edit indexes of several platforms",
		"Combine images of several platforms under one tag, and edit such an index in the\n"+
			"registry: add platforms, remove them, or change their descriptions. Nothing is kept\n"+
			"on this machine. Everything that an edit does not name is preserved: annotations,\n"+
			"attestations, media types and unknown fields. Package files and OCI layout\n"+
			"directories are edited in place.",
		newIndexCreateCmd(a, runIndexCreate),
		newIndexAddCmd(a, runIndexAdd),
		newIndexRemoveCmd(a, runIndexRemove),
		newIndexAnnotateCmd(a, runIndexAnnotate),
	)
}

// indexOptions are the flags of all index commands.
type indexOptions struct {
	mediaTypes              string
	force, dryRun, insecure bool
}

func (o *indexOptions) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.mediaTypes, "media-types", "", `Change the media types of index, manifests and layers ("oci", "docker")`)
	f.BoolVar(&o.force, "force", false, "Write the tag even if it has moved since it was read")
	f.BoolVar(&o.dryRun, "dry-run", false, "Print the index that would be written, and exit")
	f.BoolVar(&o.insecure, "insecure", false, insecureUsage)
	complete(cmd, "media-types", "oci", "docker")
}

func (o *indexOptions) options(a *app) (index.Options, error) {
	types, err := index.ParseTypes(o.mediaTypes)
	if err != nil {
		return index.Options{}, err
	}
	log := a.log(false)
	return index.Options{
		Client: a.registry(o.insecure, log, nil),
		Types:  types, Force: o.force, DryRun: o.dryRun,
		Warn: func(message string) { log("warning: %s", message) },
	}, nil
}

// edit runs an edit and prints the result.
func (o *indexOptions) edit(ctx context.Context, a *app, req index.Request) error {
	r, err := index.Edit(ctx, req)
	if err == nil && r.Unchanged && !o.dryRun {
		where := req.Source
		if len(r.Published) > 0 {
			where = r.Published[0].Reference.String()
		}
		fmt.Fprintf(a.cli.Err(), "nothing to do: %s already is as requested\n", text.Clean(where))
	}
	return o.print(a, r, err)
}

// print prints what was written, even if the command failed later.
func (o *indexOptions) print(a *app, r *index.Result, err error) error {
	if r == nil {
		return err
	}
	if o.dryRun {
		for _, c := range r.Changes {
			fmt.Fprintln(a.cli.Err(), c)
		}
		if err == nil {
			_, err = a.cli.Out().Write(r.Raw)
		}
		return err
	}
	var written []string
	if err == nil {
		written = r.Files
	}
	for _, p := range r.Published {
		written = append(written[:len(written):len(written)], p.String())
	}
	return errors.Join(err, printWritten(a.cli.Out(), written))
}

// printWritten prints what was written, one name on each line. If that fails, the
// error has the names.
func printWritten(w io.Writer, names []string) error {
	if len(names) == 0 {
		return nil
	}
	if _, err := io.WriteString(w, strings.Join(names, "\n")+"\n"); err != nil {
		return &unprintedError{err, names}
	}
	return nil
}

// unprintedError is returned if the names of what was written cannot be printed.
type unprintedError struct {
	err   error
	names []string
}

func (e *unprintedError) Error() string {
	return fmt.Sprintf("printing the result: %v (written: %s)", e.err, strings.Join(e.names, ", "))
}

func (e *unprintedError) Unwrap() error { return e.err }

// minArgs requires a number of arguments, none of them empty.
func minArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return usageError(cmd, fmt.Sprintf("%q takes %s, got %d", cmd.CommandPath(), what, len(args)))
		}
		for i, arg := range args {
			if arg == "" {
				return usageError(cmd, fmt.Sprintf("argument %d is empty", i+1))
			}
		}
		return nil
	}
}

func completeSources(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}
