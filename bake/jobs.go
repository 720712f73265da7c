package bake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/task"
)

const (
	// maxJobsAtOnce is the number of buildx processes of jobs that are built one
	// by one.
	maxJobsAtOnce = 4
	// maxJobRounds is the number of bakes of several jobs.
	maxJobRounds = 2
)

// Jobs builds all jobs that have an output in one bake. Bake stops at the first
// failure, so a second one builds those that did not fail; if one of these fails
// too, the rest are built one by one, as are jobs that are expected to fail. It
// returns the results by name; its own error is that nothing could be built. dir
// is an empty folder for the bake file.
func (e *Engine) Jobs(ctx context.Context, jobs []task.Job, dir string) (map[string]task.Result, error) {
	file, err := writeJobs(jobs, dir)
	if err != nil {
		return nil, err
	}
	allow, err := allowJobs(jobs)
	if err != nil {
		return nil, err
	}
	r := &jobRunner{engine: e, file: file, dir: dir, allow: allow, jobs: map[string]task.Job{}, results: map[string]task.Result{}}
	var together, alone []string
	for _, j := range jobs {
		r.jobs[j.Name] = j
		switch {
		case j.Output == "":
		case j.Alone:
			alone = append(alone, j.Name)
		default:
			together = append(together, j.Name)
		}
	}
	for round := 0; round < maxJobRounds && len(together) > 1; round++ {
		if together, err = r.bake(ctx, together); err != nil {
			return nil, err
		}
	}
	return r.results, r.each(ctx, slices.Concat(together, alone))
}

// jobRunner builds the jobs of a bake file.
type jobRunner struct {
	engine    *Engine
	file, dir string
	allow     []string
	jobs      map[string]task.Job
	mu        sync.Mutex
	results   map[string]task.Result
}

// bake builds the named jobs in one bake. It returns those that were not built,
// although none of their steps failed.
func (r *jobRunner) bake(ctx context.Context, names []string) (left []string, err error) {
	failed, err := r.run(ctx, names)
	if err != nil || len(failed) == 0 {
		return nil, err
	}
	for _, name := range names {
		needed := r.needs(name)
		own := slices.DeleteFunc(slices.Clone(failed), func(s task.FailedStep) bool { return !slices.Contains(needed, s.Job) })
		if len(own) == 0 {
			left = append(left, name)
			continue
		}
		r.results[name] = task.Result{Failed: own, Time: r.results[name].Time}
	}
	return left, nil
}

// each builds the named jobs in a bake each.
func (r *jobRunner) each(ctx context.Context, names []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxJobsAtOnce)
	for _, name := range names {
		group.Go(func() error {
			failed, err := r.run(ctx, []string{name})
			r.mu.Lock()
			defer r.mu.Unlock()
			r.results[name] = task.Result{Failed: failed, Time: r.results[name].Time}
			return err
		})
	}
	return group.Wait()
}

// needs returns the names of a job and of all jobs that it refers to.
func (r *jobRunner) needs(name string) []string {
	all := []string{name}
	for i := 0; i < len(all); i++ {
		for _, value := range r.jobs[all[i]].Contexts {
			if other, ok := strings.CutPrefix(value, "target:"); ok && !slices.Contains(all, other) {
				all = append(all, other)
			}
		}
	}
	return all
}

// writeJobs writes the bake file of jobs.
func writeJobs(jobs []task.Job, dir string) (string, error) {
	f := hcl.New()
	for _, j := range jobs {
		b := f.Block("target", j.Name)
		b.String("context", j.Context)
		b.String("dockerfile", j.Dockerfile)
		if j.Stage != "" {
			b.String("target", j.Stage)
		}
		if len(j.Contexts) > 0 {
			b.Map("contexts", j.Contexts)
		}
		if len(j.Args) > 0 {
			b.Map("args", j.Args)
		}
		if !platform.IsZero(j.Platform) {
			b.Strings("platforms", []string{platform.Format(j.Platform)})
		}
		if j.Output != "" {
			kind := "tar"
			if j.Image {
				kind = "oci"
			}
			b.Strings("output", []string{"type=" + kind + `,"dest=` + strings.ReplaceAll(j.Output, `"`, `""`) + `"`})
		}
		b.Strings("attest", []string{"type=provenance,disabled=true"})
		f.Newline()
	}
	name := filepath.Join(dir, FileName)
	if err := os.WriteFile(name, f.Bytes(), 0o600); err != nil {
		return "", fmt.Errorf("writing bake file: %w", err)
	}
	return name, nil
}

// allowJobs returns the flags that grant jobs the files they read and write.
func allowJobs(jobs []task.Job) ([]string, error) {
	var args []string
	add := func(kind, name string) error {
		dir, err := safefile.Real(name)
		if err != nil {
			return fmt.Errorf("resolving %s: %w", name, err)
		}
		if grant := kind + "=" + dir; !slices.Contains(args, grant) {
			args = append(args, "--allow", grant)
		}
		return nil
	}
	for _, j := range jobs {
		errs := []error{add("fs.read", j.Context), add("fs.read", filepath.Dir(j.Dockerfile))}
		for _, layout := range j.Layouts {
			errs = append(errs, add("fs.read", layout))
		}
		if j.Output != "" {
			errs = append(errs, add("fs.write", filepath.Dir(j.Output)))
		}
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// run bakes the named jobs, adds the times of all that were built, and returns
// the steps that failed. Its error is that of a build that has no such step.
func (r *jobRunner) run(ctx context.Context, names []string) ([]task.FailedStep, error) {
	e := r.engine
	args := slices.Concat([]string{"bake", "--file", r.file, "--progress", "rawjson"}, r.allow)
	if e.Options.Builder != "" {
		args = append(args, "--builder", e.Options.Builder)
	}
	if e.Options.NoCache {
		args = append(args, "--no-cache")
	}
	cmd := e.WithTemp(r.dir).Command(ctx, slices.Concat(args, []string{"--"}, names)...)
	cmd.Dir = r.dir
	said := &jobLog{steps: map[string]*jobStep{}, plain: buildx.TailBuffer{Limit: 64 << 10}}
	for _, name := range names {
		said.jobs = append(said.jobs, r.needs(name)...)
	}
	lines := &lineWriter{line: said.line}
	cmd.Stderr = lines
	err := cmd.Run()
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	lines.end()
	r.mu.Lock()
	for name, t := range said.times() {
		known := r.results[name]
		known.Time += t
		r.results[name] = known
	}
	r.mu.Unlock()
	if err == nil {
		return nil, nil
	}
	return said.failed(err, e.Options.Builder)
}
