package bake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/safefile"
)

// Job is a build of a Dockerfile that is not part of a plan. Its text comes from
// a stranger: it is built without secrets, agents and privileges.
type Job struct {
	// Name is that of the bake target.
	Name string
	// Dockerfile is the absolute path of the file, and Stage the stage to build,
	// empty for the last one.
	Dockerfile, Stage string
	// Context is the absolute path of the build context.
	Context string
	// Contexts are named contexts. "target:NAME" is the result of another job.
	Contexts map[string]string
	// Layouts are the absolute paths of OCI layouts in Contexts.
	Layouts  []string
	Args     map[string]string
	Platform v1.Platform
	// Output is the absolute path of the tar file to write. A job without one is
	// only built for the jobs that refer to it.
	Output string
	// Image makes Output an OCI layout with the image, instead of its files.
	Image bool
}

// JobResult is how a job went.
type JobResult struct {
	// Err is a [*JobError], or nil. It is nil for jobs without an output.
	Err error
	// Time is from the start of the first step of the job to the end of the last.
	Time time.Duration
}

// JobError is returned for a job whose Dockerfile could not be built.
type JobError struct {
	// Step is the instruction that failed, "" when none did.
	Step string
	// ExitCode is that of a RUN instruction, or 0.
	ExitCode int
	// Message is BuildKit's error.
	Message string
	// Output is the end of what the step printed.
	Output string
}

func (e *JobError) Error() string { return e.Message }

// maxJobsAtOnce is the number of buildx processes of jobs that are built one by
// one.
const maxJobsAtOnce = 4

// Jobs builds all jobs that have an output in one bake. If that fails, it builds
// them one by one, since bake stops at the first failure. It returns the results
// by name; its own error is that nothing could be built. dir is an empty folder
// for the bake file.
func (e *Engine) Jobs(ctx context.Context, jobs []Job, dir string) (map[string]JobResult, error) {
	file, err := writeJobs(jobs, dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, j := range jobs {
		if j.Output != "" {
			names = append(names, j.Name)
		}
	}
	allow, err := allowJobs(jobs)
	if err != nil {
		return nil, err
	}
	results, err := e.runJobs(ctx, file, allow, names, dir)
	var one *JobError
	if err == nil || !errors.As(err, &one) {
		return results, err
	}
	if len(names) == 1 {
		results[names[0]] = JobResult{Err: err, Time: results[names[0]].Time}
		return results, nil
	}
	var mu sync.Mutex
	results = map[string]JobResult{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxJobsAtOnce)
	for _, name := range names {
		group.Go(func() error {
			own, err := e.runJobs(ctx, file, allow, []string{name}, dir)
			if err != nil && !errors.As(err, new(*JobError)) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(results, own)
			results[name] = JobResult{Err: err, Time: own[name].Time}
			return nil
		})
	}
	return results, group.Wait()
}

// writeJobs writes the bake file of jobs.
func writeJobs(jobs []Job, dir string) (string, error) {
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
func allowJobs(jobs []Job) ([]string, error) {
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

// runJobs bakes the named jobs and returns the times of all that were built.
func (e *Engine) runJobs(ctx context.Context, file string, allow, names []string, dir string) (map[string]JobResult, error) {
	args := slices.Concat([]string{"bake", "--file", file, "--progress", "rawjson"}, allow)
	if e.Options.Builder != "" {
		args = append(args, "--builder", e.Options.Builder)
	}
	if e.Options.NoCache {
		args = append(args, "--no-cache")
	}
	cmd := e.WithTemp(dir).Command(ctx, slices.Concat(args, []string{"--"}, names)...)
	cmd.Dir = dir
	said := &jobLog{steps: map[string]*jobStep{}, plain: buildx.TailBuffer{Limit: 64 << 10}}
	lines := &lineWriter{line: said.line}
	cmd.Stderr = lines
	err := cmd.Run()
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	lines.end()
	results := said.times(names)
	if err == nil {
		return results, nil
	}
	return results, said.explain(err, e.Options.Builder)
}
