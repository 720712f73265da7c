package runimage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/dockerfile"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/safefile"
)

// Paths of the Image Extension Specification, "Generation".
const (
	generateFile = extension.GenerateFile
	generateDir  = extension.GenerateDir
	runFile      = generateDir + "/run.Dockerfile"
)

const (
	noteGenerated = generateFile + " writes it during a build; its output can be checked with --dockerfile"
	noteStage     = "a build stage creates its files; they can be checked with --dockerfile"
	noteNone      = "the extension has none; the run image does not change"
)

// readExtension finds the run.Dockerfile of each image of a package: the file
// in its platform root, taking shared and ignored files into account.
func (c *checker) readExtension(ctx context.Context, e *plan.Extension) error {
	tree, err := content.Read(ctx, e.Dir)
	if err != nil {
		return err
	}
	first := len(c.report.Dockerfiles)
	for _, image := range e.Images {
		files, err := tree.Apply(image.Steps)
		if err != nil {
			return fmt.Errorf("reading %s: %w", e.Dir, err)
		}
		d := Dockerfile{Extension: e.Descriptor.Info.String()}
		if image.NeedsBuild() {
			d.Note = noteStage
		} else if _, ok := files[generateFile]; ok {
			// If there is an executable, there is no static output.
			d.Note = noteGenerated
		} else if source := staticFile(e.Dir, files); source != "" {
			d.dir, d.source = e.Dir, source
			d.File = filepath.Join(e.Dir, filepath.FromSlash(source))
		} else {
			d.Note = noteNone
		}
		same := -1
		for i := first; i < len(c.report.Dockerfiles); i++ {
			if have := c.report.Dockerfiles[i]; have.File == d.File && have.Note == d.Note {
				same = i
			}
		}
		if same < 0 {
			same = len(c.report.Dockerfiles)
			c.report.Dockerfiles = append(c.report.Dockerfiles, d)
		}
		found := &c.report.Dockerfiles[same]
		if !image.Any && !platform.IsZero(image.Platform) {
			found.Targets = append(found.Targets, image.String())
			found.platforms = appendPlatform(found.platforms, bare(image.Platform))
		}
	}
	return nil
}

// staticFile returns the path of the run.Dockerfile of an image, relative to
// the extension root, or "". The folder may be a link.
func staticFile(dir string, files content.Files) string {
	if f, ok := files[runFile]; ok {
		return f.Source
	}
	if f, ok := files[generateDir]; ok && f.Mode&fs.ModeSymlink != 0 {
		source := path.Join(f.Source, path.Base(runFile))
		if err := safefile.Check(dir, source); !errors.Is(err, fs.ErrNotExist) {
			return source
		}
	}
	return ""
}

// addFile adds a Dockerfile that was specified by name.
func (c *checker) addFile(name string, wanted []v1.Platform) {
	d := Dockerfile{File: name, platforms: wanted}
	for _, p := range wanted {
		d.Targets = append(d.Targets, platform.Format(p))
	}
	c.report.Dockerfiles = append(c.report.Dockerfiles, d)
}

// resolveFrom reads a Dockerfile and resolves its base image.
func (c *checker) resolveFrom(ctx context.Context, d *Dockerfile) {
	if d.File == "" {
		return
	}
	data, err := readFile(d)
	if err != nil {
		c.fail(diag.Position{File: d.File}, err)
		return
	}
	file, err := dockerfile.Parse(data)
	var syntax *dockerfile.SyntaxError
	switch {
	case errors.As(err, &syntax):
		c.problems.Errorf(position(d.File, syntax.Line), "%s", syntax.Message)
		return
	case err != nil:
		c.fail(diag.Position{File: d.File}, err)
		return
	}
	stages := file.Stages
	d.From = classify(stages)
	// Image Extension Specification, "Dockerfile Requirements".
	switch {
	case len(stages) == 0:
		c.problems.Errorf(diag.Position{File: d.File}, "the file has no FROM; without a new run image it begins with ARG base_image and FROM %s", baseImage)
	case len(stages) > 1:
		c.problems.Errorf(position(d.File, stages[1].Line), "a run.Dockerfile may have only one FROM, this one has %d", len(stages))
	}
	for i := range d.From {
		c.resolveImage(ctx, d, &d.From[i])
	}
}

func (c *checker) resolveImage(ctx context.Context, d *Dockerfile, f *From) {
	at := position(d.File, f.Line)
	if f.Kind == FromScratch {
		c.problems.Errorf(at, "FROM scratch is not a run image%s: it has no layers", d.forTargets())
	}
	if f.Kind != FromImage {
		return
	}
	ref, err := registry.ParseReference(f.Image)
	if err != nil {
		c.fail(at, err)
		return
	}
	r, err := c.pull(ctx, ref)
	switch {
	case errors.Is(err, oci.ErrNotFound) && !diag.IsInvalid(err):
		c.problems.Errorf(at, "%s not found in its registry%s", ref, d.forTargets())
	case err != nil:
		c.fail(at, err)
	default:
		f.Images = c.resolve(ctx, at, r, d.platforms)
	}
}

// forTargets returns the targets of a file as the end of a clause.
func (d *Dockerfile) forTargets() string {
	if len(d.Targets) == 0 {
		return ""
	}
	return " for " + strings.Join(d.Targets, ", ")
}

// pull opens a reference, once for all files that name it.
func (c *checker) pull(ctx context.Context, ref registry.Reference) (*RunImage, error) {
	name := ref.String()
	if known, ok := c.pulled[name]; ok {
		return known.image, known.err
	}
	p := &pulled{}
	opened, err := c.images.Pull(ctx, ref)
	if p.err = err; err == nil {
		p.image, p.err = Read(ctx, name, opened, opened.Root)
	}
	c.pulled[name] = p
	return p.image, p.err
}

func position(file string, line int) diag.Position {
	if line == 0 {
		return diag.Position{File: file}
	}
	return diag.Position{File: file, Line: line, Column: 1}
}

// readFile reads a Dockerfile. It returns a [*diag.InvalidError] if the file
// cannot be read, because the user named it, or if a file of the extension is
// outside of it.
func readFile(d *Dockerfile) ([]byte, error) {
	var data []byte
	var err error
	if d.dir == "" {
		data, err = safefile.ReadNamed(d.File, dockerfile.MaxSize)
	} else {
		data, err = safefile.Read(d.dir, d.source, dockerfile.MaxSize)
	}
	if err != nil {
		return nil, diag.Invalidf("%v", safefile.Cause(err))
	}
	return data, nil
}
