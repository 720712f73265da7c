package cliplugin

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/packagefile"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/text"
)

// destinationOptions are the flags that say where packages go.
type destinationOptions struct {
	push, append bool
	load         bool
	outputs      []string
	insecure     bool
}

func (o *destinationOptions) bind(f *pflag.FlagSet) {
	f.BoolVar(&o.push, "push", false, "Publish to the registry under every tag")
	f.BoolVar(&o.append, "append", false, "Join the platforms to the published index instead of replacing it")
	f.BoolVar(&o.load, "load", false, "Load into the Docker Engine under every tag, or as ID:VERSION")
	f.StringArrayVarP(&o.outputs, "output", "o", nil, `Write to a package file ("FILE.cnb"), one for each platform ("FILE-{{.OS}}-{{.Arch}}{{.Variant}}.cnb"), or an OCI layout directory ("DIR/")`)
	f.BoolVar(&o.insecure, "insecure", false, "Allow plain HTTP and unverified certificates for the registry")
}

// namedDestination is a destination with the name by which people know it.
type namedDestination struct {
	pipeline.Destination
	verb, name string
}

// resolve works out where each package goes, files and the engine before
// registries, because what is on this machine can be deleted again.
func (o *destinationOptions) resolve(p *plan.Plan, client *registry.Client, engine *loader, warn func(string)) (map[*plan.Extension][]namedDestination, error) {
	if o.append && !o.push {
		return nil, diag.WithHint(diag.Invalidf("--append joins platforms to a published index, and nothing is published without --push"), "add --push")
	}
	all := map[*plan.Extension][]namedDestination{}
	taken := map[string]*plan.Extension{}
	for _, e := range p.Extensions {
		outputs := o.outputs
		if !o.push && !o.load && len(outputs) == 0 {
			outputs = []string{"{{.Slug}}-{{.Version}}.cnb"}
		}
		for _, output := range outputs {
			d, err := fileDestination(p, e, output, warn)
			if err != nil {
				return nil, err
			}
			where, err := filepath.Abs(d.name)
			if err != nil {
				return nil, fmt.Errorf("resolving --output: %w", err)
			}
			switch other := taken[where]; {
			case other == e:
				return nil, diag.Invalidf("--output %s is given twice", d.name)
			case other != nil:
				return nil, diag.WithHint(diag.Invalidf("--output %s is given to both %s and %s", d.name, other.Descriptor.Info, e.Descriptor.Info), "put {{.Slug}} and {{.Version}} into the name")
			}
			taken[where] = e
			all[e] = append(all[e], d)
		}
		if o.load {
			d, err := engineDestination(e, engine)
			if err != nil {
				return nil, err
			}
			all[e] = append(all[e], d)
		}
		if o.push {
			d, err := o.registryDestination(e, client, warn)
			if err != nil {
				return nil, err
			}
			all[e] = append(all[e], d)
		}
	}
	return all, nil
}

func (o *destinationOptions) registryDestination(e *plan.Extension, client *registry.Client, warn func(string)) (namedDestination, error) {
	if len(e.Tags) == 0 {
		return namedDestination{}, diag.WithHint(diag.Invalidf("--push: there is no tag to publish %s to", e.Descriptor.Info), `add "-t REGISTRY/REPOSITORY:TAG", or image = "REGISTRY/REPOSITORY" to [metadata.extpack] of `+e.Descriptor.File)
	}
	refs, err := pipeline.ParseTags(e.Tags)
	if err != nil {
		return namedDestination{}, err
	}
	names := strings.Join(e.Tags, ", ")
	if o.append {
		return namedDestination{pipeline.Append{Client: client, Tags: refs, Warn: warn}, "append to", names}, nil
	}
	return namedDestination{pipeline.Registry{Client: client, Tags: refs}, "push", names}, nil
}

// fileDestination tells a package file by its ending and a layout directory by
// its slash, or by being one already.
func fileDestination(p *plan.Plan, e *plan.Extension, output string, warn func(string)) (namedDestination, error) {
	name, err := packagefile.ExpandOthers(output, e.Descriptor.Info.Expand)
	if err != nil {
		return namedDestination{}, diag.WithHint(diag.Invalidf("--output %q: %v", output, err), "use "+strings.Join(slices.Concat(extension.Placeholders, packagefile.Placeholders), ", "))
	}
	parsed, err := pipeline.ParseOutput(name)
	if err != nil {
		return namedDestination{}, err
	}
	if parsed.Dir {
		if err := outside(p, name); err != nil {
			return namedDestination{}, err
		}
		return namedDestination{pipeline.Dir{Name: name, Ref: refName(e.Tags), Warn: warn}, "write", name}, parsed.Check()
	}
	files, err := filesOf(e, name)
	if err != nil {
		return namedDestination{}, err
	}
	for _, file := range files {
		if err := pipeline.CheckFile("--output", file); err != nil {
			return namedDestination{}, err
		}
	}
	return namedDestination{pipeline.File{Name: name, Warn: warn}, "write", strings.Join(files, ", ")}, nil
}

// filesOf returns the package files that a name stands for, as far as the
// platforms are known before the build.
func filesOf(e *plan.Extension, name string) ([]string, error) {
	var platforms []v1.Platform
	for _, image := range e.Images {
		if platform.IsZero(image.Platform) {
			return []string{name}, nil
		}
		platforms = append(platforms, image.Platform)
	}
	return packagefile.Names(name, platforms)
}

// refName returns the tag of the first reference, or "".
func refName(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	ref, err := registry.ParseTag(tags[0])
	if err != nil {
		return "" // pushing says what is wrong with it
	}
	return ref.Tag()
}

// outside refuses a layout inside an extension: the next build would pack it.
func outside(p *plan.Plan, name string) error {
	for _, e := range p.Extensions {
		if _, inside, err := pipeline.Below(e.Dir, name); err != nil {
			return err
		} else if inside {
			return diag.WithHint(diag.Invalidf("--output %s is inside the extension %s and would be packed by the next build", name, e.Dir), "choose a directory elsewhere")
		}
	}
	return nil
}

// printPlan is the result of a dry run.
func printPlan(w io.Writer, p *plan.Plan, destinations map[*plan.Extension][]namedDestination, smoke string) {
	for _, e := range p.Extensions {
		fmt.Fprintf(w, "%s (%s)\n", e.Descriptor.Info, text.Line(e.Dir))
		for _, image := range e.Images {
			root := image.Root
			switch {
			case image.NeedsBuild() && e.Build.Stage != "":
				root = "stage " + e.Build.Stage + " of " + image.Dockerfile
			case image.NeedsBuild():
				root = "the last stage of " + image.Dockerfile
			case root == platform.RootDir:
				root = "the extension root"
			}
			fmt.Fprintf(w, "  build %s from %s\n", image, text.Line(root))
		}
		if smoke != "" {
			fmt.Fprintf(w, "  run bin/detect and bin/generate of each in %s\n", smoke)
		}
		printRequests(w, e)
		for _, d := range destinations[e] {
			fmt.Fprintf(w, "  %s %s\n", d.verb, text.Line(d.name))
		}
	}
}
