package dockerfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/platform"
)

// Build is how a Dockerfile is built.
type Build struct {
	// Stage is the name of the stage; empty for the last one.
	Stage string
	// Target is the platform to build for; the zero value is the builder's own.
	Target v1.Platform
	// Args are the values of --build-arg.
	Args map[string]string
	// Contexts are the named contexts, which replace stages and images.
	Contexts []string
}

// Needs is what a build requires. Stages that it does not use do not count.
type Needs struct {
	// Platforms are those that commands run on, other than the builder's own by
	// $BUILDPLATFORM. The zero value is a target without a platform.
	Platforms []v1.Platform
	// Images are the references that the builder pulls, as written but for
	// variables.
	Images []string
	// Contexts are the named contexts that are used.
	Contexts []string
}

// Values of the predefined build arguments that are known in a build only. No
// platform can contain them.
const (
	builderOwn = "<build>"
	targetOwn  = "<target>"
)

// Needs returns what a build of the file requires, in the way that BuildKit's
// frontend resolves stages, contexts and variables (dockerfile2llb). The images
// of onbuild triggers in base images are not known.
func (f *File) Needs(b Build) (Needs, error) {
	r := resolver{File: f, build: b, shlex: shell.NewLex(f.escape), visited: map[int]bool{}}
	if err := r.setArgs(); err != nil {
		return Needs{}, err
	}
	target := len(f.Stages) - 1
	if b.Stage != "" {
		target = f.Find(b.Stage)
	}
	if b.Stage == "" && target < 0 {
		return Needs{}, errors.New("the file has no stages")
	}
	if target < 0 {
		return Needs{}, fmt.Errorf("stage %q not found", b.Stage)
	}
	syntax := f.syntax
	if arg, ok := b.Args["BUILDKIT_SYNTAX"]; ok {
		syntax = arg
	}
	if syntax != "" {
		r.needs.Images = []string{syntax}
	}
	err := r.visit(target)
	return r.needs, err
}

type resolver struct {
	*File
	build   Build
	shlex   *shell.Lex
	env     []string // NAME=value; the last of a name counts
	visited map[int]bool
	needs   Needs
}

// setArgs sets the variables that FROM may use.
func (r *resolver) setArgs() error {
	t := r.build.Target
	target := []string{"TARGETPLATFORM=" + targetOwn, "TARGETOS=" + targetOwn, "TARGETARCH=" + targetOwn, "TARGETVARIANT="}
	if t.OS != "" {
		target = []string{"TARGETPLATFORM=" + platforms.Format(t), "TARGETOS=" + t.OS, "TARGETARCH=" + t.Architecture, "TARGETVARIANT=" + t.Variant}
	}
	r.env = append(target, "BUILDPLATFORM="+builderOwn, "BUILDOS="+builderOwn, "BUILDARCH="+builderOwn, "BUILDVARIANT=")
	for i, entry := range r.env {
		name, _, _ := strings.Cut(entry, "=")
		if value, ok := r.build.Args[name]; ok {
			r.env[i] = name + "=" + value
		}
	}
	for _, cmd := range r.Args {
		for _, arg := range cmd.Args {
			value, ok := r.build.Args[arg.Key]
			if !ok && arg.Value != nil {
				var err error
				if value, err = r.expand(*arg.Value); err != nil {
					return &SyntaxError{Line: Line(&cmd), Message: err.Error()}
				}
			}
			if ok || arg.Value != nil {
				r.env = append(r.env, arg.Key+"="+value)
			}
		}
	}
	return nil
}

func (r *resolver) expand(word string) (string, error) {
	result, err := r.shlex.ProcessWordWithMatches(word, shell.EnvsFromSlice(r.env))
	return result.Result, err
}

// visit adds what stage i requires, unless a named context replaces it.
func (r *resolver) visit(i int) error {
	s := r.Stages[i]
	if r.visited[i] || s.Name != "" && r.useContext(s.Name) {
		return nil
	}
	r.visited[i] = true
	commands := s.Commands
	base, image, err := r.base(i)
	if err != nil {
		return err
	}
	if base < 0 {
		r.useImage(image)
	} else {
		triggers, err := onbuild(r.Stages[base].Commands)
		if err != nil {
			return err
		}
		commands = slices.Concat(triggers, commands)
		if err := r.visit(base); err != nil {
			return err
		}
	}
	for _, cmd := range commands {
		if err := r.command(i, cmd); err != nil {
			return err
		}
	}
	return nil
}

func (r *resolver) command(i int, cmd instructions.Command) error {
	switch cmd := cmd.(type) {
	case *instructions.CopyCommand:
		if number, err := strconv.Atoi(cmd.From); err == nil {
			return r.useStage(i, number, cmd)
		}
		return r.use(i, cmd.From, cmd)
	case *instructions.RunCommand:
		p, own, err := r.platform(i)
		if err != nil {
			return err
		}
		if !own && !slices.ContainsFunc(r.needs.Platforms, func(q v1.Platform) bool { return platform.Equal(p, q) }) {
			r.needs.Platforms = append(r.needs.Platforms, p)
		}
		for _, mount := range instructions.GetMounts(cmd) {
			if err := r.use(i, mount.From, cmd); err != nil {
				return err
			}
		}
	}
	return nil
}

// use adds what a command of stage i copies or mounts from: a stage, a context
// or an image.
func (r *resolver) use(i int, name string, cmd instructions.Command) error {
	if name == "" {
		return nil
	}
	if stage := r.Find(name); stage >= 0 {
		return r.useStage(i, stage, cmd)
	}
	r.useImage(name)
	return nil
}

func (r *resolver) useStage(i, stage int, cmd instructions.Command) error {
	switch {
	case stage < 0 || stage >= len(r.Stages):
		return &SyntaxError{Line: Line(cmd), Message: fmt.Sprintf("invalid stage index %d", stage)}
	case stage >= i:
		return &SyntaxError{Line: Line(cmd), Message: fmt.Sprintf("cannot copy from stage %d, it needs to be defined before current stage %d", stage, i)}
	}
	return r.visit(stage)
}

func (r *resolver) useImage(name string) {
	if name != "scratch" && !r.useContext(name) && !slices.Contains(r.needs.Images, name) {
		r.needs.Images = append(r.needs.Images, name)
	}
}

// useContext reports whether a named context replaces a stage or an image, and
// adds it.
func (r *resolver) useContext(name string) bool {
	i := slices.IndexFunc(r.build.Contexts, func(c string) bool {
		return c == name || normalized(c) != "" && normalized(c) == normalized(name)
	})
	if i < 0 {
		return false
	}
	if c := r.build.Contexts[i]; !slices.Contains(r.needs.Contexts, c) {
		r.needs.Contexts = append(r.needs.Contexts, c)
	}
	return true
}

func normalized(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return ""
	}
	return reference.TagNameOnly(named).String()
}
