package exttest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/dockerfile"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/safefile"
)

// kind is which image a Dockerfile extends.
type kind string

const (
	buildKind kind = "build"
	runKind   kind = "run"
)

// generated is a Dockerfile that an extension wrote.
type generated struct {
	extension, name string
	data            []byte
	file            *dockerfile.File
	// context is the absolute path of its build context.
	context string
	args    map[string]string
}

// buildID is the argument build_id. The lifecycle makes a new one for each
// build; a test uses the same, so that it is cached.
const buildID = "00000000-0000-4000-8000-000000000000"

// generatedFiles returns the folder with the files of an extension, relative to
// the layers directory, and the names of the Dockerfiles in it. Before Platform
// API 0.13 there is a folder for each kind.
func (r *run) generatedFiles(id string, k kind) (dir, name string) {
	escaped := extension.EscapeID(id)
	if r.apiMinor() < 13 {
		return path.Join("generated", string(k), escaped), "Dockerfile"
	}
	return path.Join("generated", escaped), string(k) + ".Dockerfile"
}

func (r *run) apiMinor() int {
	n, err := strconv.Atoi(strings.TrimPrefix(r.api, "0."))
	if err != nil {
		return 0
	}
	return n
}

// dockerfiles returns what extensions wrote for a kind, in order, as the
// lifecycle's extender finds it.
func (r *run) dockerfiles(k kind) ([]generated, error) {
	layers := filepath.Join(r.detected.dir, "layers")
	root, err := os.OpenRoot(layers)
	if err != nil {
		return nil, fmt.Errorf("reading what generate wrote: %w", err)
	}
	defer root.Close()
	var all []generated
	for _, id := range r.detected.extensions {
		dir, name := r.generatedFiles(id, k)
		data, err := safefile.Read(layers, path.Join(dir, name), dockerfile.MaxSize)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			r.fail(r.Position, "", "%s: %s of generate: %v", id, name, safefile.Cause(err))
			continue
		}
		g := generated{extension: id, name: string(k) + ".Dockerfile", data: data, context: filepath.Join(r.detected.dir, "app")}
		if g.file, err = dockerfile.Parse(data); err != nil {
			r.fail(r.Position, "", "%s: %s: %v", id, g.name, err)
			continue
		}
		if g.args, err = r.extendArgs(layers, dir, k); err != nil {
			r.fail(r.Position, "", "%s: %v", id, err)
			continue
		}
		for _, folder := range []string{"context." + string(k), "context"} {
			info, err := root.Stat(path.Join(dir, folder))
			if r.apiMinor() >= 13 && err == nil && info.IsDir() {
				g.context = filepath.Join(layers, filepath.FromSlash(dir), folder)
				break
			}
		}
		all = append(all, g)
	}
	return all, nil
}

// extendArgs reads extend-config.toml.
func (r *run) extendArgs(layers, dir string, k kind) (map[string]string, error) {
	data, err := safefile.Read(layers, path.Join(dir, "extend-config.toml"), extension.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("extend-config.toml: %w", safefile.Cause(err))
	}
	type section struct {
		Args []struct {
			Name  string `toml:"name"`
			Value string `toml:"value"`
		} `toml:"args"`
	}
	var config struct {
		Build section `toml:"build"`
		Run   section `toml:"run"`
	}
	if err := toml.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("extend-config.toml: %w", err)
	}
	own := config.Build
	if k == runKind {
		own = config.Run
	}
	args := map[string]string{}
	for _, a := range own.Args {
		args[a.Name] = a.Value
	}
	return args, nil
}

// checkWritten checks what generate wrote by the rules that a lifecycle applies.
func (r *run) checkWritten(s *Subject) error {
	if r.apiMinor() < 13 {
		return nil // the lifecycle's own checks have passed, and the files have other names
	}
	found, err := lint.OutputDir(s.API, filepath.Join(r.detected.dir, "layers", "generated", extension.EscapeID(s.ID)))
	if err != nil {
		return fmt.Errorf("reading what generate wrote: %w", err)
	}
	for _, d := range found {
		// The user that counts is the last one of all Dockerfiles.
		if d.Severity == diag.Error && d.Rule != rules.RunUser.ID {
			r.fail(r.Position, "", "%s: %s [%s]: %s", s.ID, d, d.Rule, rules.ByID(d.Rule).Fix)
		}
	}
	return nil
}

func writeDockerfile(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return fmt.Errorf("writing Dockerfile: %w", err)
	}
	return nil
}

// withoutSyntax removes the directive that names another frontend: lifecycles
// ignore it, and builders would run an image that the user did not choose.
func withoutSyntax(data []byte) []byte {
	lines := strings.SplitAfter(string(data), "\n")
	for i, line := range lines {
		if !strings.HasPrefix(strings.TrimLeft(line, "\ufeff \t"), "#") {
			break
		}
		if dockerfile.Syntax([]byte(strings.Join(lines[i:], ""))) != "" && strings.Contains(strings.ToLower(line), "syntax") {
			lines[i] = "#\n"
		}
	}
	return []byte(strings.Join(lines, ""))
}
