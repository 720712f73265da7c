package exttest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/extpack/extpack/internal/task"
	"github.com/extpack/extpack/internal/text"
)

// maxExportGroup is the number of runs that one job exports for.
const maxExportGroup = 20

// maxGroupRounds is the number of bakes in which cases are built together.
const maxGroupRounds = 2

// exportGroup are runs on a platform for which one job exports the files that
// cases assert and runs their commands.
type exportGroup struct {
	runs []*run
	job  task.Job
	// alone is whether the group has one run, whose Dockerfile may fail.
	alone bool
}

// extend judges what the detector left, and builds the Dockerfiles of all runs in
// one bake. A case that says that a Dockerfile fails is built alone. If the
// Dockerfile of another one fails, those that were not built because of it are
// built in a second bake, and what is left after that one by one.
func (r *runner) extend(ctx context.Context) error {
	var runs []*run
	for _, one := range r.runs {
		if one.ended() || one.detected == nil {
			continue
		}
		needed, err := one.checkDetected(r.Update)
		if err == nil && needed {
			needed, err = r.prepare(ctx, one)
		}
		if err != nil {
			return err
		}
		if needed {
			runs = append(runs, one)
		}
	}
	for round := 0; len(runs) > 0; round++ {
		r.Log("extending the images of %s", text.Count(len(runs), "case"))
		var err error
		if runs, err = r.export(ctx, exportGroups(runs, round < maxGroupRounds), "extend-"+strconv.Itoa(round)); err != nil {
			return err
		}
	}
	return nil
}

// exportGroups returns groups of runs, or each run alone.
func exportGroups(runs []*run, together bool) []*exportGroup {
	var groups []*exportGroup
	open := map[string]*exportGroup{}
	for _, one := range runs {
		if !together || one.test.Fails != nil {
			groups = append(groups, &exportGroup{runs: []*run{one}, alone: true})
			continue
		}
		g := open[one.Platform]
		if g == nil || len(g.runs) == maxExportGroup {
			g = &exportGroup{}
			open[one.Platform] = g
			groups = append(groups, g)
		}
		g.runs = append(g.runs, one)
	}
	return groups
}

// export builds the jobs of groups in a new folder and checks what they exported.
// It returns the runs that were not built because another one of their group
// failed.
func (r *runner) export(ctx context.Context, groups []*exportGroup, name string) ([]*run, error) {
	var jobs []task.Job
	for i, g := range groups {
		if err := g.write(r.dir, name+"-"+strconv.Itoa(i)); err != nil {
			return nil, err
		}
		for _, one := range g.runs {
			for _, job := range one.extended.jobs {
				job.Alone = g.alone
				if !slices.ContainsFunc(jobs, func(j task.Job) bool { return j.Name == job.Name }) {
					jobs = append(jobs, job)
				}
			}
		}
		jobs = append(jobs, g.job)
	}
	built, err := r.build(ctx, jobs, name)
	if err != nil {
		return nil, err
	}
	var left []*run
	for _, g := range groups {
		more, err := g.check(ctx, built)
		if err != nil {
			return nil, err
		}
		left = append(left, more...)
	}
	return left, nil
}

// check checks what the job of a group exported. It returns the runs that were not
// built, although none of their steps failed.
func (g *exportGroup) check(ctx context.Context, built map[string]task.Result) ([]*run, error) {
	result := built[g.job.Name]
	var files map[string]exported
	if len(result.Failed) == 0 {
		var err error
		if files, err = readExport(ctx, g.job.Output); err != nil {
			return nil, fmt.Errorf("reading what was exported: %w", err)
		}
	}
	var left []*run
	for _, one := range g.runs {
		one.Time += result.Time / time.Duration(len(g.runs))
		for _, job := range one.extended.jobs {
			one.Time += built[job.Name].Time
		}
		failed := result.Failed
		if len(g.runs) > 1 {
			failed = slices.DeleteFunc(slices.Clone(failed), func(s task.FailedStep) bool { return !one.has(s) })
		}
		if len(failed) == 0 && len(result.Failed) > 0 {
			left = append(left, one)
			continue
		}
		one.checkExtended(files, failed)
	}
	return left, nil
}

