package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/dockerfile"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/text"
)

const defaultDockerfile = "Dockerfile"

// unreadable returns the reason why a Dockerfile cannot be read, and whether
// the input is at fault, which names it at a position.
func unreadable(position diag.Position, file string, err error) error {
	if safefile.IsSystemFault(err) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("reading %s: %w", file, safefile.Cause(err))
	}
	var list diag.List
	list.Errorf(position, "the Dockerfile %s %v", file, safefile.Cause(err))
	return list.Err()
}

// dockerfilePosition returns the position of the name of the Dockerfile or, if
// it has none, that of the table.
func dockerfilePosition(table *extension.Build) diag.Position {
	if table.Dockerfile.Position.File == "" {
		return table.Position
	}
	return table.Dockerfile.Position
}

// isInside reports whether the name of a Dockerfile is below the extension
// root. One outside requires a grant (package bake), so it must not be quoted
// before.
func isInside(name string) bool { return filepath.IsLocal(filepath.FromSlash(name)) }

// readDockerfile returns the content of a Dockerfile, whose name is relative to
// the extension root dir.
func readDockerfile(dir, name string) ([]byte, error) {
	if isInside(name) {
		return safefile.Read(dir, name, dockerfile.MaxSize)
	}
	return safefile.ReadNamed(from(dir, name), dockerfile.MaxSize)
}

// dockerfile returns the Dockerfile whose stage is the root of a platform,
// relative to the extension root: the one for the platform, or else the one for
// all.
func (p *buildPlanner) dockerfile(of v1.Platform, used map[string]bool) (string, error) {
	base := p.table.Dockerfile.Value
	if base == "" {
		base = defaultDockerfile
	}
	names := candidates(base, of)
	for _, name := range names {
		file := from(p.dir, name)
		switch _, err := readDockerfile(p.dir, name); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", unreadable(dockerfilePosition(p.table), file, err)
		}
		used[name] = true
		return name, p.checkStage(name, of)
	}
	return "", p.noDockerfile(base, names, of)
}

// noDockerfile is the error of a platform without a Dockerfile. It names the
// platform only if others have Dockerfiles of their own.
func (p *buildPlanner) noDockerfile(base string, names []string, of v1.Platform) error {
	what, name := "for the build stage", path.Base(base)
	var found []string
	if isInside(base) {
		files, _ := os.ReadDir(filepath.Dir(from(p.dir, base))) // none, if there is no folder
		for _, f := range files {
			found = append(found, f.Name())
		}
	}
	hasOwn := slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, name+".") })
	if platform.IsZero(of) || !hasOwn {
		names = names[len(names)-1:]
	} else {
		what += " of " + platform.Format(of)
	}
	var list diag.List
	list.Errorf(dockerfilePosition(p.table), "%s not found in %s %s%s", strings.Join(names, " or "), p.dir, what, text.DidYouMean(name, found)).Hint = `create it, or name another with dockerfile = "…"`
	return list.Err()
}

// candidates returns the possible names of a Dockerfile for a platform, the
// most specific first: Dockerfile.linux-arm-v7, Dockerfile.linux-arm,
// Dockerfile.arm-v7, Dockerfile.arm, Dockerfile.
func candidates(base string, p v1.Platform) []string {
	var names []string
	if !platform.IsZero(p) {
		for _, prefix := range []string{p.OS + "-" + p.Architecture, p.Architecture} {
			if p.Variant != "" {
				names = append(names, base+"."+prefix+"-"+p.Variant)
			}
			names = append(names, base+"."+prefix)
		}
	}
	return append(names, base)
}

// checkStage reports a stage that a Dockerfile does not have. It ignores a
// Dockerfile that cannot be parsed, because the builder may use another
// frontend, and a stage number.
func (p *buildPlanner) checkStage(name string, of v1.Platform) error {
	file := from(p.dir, name)
	stage, position := p.stageOf(of)
	if key := name + " " + stage; p.stages[key] {
		return nil
	} else if p.stages == nil {
		p.stages = map[string]bool{key: true}
	} else {
		p.stages[key] = true
	}
	data, err := readDockerfile(p.dir, name)
	if err != nil {
		return unreadable(dockerfilePosition(p.table), file, err)
	}
	if _, err := strconv.Atoi(stage); stage == "" || !isInside(name) || err == nil || dockerfile.IsForeign(dockerfile.Syntax(data)) {
		return nil
	}
	parsed, err := dockerfile.Parse(data)
	if err != nil || parsed.Find(stage) >= 0 {
		return nil //nolint:nilerr // BuildKit says what is wrong, with the line
	}
	var names []string
	for _, s := range parsed.Stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	have := "no stage has a name"
	if len(names) > 0 {
		have = "it has " + strings.Join(names, ", ")
	}
	var list diag.List
	list.Errorf(position, "%s has no stage %q: %s", file, stage, have)
	return list.Err()
}

// BuildNeeds returns what a build of the stage of an image requires. Of a
// Dockerfile with a "# syntax" that cannot be parsed here, it is assumed that
// commands run on the image's platform.
func (e *Extension) BuildNeeds(i Image) (dockerfile.Needs, error) {
	name := e.DockerfilePath(i)
	data, err := readDockerfile(e.Dir, i.Dockerfile)
	if err != nil {
		return dockerfile.Needs{}, unreadable(dockerfilePosition(e.Descriptor.Metadata.Extpack.Build), name, err)
	}
	syntax := dockerfile.Syntax(data)
	unknown := dockerfile.Needs{Platforms: []v1.Platform{i.Platform}, Images: []string{syntax}}
	if dockerfile.IsForeign(syntax) {
		return unknown, nil
	}
	file, err := dockerfile.Parse(data)
	var needs dockerfile.Needs
	if err == nil {
		needs, err = file.Needs(dockerfile.Build{
			Stage: i.Stage, Target: i.Platform, Args: e.Build.Args, Contexts: slices.Sorted(maps.Keys(e.Build.Contexts)),
		})
	}
	switch {
	case err == nil:
		return needs, nil
	case syntax != "", !isInside(i.Dockerfile):
		return unknown, nil
	}
	at := diag.Position{File: name}
	if invalid := (*dockerfile.SyntaxError)(nil); errors.As(err, &invalid) && invalid.Line > 0 {
		at.Line, at.Column = invalid.Line, 1
		err = errors.New(invalid.Message)
	}
	return dockerfile.Needs{}, diag.List{{Position: at, Message: err.Error(), Hint: "correct the Dockerfile"}}.Err()
}

// DockerfilePath returns the path of the Dockerfile of an image, relative to
// the working directory.
func (e *Extension) DockerfilePath(i Image) string { return from(e.Dir, i.Dockerfile) }
