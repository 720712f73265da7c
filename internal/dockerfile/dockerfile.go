// Package dockerfile reads Dockerfiles with BuildKit's own parser, and reports
// what a build of one of their stages requires: the platforms that its commands
// run on, and the images and named contexts that it reads.
//
// It is the only package that imports BuildKit, and only the parser, the
// instructions, the shell lexer and the linter of its Dockerfile frontend; no
// client, solver or daemon package is linked.
package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// MaxSize is the size of the largest Dockerfile that is read, in bytes.
const MaxSize = 4 << 20

// File is a parsed Dockerfile.
type File struct {
	// Args are the build arguments before the first FROM.
	Args []instructions.ArgCommand
	// Stages may be empty: a file of ARG instructions only can be parsed, but not
	// built.
	Stages []Stage

	escape rune
	syntax string
}

// Stage is a FROM instruction and the commands after it.
type Stage struct {
	// Image is what FROM names, as written: a reference, an earlier stage, or
	// scratch. It may contain variables.
	Image string
	// Platform is the value of --platform, as written, or "".
	Platform string
	// Name is the name after AS in lower case, or "".
	Name string
	// Line is where the instruction begins, counted from 1.
	Line int
	// Commands are the other instructions of the stage.
	Commands []instructions.Command
}

// Line returns the line on which cmd begins, counted from 1, or 0.
func Line(cmd instructions.Command) int { return firstLine(cmd.Location()) }

func firstLine(location []parser.Range) int {
	if len(location) == 0 {
		return 0
	}
	return location[0].Start.Line
}

// SyntaxError is a Dockerfile that BuildKit refuses to parse.
type SyntaxError struct {
	// Line is counted from 1; 0 is the whole file.
	Line    int
	Message string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Message)
}

// Parse parses a Dockerfile. It returns a [*SyntaxError] for a file that
// BuildKit refuses.
func Parse(data []byte) (*File, error) {
	result, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, syntaxError(err)
	}
	stages, args, err := instructions.Parse(result.AST, nil)
	if err != nil {
		return nil, syntaxError(err)
	}
	f := &File{Args: args, escape: result.EscapeToken, syntax: Syntax(data)}
	for _, s := range stages {
		f.Stages = append(f.Stages, Stage{
			Image: s.BaseName, Platform: s.Platform, Name: s.Name, Line: firstLine(s.Location), Commands: s.Commands,
		})
	}
	return f, nil
}

func syntaxError(err error) error {
	var located *parser.LocationError
	if !errors.As(err, &located) || len(located.Locations) == 0 {
		return &SyntaxError{Message: err.Error()}
	}
	return &SyntaxError{Line: firstLine(located.Locations[0]), Message: located.Error()}
}

// Syntax returns the image of the frontend that a "# syntax" directive names,
// or "" for the frontend that is built into BuildKit.
func Syntax(data []byte) string {
	ref, _, _, ok := parser.DetectSyntax(data)
	if !ok {
		return ""
	}
	return ref
}

// IsForeign reports whether the frontend image syntax is not one of Docker's
// Dockerfile frontends, so that the file may be in any language.
func IsForeign(syntax string) bool {
	return syntax != "" && !strings.HasPrefix(strings.TrimPrefix(syntax, "docker.io/"), "docker/dockerfile")
}

// Find returns the index of the last stage of a name, in any case, or -1.
func (f *File) Find(name string) int {
	for i, s := range slices.Backward(f.Stages) {
		if s.Name != "" && s.Name == strings.ToLower(name) {
			return i
		}
	}
	return -1
}
