package pipeline

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/packagefile"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/release"
	"github.com/extpack/extpack/internal/safefile"
)

// Request is where the packages of a plan should go; without any place they go
// to a file each.
type Request struct {
	Push, Append, Load bool
	// Outputs are names of files and directories, which may have placeholders.
	Outputs []string
	// Client is the client of Push.
	Client *registry.Client
	// Release decides which tags Push may move.
	Release *release.Guard
	// Daemon is the engine of Load.
	Daemon *Daemon
	// Warn receives warnings of writing a package.
	Warn func(message string)
}

// UsesTags reports whether tags have an effect: one is the name in a layout
// directory, too. For an output that is wrong, which [Resolve] reports, they have.
func (r Request) UsesTags() bool {
	return r.Push || r.Load || r.Append || slices.ContainsFunc(r.Outputs, func(name string) bool {
		output, err := ParseOutput(name)
		return err != nil || output.Dir
	})
}

// Place is a destination with its name in messages.
type Place struct {
	Destination
	Verb, Name string
}

// Places are the destinations of each package.
type Places map[*plan.Extension][]Place

// Of returns the destinations of the package of e.
func (p Places) Of(e *plan.Extension) []Destination {
	var all []Destination
	for _, d := range p[e] {
		all = append(all, d.Destination)
	}
	return all
}

// OnlyFiles reports whether all packages are written to package files alone.
func (p Places) OnlyFiles() bool {
	for _, all := range p {
		for _, d := range all {
			if _, file := d.Destination.(File); !file {
				return false
			}
		}
	}
	return true
}

// Resolve returns where each package goes, files and the engine before
// registries, because what is on this machine can be deleted again.
func Resolve(p *plan.Plan, r Request) (Places, error) {
	if r.Append && !r.Push {
		return nil, diag.WithHint(diag.Invalidf("--append requires --push"), "add --push")
	}
	all := Places{}
	taken := map[string]*plan.Extension{}
	for _, e := range p.Extensions {
		outputs := r.Outputs
		if !r.Push && !r.Load && len(outputs) == 0 {
			outputs = []string{"{{.Slug}}-{{.Version}}.cnb"}
		}
		for _, output := range outputs {
			d, err := filePlace(p, e, output, r.Warn)
			if err != nil {
				return nil, err
			}
			where, err := filepath.Abs(d.Name)
			if err != nil {
				return nil, fmt.Errorf("resolving --output: %w", err)
			}
			switch other := taken[where]; {
			case other == e:
				return nil, diag.Invalidf("--output %s is specified twice", d.Name)
			case other != nil:
				return nil, diag.WithHint(diag.Invalidf("--output %s is used for both %s and %s", d.Name, other.Descriptor.Info, e.Descriptor.Info), "put {{.Slug}} and {{.Version}} into the name")
			}
			taken[where] = e
			all[e] = append(all[e], d)
		}
		if r.Load {
			d, err := daemonPlace(e, r.Daemon)
			if err != nil {
				return nil, err
			}
			all[e] = append(all[e], d)
		}
		if r.Push {
			d, err := r.registryPlace(e)
			if err != nil {
				return nil, err
			}
			all[e] = append(all[e], d)
		}
	}
	return all, nil
}

func (r Request) registryPlace(e *plan.Extension) (Place, error) {
	if len(e.Tags) == 0 {
		return Place{}, diag.WithHint(diag.Invalidf("--push: no tag to publish %s to", e.Descriptor.Info), `add "-t REGISTRY/REPOSITORY:TAG", or image = "REGISTRY/REPOSITORY" to [metadata.extpack] of `+e.Descriptor.File)
	}
	refs, err := ParseTags(e.Tags)
	if err != nil {
		return Place{}, err
	}
	names := strings.Join(e.Tags, ", ")
	if r.Append {
		return Place{Append{Client: r.Client, Tags: refs, Release: r.Release, Warn: r.Warn}, "append to", names}, nil
	}
	return Place{Registry{Client: r.Client, Tags: refs, Release: r.Release, seen: &seenTags{}}, "push", names}, nil
}

// filePlace returns the place for a package file or a layout directory.
func filePlace(p *plan.Plan, e *plan.Extension, output string, warn func(string)) (Place, error) {
	name, err := packagefile.ExpandOthers(output, e.Descriptor.Info.Expand)
	if err != nil {
		return Place{}, diag.WithHint(diag.Invalidf("--output %q: %v", output, err), "use "+strings.Join(slices.Concat(extension.Placeholders, packagefile.Placeholders), ", "))
	}
	parsed, err := ParseOutput(name)
	if err != nil {
		return Place{}, err
	}
	name = parsed.Name
	// The next build does not pack files that end in .cnb.
	if parsed.Dir || filepath.Ext(name) != ".cnb" {
		if err := outside(p, name); err != nil {
			return Place{}, err
		}
	}
	if parsed.Dir {
		return Place{Dir{Name: name, Ref: refName(e.Tags), Warn: warn}, "write", name}, parsed.Check()
	}
	files, err := filesOf(e, name)
	if err != nil {
		return Place{}, err
	}
	for _, file := range files {
		if err := CheckFile("--output", file); err != nil {
			return Place{}, err
		}
	}
	return Place{File{Name: name, Warn: warn}, "write", strings.Join(files, ", ")}, nil
}

// filesOf returns the package files for a name, as far as the platforms are
// known before the build.
func filesOf(e *plan.Extension, name string) ([]string, error) {
	var images []platform.Identity
	for _, image := range e.Images {
		if platform.IsZero(image.Platform) {
			return []string{name}, nil
		}
		images = append(images, image.Identity())
	}
	return packagefile.Names(name, images)
}

// refName returns the tag of the first reference, or "".
func refName(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	ref, err := registry.ParseTag(tags[0])
	if err != nil {
		return "" // pushing reports it
	}
	return ref.Tag()
}

// outside returns an error for a layout inside an extension, which the next
// build would pack.
func outside(p *plan.Plan, name string) error {
	for _, e := range p.Extensions {
		if _, inside, err := safefile.Below(e.Dir, name); err != nil {
			return err
		} else if inside {
			return diag.WithHint(diag.Invalidf("--output %s is inside the extension %s and would be packed by the next build", name, e.Dir), "write it elsewhere")
		}
	}
	return nil
}
