package smoke

import (
	"context"
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
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/scratch"
)

// try runs a program and checks what it wrote by the rules for static files.
func (o Options) try(ctx context.Context, e *plan.Extension, p Program) (Outcome, diag.List, error) {
	temp, err := scratch.New()
	if err != nil {
		return Outcome{}, nil, err
	}
	defer temp.Remove()
	p.Dir = filepath.Join(temp.Path, "run")
	if err := os.Mkdir(p.Dir, 0o700); err != nil {
		return Outcome{}, nil, fmt.Errorf("creating temporary folder: %w", err)
	}
	outcome, err := o.Start(ctx, p)
	if err != nil || outcome.Fault != "" || outcome.ExitCode != 0 {
		return outcome, nil, err
	}
	found, err := written(e, p)
	return outcome, found, err
}

// written checks what a program left in its folder.
func written(e *plan.Extension, p Program) (diag.List, error) {
	if p.File == entryPoints[0] {
		return writtenPlan(p.Dir)
	}
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

func writtenPlan(dir string) (diag.List, error) {
	const name = "plan.toml"
	data, err := safefile.Read(dir, name, extension.MaxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return diag.List{rules.PlanTOML.At(diag.Position{File: name}, "the file was removed")}, nil
	case errors.Is(err, safefile.ErrNotRegular), errors.Is(err, safefile.ErrOutside), errors.Is(err, safefile.ErrTooLarge):
		return diag.List{rules.PlanTOML.At(diag.Position{File: name}, "%v", err)}, nil
	case err != nil:
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	return extension.ParsePlan(name, data), nil
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
