package dockerfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// base returns the stage that stage i starts from, or -1 and an image.
func (r *resolver) base(i int) (stage int, image string, err error) {
	s := r.Stages[i]
	if image, err = r.expand(s.Image); err != nil {
		return 0, "", &SyntaxError{Line: s.Line, Message: err.Error()}
	}
	if image == "" {
		return 0, "", &SyntaxError{Line: s.Line, Message: fmt.Sprintf("base name (%s) should not be blank", s.Image)}
	}
	for before, other := range slices.Backward(r.Stages[:i]) {
		if other.Name != "" && other.Name == image {
			return before, "", nil
		}
	}
	return -1, image, nil
}

// platform returns the platform that the commands of stage i run on: that of
// the image at the beginning of its chain. own reports the builder's own.
func (r *resolver) platform(i int) (p v1.Platform, own bool, err error) {
	for base := i; base >= 0; {
		i = base
		if base, _, err = r.base(i); err != nil {
			return p, false, err
		}
	}
	s := r.Stages[i]
	if s.Platform == "" {
		return r.build.Target, false, nil
	}
	text, err := r.expand(s.Platform)
	switch {
	case err != nil:
	case strings.Contains(text, builderOwn):
		return p, true, nil
	case strings.Contains(text, targetOwn):
		return r.build.Target, false, nil
	default:
		p, err = platforms.Parse(text)
	}
	if err != nil {
		err = &SyntaxError{Line: s.Line, Message: err.Error()}
	}
	return p, false, err
}

// onbuild returns the triggers of a stage, which run in stages that start from
// it.
func onbuild(commands []instructions.Command) ([]instructions.Command, error) {
	var triggers []instructions.Command
	for _, cmd := range commands {
		trigger, ok := cmd.(*instructions.OnbuildCommand)
		if !ok {
			continue
		}
		result, err := parser.Parse(strings.NewReader(trigger.Expression))
		if err != nil {
			return nil, &SyntaxError{Line: Line(cmd), Message: err.Error()}
		}
		for _, node := range result.AST.Children {
			parsed, err := instructions.ParseCommand(node)
			if err != nil {
				return nil, &SyntaxError{Line: Line(cmd), Message: err.Error()}
			}
			triggers = append(triggers, parsed)
		}
	}
	return triggers, nil
}
