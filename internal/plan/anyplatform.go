package plan

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/executable"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/safefile"
)

// assumed is the platform that readers assume for an image without one. The
// config of an image for any platform names it.
var assumed = v1.Platform{OS: "linux", Architecture: "amd64"}

// NamePlatforms is the hint for a descriptor without platforms.
const NamePlatforms = "name the platforms with [[targets]] or --target"

// AnyPlatform reports whether the package is one image, for any platform,
// instead of an index.
func (e *Extension) AnyPlatform() bool {
	return slices.ContainsFunc(e.Images, func(i Image) bool { return i.Any })
}

// BuildersPlatform reports whether the package is only for the platform of the
// builder: it has a build stage, and no platform was specified.
func (e *Extension) BuildersPlatform() bool {
	return slices.ContainsFunc(e.Images, func(i Image) bool { return platform.IsZero(i.Platform) })
}

// choosePlatform sets the platform of the single image of an extension without
// specified platforms. It depends on the content, never on this machine: an
// image with a program has the platform of the program; other images are for
// any platform. The output of a build stage is not known in advance, so such an
// image has the platform of the builder.
func (p *imagePlanner) choosePlatform(image *Image) error {
	if image.NeedsBuild() {
		return nil
	}
	position := diag.Position{File: p.descriptor.File}
	for _, t := range p.descriptor.Targets {
		if t.OS != "" && t.OS != assumed.OS {
			p.list.Errorf(t.Position, "target %s has no arch; %s", t.OS, NamePlatforms)
			return nil
		}
	}
	bound, err := p.findPrograms(image)
	switch {
	case err != nil:
		return err
	case len(bound) == 0:
		image.Platform, image.Any = assumed, true
		return nil
	}
	first := bound[0]
	for _, other := range bound[1:] {
		if !first.known || !other.known || !platform.Equal(first.platform, other.platform) {
			p.list.Errorf(position, "no target names a platform, and %s is %s but %s is %s; %s", first.name, first, other.name, other, NamePlatforms)
			return nil
		}
	}
	if !first.known {
		p.list.Errorf(position, "no target names a platform, and that of %s, %s, is unknown; %s", first.name, first, NamePlatforms)
		return nil
	}
	image.Platform = first.platform
	p.list.Warnf(position, "no target names a platform: building for %s only, because %s is %s; %s", platform.Format(first.platform), first.name, first, NamePlatforms)
	return nil
}

// boundProgram is a program of an image.
type boundProgram struct {
	*executable.Program
	name     string
	platform v1.Platform
	known    bool
}

// findPrograms returns the first program for each platform, in the order of
// their names.
func (p *imagePlanner) findPrograms(image *Image) ([]boundProgram, error) {
	root, err := safefile.OpenRoot(p.dir)
	if err != nil {
		return nil, fmt.Errorf("reading extension directory: %w", err)
	}
	defer root.Close()
	var found []boundProgram
	for _, name := range slices.Sorted(maps.Keys(image.Files)) {
		f := image.Files[name]
		if !f.Mode.IsRegular() {
			continue
		}
		program, err := readProgram(root, f.Source, f.Size)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", filepath.Join(p.dir, filepath.FromSlash(f.Source)), err)
		}
		if program == nil {
			continue
		}
		b := boundProgram{Program: program, name: name}
		b.platform, b.known = program.Platform()
		if !slices.ContainsFunc(found, func(o boundProgram) bool { return o.known && b.known && platform.Equal(o.platform, b.platform) }) {
			found = append(found, b)
		}
	}
	return found, nil
}

// readProgram returns the program in a file, or nil if it is not a program.
func readProgram(root *safefile.Root, name string, size int64) (*executable.Program, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, executable.HeadBytes)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	program := executable.Read(head[:n])
	if program == nil || !program.IsARM() {
		return program, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return program, program.ReadARM(f, size)
}
