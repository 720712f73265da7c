package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/text"
)

// destinationOptions are the flags that say where packages go.
type destinationOptions struct {
	push     bool
	outputs  []string
	insecure bool
}

func (o *destinationOptions) bind(f *pflag.FlagSet) {
	f.BoolVar(&o.push, "push", false, "Publish to the registry under every tag")
	f.StringArrayVarP(&o.outputs, "output", "o", nil, `Write to a package file ("FILE.cnb") or an OCI layout directory ("DIR/")`)
	f.BoolVar(&o.insecure, "insecure", false, "Allow plain HTTP and unverified certificates for the registry")
}

// namedDestination is a destination with the name by which people know it.
type namedDestination struct {
	pipeline.Destination
	name string
}

// resolve works out where each package goes, files before registries, because
// what was written to a file can be deleted again.
func (o *destinationOptions) resolve(p *plan.Plan, client *registry.Client) (map[*plan.Extension][]namedDestination, error) {
	all := map[*plan.Extension][]namedDestination{}
	taken := map[string]bool{}
	for _, e := range p.Extensions {
		outputs := o.outputs
		if !o.push && len(outputs) == 0 {
			outputs = []string{"{{.Slug}}-{{.Version}}.cnb"}
		}
		for _, output := range outputs {
			d, err := fileDestination(e, output)
			if err != nil {
				return nil, err
			}
			if taken[d.name] {
				return nil, diag.Invalidf("put {{.Slug}} or {{.Version}} into the name", "--output %s is given to more than one package", d.name)
			}
			taken[d.name] = true
			all[e] = append(all[e], d)
		}
		if o.push {
			d, err := registryDestination(e, client)
			if err != nil {
				return nil, err
			}
			all[e] = append(all[e], d)
		}
	}
	return all, nil
}

func registryDestination(e *plan.Extension, client *registry.Client) (namedDestination, error) {
	if len(e.Tags) == 0 {
		return namedDestination{}, diag.Invalidf(`add "-t REGISTRY/REPOSITORY:TAG", or image = "REGISTRY/REPOSITORY" to [metadata.extpack] of `+e.Descriptor.File,
			"--push: there is no tag to publish %s to", e.Descriptor.Info)
	}
	var refs []registry.Reference
	for _, tag := range e.Tags {
		ref, err := registry.ParseTag(tag)
		if err != nil {
			return namedDestination{}, err
		}
		refs = append(refs, ref)
	}
	return namedDestination{pipeline.Registry{Client: client, Tags: refs}, strings.Join(e.Tags, ", ")}, nil
}

// fileDestination tells a package file by its ending and a layout directory by
// its slash, or by being one already.
func fileDestination(e *plan.Extension, output string) (namedDestination, error) {
	name, err := e.Descriptor.Info.Expand(output)
	if err != nil {
		return namedDestination{}, diag.Invalidf("use {{.ID}}, {{.Slug}} and {{.Version}} only", "--output %q: %v", output, err)
	}
	info, statErr := os.Stat(name)
	isDir := statErr == nil && info.IsDir()
	switch {
	case strings.HasSuffix(name, ".cnb") && !isDir:
		if parent := filepath.Dir(name); !dirExists(parent) {
			return namedDestination{}, diag.Invalidf("create it with: mkdir -p "+parent, "--output %s: the folder %s does not exist", name, parent)
		}
		return namedDestination{pipeline.File(name), name}, nil
	case isDir || strings.HasSuffix(name, "/") || strings.HasSuffix(name, string(filepath.Separator)):
		if err := outside(e, name); err != nil {
			return namedDestination{}, err
		}
		return namedDestination{pipeline.Dir(name), name}, nil
	}
	return namedDestination{}, diag.Invalidf("", `--output %q is neither a package file ("FILE.cnb") nor an OCI layout directory ("DIR/")`, output)
}

func dirExists(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// outside refuses a layout inside the extension: the next build would pack it.
func outside(e *plan.Extension, name string) error {
	dir, err := filepath.Abs(e.Dir)
	if err != nil {
		return err
	}
	out, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(dir, out)
	if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return diag.Invalidf("choose a directory elsewhere", "--output %s is inside the extension %s and would be packed by the next build", name, e.Dir)
	}
	return nil
}

// printPlan is the result of a dry run.
func printPlan(w io.Writer, p *plan.Plan, destinations map[*plan.Extension][]namedDestination) error {
	for _, e := range p.Extensions {
		fmt.Fprintf(w, "%s (%s)\n", e.Descriptor.Info, text.Line(e.Dir))
		for _, image := range e.Images {
			root := image.Root
			if root == platform.RootDir {
				root = "the extension root"
			}
			fmt.Fprintf(w, "  build %s from %s\n", image, text.Line(root))
		}
		for _, d := range destinations[e] {
			fmt.Fprintf(w, "  write %s\n", text.Line(d.name))
		}
	}
	return nil
}