// has reports whether a step is one of the run: of a Dockerfile of its extensions,
// or of a stage that checks the case.
func (r *run) has(step task.FailedStep) bool {
	return slices.ContainsFunc(r.extended.jobs, func(j task.Job) bool { return j.Name == step.Job }) ||
		slices.ContainsFunc(stepWords(step), func(word string) bool { return strings.HasPrefix(word, r.name()+"-") })
}

// exports returns the kinds of images that are built or read for a case.
func (r *run) exports() []kind {
	var kinds []kind
	for _, k := range []kind{buildKind, runKind} {
		target, checks := r.imageOf(k)
		if target.job != "" || len(checks.Files)+len(checks.Commands) > 0 {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// write writes the Dockerfile of the job of a group below dir. The job depends
// on the images, so that they are built.
func (g *exportGroup) write(dir, name string) error {
	g.job = task.Job{
		Name: name, Dockerfile: filepath.Join(dir, "exports", name), Context: filepath.Join(g.runs[0].dir, "context"),
		Platform: g.runs[0].platform, Contexts: map[string]string{}, Args: map[string]string{}, Output: filepath.Join(dir, name+".tar"),
		Alone: g.alone,
	}
	var args, stages, copies strings.Builder
	for _, one := range g.runs {
		for _, k := range one.exports() {
			target, _ := one.imageOf(k)
			arg := fmt.Sprintf("IMAGE_%d_%s", one.n, k)
			fmt.Fprintf(&args, "ARG %s\n", arg)
			if target.job == "" {
				target.base.use(&g.job, arg, fmt.Sprintf("image-%d-%s", one.n, k))
			} else {
				g.job.Args[arg] = "extended-" + target.job
				g.job.Contexts["extended-"+target.job] = "target:" + target.job
			}
			fmt.Fprintf(&stages, "FROM ${%s} AS %s\n", arg, one.stage(k))
		}
		stages.WriteString(one.exportStages())
		fmt.Fprintf(&copies, "COPY --from=%[1]s / /%[1]s/\n", one.name())
	}
	file := args.String() + "FROM scratch AS folders\nWORKDIR /out\n" + stages.String() + "FROM scratch\n" + copies.String()
	return writeDockerfile(g.job.Dockerfile, []byte(file))
}

// name is that of the stage, and of the folder, with what is exported for a run.
func (r *run) name() string { return "run-" + strconv.Itoa(r.n) }

// stage returns the name of the stage of an image.
func (r *run) stage(k kind) string { return r.name() + "-" + string(k) }

// commandStage returns the name of the stage that runs a command of the case.
func (r *run) commandStage(k kind, i int) string { return r.stage(k) + "-command-" + strconv.Itoa(i) }

// exportStages returns the stages that run the commands of a case, and the one
// with what is exported.
func (r *run) exportStages() string {
	var commands, copies strings.Builder
	for _, k := range r.exports() {
		_, checks := r.imageOf(k)
		stage := r.stage(k)
		// A pattern that matches nothing still causes the image to be built.
		fmt.Fprintf(&copies, "COPY --from=%s /extpack-none* /%s/\n", stage, k)
		for i, f := range checks.Files {
			fmt.Fprintf(&copies, "COPY --from=%s %s /%s/file-%d/\n", stage, optional(f.Path), k, i)
		}
		for i, c := range checks.Commands {
			own := r.commandStage(k, i)
			fmt.Fprintf(&commands, "FROM %s AS %s\nCOPY --from=folders --chmod=0777 /out /cnb/extpack/out\nRUN %s\n", stage, own, wrap(c.Run))
			fmt.Fprintf(&copies, "COPY --from=%s /cnb/extpack/out /%s/command-%d/\n", own, k, i)
		}
	}
	return commands.String() + "FROM scratch AS " + r.name() + "\n" + copies.String()
}
