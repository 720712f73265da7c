// Package packcli translates the command line of "pack extension package" to
// that of "docker extpack build".
package packcli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/packagefile"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/text"
	"github.com/extpack/extpack/internal/workspace"
)

// The values of --format.
const (
	FormatImage = "image"
	FormatFile  = "file"
)

// PullPolicies are the values of --pull-policy.
var PullPolicies = []string{"always", "if-not-present", "never"}

// fileExtension is that of package files.
const fileExtension = ".cnb"

// Command is a command line of "pack extension package".
type Command struct {
	// Name is an image, or a file for FormatFile.
	Name string
	// Config is the path of a package.toml, Path that of an extension. Without
	// both, the extension is in the working directory. With both, pack packages
	// what Config names.
	Config, Path string
	// Format is FormatImage, FormatFile or empty, which means FormatImage.
	Format     string
	Publish    bool
	Targets    []string
	Tags       []string
	PullPolicy string
	// Quiet, Verbose and Timestamps are flags of pack itself.
	Quiet, Verbose, Timestamps bool
	// Unpack is as in [plan.Options].
	Unpack func(ctx context.Context, archive string) (string, error)
}

// Build is a command line of "docker extpack build".
type Build struct {
	Args []string
	// Notes are differences from what pack does that users may miss.
	Notes []string
}

// String returns the line for a shell.
func (b Build) String() string {
	line := []string{"docker extpack build"}
	for _, arg := range b.Args {
		line = append(line, text.Quote(arg))
	}
	return strings.Join(line, " ")
}

// Translate returns the command line of "docker extpack build" that does what c
// does. It fails with a [*diag.InvalidError] where pack would fail, too.
func (c Command) Translate(ctx context.Context) (Build, error) {
	c.Targets = slices.Clone(c.Targets)
	if err := c.check(); err != nil {
		return Build{}, err
	}
	source, notes, err := c.source()
	if err != nil {
		return Build{}, err
	}
	if strings.HasPrefix(source, "-") {
		source = "./" + source // not a flag
	}
	b := Build{Args: []string{source}, Notes: notes}
	for i, t := range c.Targets {
		c.Targets[i], notes = target(t)
		b.Args, b.Notes = append(b.Args, "--target", c.Targets[i]), append(b.Notes, notes...)
	}
	where, notes, err := c.destination(ctx, source)
	if err != nil {
		return Build{}, err
	}
	b.Args, b.Notes = append(b.Args, where...), append(b.Notes, notes...)
	if c.Quiet {
		b.Args = append(b.Args, "--quiet")
	}
	if c.Verbose || c.Timestamps {
		b.Args = append(b.Args, "--progress", "plain")
	}
	return b, nil
}

func (c Command) check() error {
	switch {
	case c.Name == "":
		return diag.WithHint(diag.Invalidf("the name of the package is empty"), "name an image, or a file with --format file")
	case c.Format != "" && c.Format != FormatImage && c.Format != FormatFile:
		return choice.Check("--format", c.Format, FormatImage, FormatFile)
	case c.PullPolicy != "" && !slices.Contains(PullPolicies, c.PullPolicy):
		return choice.Check("--pull-policy", c.PullPolicy, PullPolicies...)
	case c.Publish && c.PullPolicy == "never":
		return diag.WithHint(diag.Invalidf("--publish and --pull-policy never cannot be used together"), "leave out --pull-policy: packaging pulls no image")
	}
	return nil
}

// source returns the directory, archive or package.toml to build.
func (c Command) source() (source string, notes []string, err error) {
	switch {
	case c.Config == "" && c.Path == "":
		return ".", nil, nil
	case c.Config == "":
		return strings.TrimPrefix(c.Path, "file://"), nil, exists("--path", c.Path)
	}
	if err := exists("--config", c.Config); err != nil {
		return "", nil, err
	}
	info, err := os.Stat(c.Config)
	if err != nil {
		return "", nil, err
	}
	if !info.Mode().IsRegular() || filepath.Ext(c.Config) != ".toml" || filepath.Base(c.Config) == extension.DescriptorFile {
		return "", nil, diag.WithHint(diag.Invalidf("--config %s is not a package.toml", c.Config), "name the directory of an extension with --path")
	}
	pkg, err := c.readConfig()
	if err != nil || c.Path == "" || same(pkg.Root, c.Path) {
		return c.Config, nil, err
	}
	return c.Config, []string{fmt.Sprintf("--path %s is not used: --config %s names %s", c.Path, c.Config, pkg.Root)}, nil
}

