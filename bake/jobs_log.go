package bake

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/task"
)

// progressStatus is the part of a line of buildx's progress (--progress rawjson)
// that is read: steps, warnings and the output of steps.
type progressStatus struct {
	Vertexes []struct {
		Digest, Name, Error string
		Started, Completed  *time.Time
	}
	Warnings []struct{ Short []byte }
	Logs     []struct {
		Vertex string
		Data   []byte
	}
}

// parseProgress parses a line of buildx's progress. Lines of text are among them.
func parseProgress(line []byte) (status progressStatus, ok bool) {
	ok = bytes.HasPrefix(line, []byte("{")) && json.Unmarshal(line, &status) == nil
	return status, ok
}

// lineWriter calls line for each line that is written to it.
type lineWriter struct {
	line func([]byte)
	rest []byte
}

// maxProgressLine limits the length of a line.
const maxProgressLine = 16 << 20

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			break
		}
		w.line(line)
		w.rest = rest
	}
	if len(w.rest) > maxProgressLine {
		w.end()
	}
	return len(p), nil
}

// end processes the last, unterminated line.
func (w *lineWriter) end() {
	w.line(w.rest)
	w.rest = nil
}

// jobLog collects the steps of a bake from buildx's progress.
type jobLog struct {
	// jobs are the names of the jobs of the bake.
	jobs  []string
	steps map[string]*jobStep
	order []string
	plain buildx.TailBuffer
}

type jobStep struct {
	name, err        string
	started, stopped time.Time
	output           buildx.TailBuffer
}

// maxStepOutput is how much of the output of a step is kept.
const maxStepOutput = 16 << 10

func (l *jobLog) step(digest string) *jobStep {
	s, ok := l.steps[digest]
	if !ok {
		s = &jobStep{output: buildx.TailBuffer{Limit: maxStepOutput}}
		l.steps[digest] = s
		l.order = append(l.order, digest)
	}
	return s
}

func (l *jobLog) line(line []byte) {
	status, ok := parseProgress(line)
	if !ok {
		_, _ = l.plain.Write(append(line, '\n'))
		return
	}
	for _, v := range status.Vertexes {
		s := l.step(v.Digest)
		s.name = v.Name
		if v.Error != "" {
			s.err = v.Error
		}
		if v.Started != nil && s.started.IsZero() {
			s.started = *v.Started
		}
		if v.Completed != nil {
			s.stopped = *v.Completed
		}
	}
	for _, entry := range status.Logs {
		_, _ = l.step(entry.Vertex).output.Write(entry.Data)
	}
}

// job returns the job of the step with a name, or "". If there are several jobs,
// it is the first word in the brackets of the name.
func (l *jobLog) job(step string) string {
	if len(l.jobs) == 1 {
		return l.jobs[0]
	}
	text, ok := strings.CutPrefix(step, "[")
	end := strings.IndexAny(text, " ]")
	if !ok || end < 0 || !slices.Contains(l.jobs, text[:end]) {
		return ""
	}
	return text[:end]
}

// times returns the time of each job.
func (l *jobLog) times() map[string]time.Duration {
	first, last := map[string]time.Time{}, map[string]time.Time{}
	for _, s := range l.steps {
		job := l.job(s.name)
		if s.started.IsZero() || s.stopped.IsZero() || job == "" {
			continue
		}
		if t, ok := first[job]; !ok || s.started.Before(t) {
			first[job] = s.started
		}
		if s.stopped.After(last[job]) {
			last[job] = s.stopped
		}
	}
	times := map[string]time.Duration{}
	for job, t := range first {
		times[job] = last[job].Sub(t)
	}
	return times
}

// canceled matches the errors of steps that ended because another one failed.
var canceled = lazyregexp.New(`(?i)context canceled|\bCanceled\b`)

// failed returns the steps that failed, or an error of buildx.
func (l *jobLog) failed(err error, builder string) ([]task.FailedStep, error) {
	var failed []task.FailedStep
	for _, digest := range l.order {
		s := l.steps[digest]
		if s.err == "" || canceled.Get().MatchString(s.err) {
			continue
		}
		step := task.FailedStep{Job: l.job(s.name), Name: s.name, Message: s.err, Output: s.output.String()}
		if m := exitCode.Get().FindStringSubmatch(s.err); m != nil {
			step.ExitCode, _ = strconv.Atoi(m[1])
		}
		failed = append(failed, step)
	}
	if len(failed) > 0 {
		return failed, nil
	}
	text := l.plain.String()
	line := errorLine.Get().FindStringSubmatch(text)
	if line != nil {
		if m := jobFault.Get().FindStringSubmatch(line[1]); m != nil {
			step := task.FailedStep{Job: m[1], Message: line[1]}
			if len(l.jobs) == 1 {
				step.Job = l.jobs[0]
			}
			return []task.FailedStep{step}, nil
		}
	}
	err = buildx.Explain(err, text)
	var failure *buildx.BuildError
	if errors.As(err, &failure) {
		failure.Said = strings.TrimSpace(text)
		if line != nil {
			failure.Said = line[1]
		}
	}
	return nil, buildx.ForBuilder(err, builder)
}

// jobFault matches errors of the Dockerfile frontend, which have no step.
var jobFault = lazyregexp.New(`^(?:target (\S+): )?failed to solve: `)
