package smoke

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/scratch"
	"github.com/extpack/extpack/internal/task"
)

// result is what a program did and wrote.
type result struct {
	task.Outcome
	// found are violations of the rules for static files.
	found diag.List
	// plan is the build plan of bin/detect.
	plan []byte
}

// try runs a program and checks what it wrote.
func (o Options) try(ctx context.Context, e *plan.Extension, p task.Program) (result, error) {
	temp, err := scratch.New()
	if err != nil {
		return result{}, err
	}
	defer temp.Remove()
	p.Dir = filepath.Join(temp.Path, "run")
	if err := os.Mkdir(p.Dir, 0o700); err != nil {
		return result{}, fmt.Errorf("creating temporary folder: %w", err)
	}
	outcome, err := o.Start(ctx, p)
	if lacks, ok := errors.AsType[*task.ImageError](err); ok && o.Platforms != nil {
		for _, p := range o.Platforms(ctx, lacks.Image) {
			lacks.Has = append(lacks.Has, platform.Format(p))
		}
	}
	r := result{Outcome: outcome}
	if err != nil || outcome.Fault != "" || outcome.ExitCode != 0 {
		return r, err
	}
	if p.File == entryPoints[0] {
		r.plan, r.found, err = writtenPlan(p.Dir)
	} else {
		r.found, err = written(e, p)
	}
	return r, err
}

// written checks what bin/generate left in its folder.
func written(e *plan.Extension, p task.Program) (diag.List, error) {
	var list diag.List
	if name := firstFile(filepath.Join(p.Dir, "app")); name != "" {
		list = append(list, rules.AppChanged.At(diag.Position{}, "%s writes %s to the application", p.File, name))
	}
	found, err := lint.OutputDir(e.Descriptor.API, filepath.Join(p.Dir, "output"))
	if err != nil {
		return nil, fmt.Errorf("reading what %s wrote: %w", p.File, err)
	}
	return append(list, found...), nil
}

func writtenPlan(dir string) ([]byte, diag.List, error) {
	const name = "plan.toml"
	data, err := safefile.Read(dir, name, extension.MaxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, diag.List{rules.PlanTOML.At(diag.Position{File: name}, "the file was removed")}, nil
	case errors.Is(err, safefile.ErrNotRegular), errors.Is(err, safefile.ErrOutside), errors.Is(err, safefile.ErrTooLarge):
		return nil, diag.List{rules.PlanTOML.At(diag.Position{File: name}, "%v", err)}, nil
	case err != nil:
		return nil, nil, fmt.Errorf("reading the plan: %w", err)
	}
	return data, extension.ParsePlan(name, data), nil
}

// buildpackPlan returns the plan that a lifecycle passes to bin/generate when
// buildpacks require everything that the extension provides (Buildpack Interface
// Specification, "Buildpack Plan (TOML)").
func buildpackPlan(buildPlan []byte) (string, error) {
	var b strings.Builder
	for _, name := range extension.Provides(buildPlan) {
		value, err := json.Marshal(name) // a basic string of TOML too
		if err != nil {
			return "", fmt.Errorf("writing the plan: %w", err)
		}
		fmt.Fprintf(&b, "[[entries]]\n  name = %s\n", value)
	}
	return b.String(), nil
}

// firstFile returns the name of a file below dir, "" when there is none.
func firstFile(dir string) string {
	found := ""
	_ = filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err == nil && name != dir {
			found, _ = filepath.Rel(dir, name)
			return fs.SkipAll
		}
		return nil // a folder that is not there is one without files
	})
	return filepath.ToSlash(found)
}

// minor returns the minor version of an api.
func minor(api string) int {
	_, text, _ := strings.Cut(api, ".")
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