// readConfig reads the file that --config names. It returns an error also for
// what pack refuses and "docker extpack build" does not.
func (c Command) readConfig() (*extension.Package, error) {
	pkg, list, err := extension.ReadPackageFile(c.Config)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Rule == rules.UnknownKey.ID {
			list[i].Severity, list[i].Hint = diag.Error, "remove it, or use docker extpack build, which ignores it"
		}
	}
	switch {
	case pkg.URI.Position.Line == 0:
		list.Errorf(pkg.URI.Position, "[extension] with uri is required").Hint = `write [extension] and below it uri = "."`
	case pkg.OS != nil && pkg.OS.Value == "windows" && len(pkg.Targets)+len(c.Targets) == 0:
		list.Errorf(pkg.OS.Position, "os windows in [platform] needs an architecture").Hint = "add --target windows/amd64"
	}
	return pkg, list.Err()
}

func exists(flag, name string) error {
	_, err := os.Stat(strings.TrimPrefix(name, "file://"))
	if errors.Is(err, fs.ErrNotExist) {
		return diag.Invalidf("%s %s: not found", flag, name)
	}
	return err
}

func same(a, b string) bool {
	first, err1 := os.Stat(a)
	second, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(first, second)
}

// destination returns the flags for where the package goes.
func (c Command) destination(ctx context.Context, source string) (args, notes []string, err error) {
	if c.Format == FormatFile {
		if c.Publish {
			notes = append(notes, "--publish is not used: --format file writes a file")
		}
		if len(c.Tags) > 0 {
			notes = append(notes, "--tag is not used: --format file writes a file")
		}
		output, more, err := c.file(ctx, source)
		return []string{"--output", output}, append(notes, more...), err
	}
	if strings.HasSuffix(c.Name, fileExtension) {
		notes = append(notes, c.Name+" is the name of an image: add --format file to write a file")
	}
	for _, tag := range slices.Concat([]string{c.Name}, c.Tags) {
		if _, err := registry.ParseTag(tag); err != nil {
			return nil, nil, err
		}
		args = append(args, "--tag", tag)
	}
	if c.Publish {
		return append(args, "--push"), notes, nil
	}
	return append(args, "--load"), notes, nil
}

// file returns the value of --output. As with pack, any extension of the name is
// kept.
func (c Command) file(ctx context.Context, source string) (output string, notes []string, err error) {
	ext := filepath.Ext(c.Name)
	base := strings.TrimSuffix(c.Name, ext)
	images, err := c.images(ctx, source)
	if err != nil {
		return "", nil, err
	}
	if ext == "" || ext == fileExtension {
		return fileName(base, fileExtension, images), nil, nil
	}
	output = "type=oci,dest=" + fileName(base, ext, images)
	if strings.ContainsAny(c.Name, `,"`) {
		return "", nil, diag.WithHint(diag.Invalidf("%s is not the name of a package file", c.Name), "name it "+c.Name+fileExtension)
	}
	return output, []string{fmt.Sprintf("the name of a package file ends in %s, and that of %s in %s", fileExtension, c.Name, ext)}, nil
}

// fileName returns the name of the files for images. For several it has
// placeholders: pack writes NAME-os-arch.cnb for each. Where targets differ in
// variant or distro only, pack would write one over the other, so these are in
// the name.
func fileName(base, ext string, images []platform.Identity) string {
	if len(images) < 2 {
		return base + ext
	}
	for _, parts := range []string{"", "{{.Variant}}", "{{.Distro}}"} {
		name := base + "-{{.OS}}-{{.Arch}}" + parts + ext
		if _, err := packagefile.Names(name, images); err == nil {
			return name
		}
	}
	return base + "-{{.OS}}-{{.Arch}}{{.Variant}}{{.Distro}}" + ext
}

// images returns the images that a build makes.
func (c Command) images(ctx context.Context, source string) ([]platform.Identity, error) {
	opts := plan.Options{Unpack: c.Unpack, Defaults: workspace.DefaultsOf}
	for _, s := range c.Targets {
		t, err := platform.ParseTarget(s)
		if err != nil {
			return nil, err
		}
		opts.Targets = append(opts.Targets, t)
	}
	p, _, err := plan.New(ctx, []string{source}, opts)
	if err != nil {
		return nil, err
	}
	var images []platform.Identity
	for _, image := range p.Extensions[0].Images {
		images = append(images, image.Identity())
	}
	return images, nil
}
