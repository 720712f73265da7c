package exttest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/task"
)

// extended is what the Dockerfiles made.
type extended struct {
	build, run *image
	// jobs extend them.
	jobs []task.Job
}

// image is an extended image.
type image struct {
	base *base
	// job is the last job that extends it, "" if there is none.
	job    string
	config config
	// switched is whether the run image is another one.
	switched bool
}

// prepare makes the jobs that extend the images of a run. It reports whether
// something has to be built for the case.
func (r *runner) prepare(ctx context.Context, one *run) (bool, error) {
	one.extended = &extended{build: &image{base: one.build}, run: &image{base: one.runImage}}
	r.switchRunImage(ctx, one)
	made := r.made
	if r.Keep != "" {
		made = map[string]task.Job{} // each run exports its images
	}
	var jobs []task.Job
	for _, k := range []kind{buildKind, runKind} {
		files, err := one.dockerfiles(k)
		if err != nil {
			return false, err
		}
		target := one.extended.build
		if k == runKind {
			target = one.extended.run
			if !one.detected.analyzed.RunImage.Extend {
				files = nil
			}
		}
		own, err := one.chain(k, target, files, made)
		if err != nil {
			return false, err
		}
		jobs = append(jobs, own...)
	}
	if one.ended() {
		return false, nil
	}
	one.checkConfigs()
	r.keepImages(one, jobs)
	one.extended.jobs = jobs
	return len(one.exports()) > 0, nil
}

// switchRunImage resolves the run image that extensions switch to.
func (r *runner) switchRunImage(ctx context.Context, one *run) {
	name := one.detected.analyzed.RunImage.Image
	if name == "" || name == one.runImage.name {
		return
	}
	found, err := r.bases.resolve(ctx, name, one.platform)
	if err != nil {
		one.fail(one.Position, "", "run.Dockerfile switches the run image to %s: %v", name, err)
		return
	}
	one.extended.run = &image{base: found, switched: true}
}

// chain returns a job for each Dockerfile, each on the result of the one
// before. Runs share jobs that are equal.
func (r *run) chain(k kind, target *image, files []generated, made map[string]task.Job) ([]task.Job, error) {
	target.config = newConfig(target.base.config)
	ownerUID, ownerGID, err := r.build.user()
	if err != nil {
		return nil, err
	}
	var jobs []task.Job
	for i, g := range files {
		name := string(k) + "-" + strconv.Itoa(r.n) + "-" + strconv.Itoa(i)
		uid, gid := target.config.ids()
		args := map[string]string{"build_id": buildID, "user_id": uid, "group_id": gid}
		for name, value := range g.args {
			args[name] = value
		}
		job := task.Job{
			Name: name, Dockerfile: filepath.Join(r.dir, "dockerfiles", name), Context: g.context, Args: args, Platform: r.platform,
			Contexts: map[string]string{},
		}
		if target.job == "" {
			target.base.use(&job, "base_image", "base")
		} else {
			args["base_image"] = "base"
			job.Contexts["base"] = "target:" + target.job
		}
		text := withOwner(withoutSyntax(g.data), g.file, ownerUID, ownerGID)
		tree, err := treeDigest(g.context)
		if err != nil {
			return nil, err
		}
		key := fmt.Sprintf("%s %s %q %v %s %q", k, r.Platform, args, job.Contexts, tree, text)
		if same, ok := made[key]; ok {
			job = same
		} else if err := writeDockerfile(job.Dockerfile, text); err != nil {
			return nil, err
		}
		made[key] = job
		if err := target.config.apply(g.file, args); err != nil {
			r.fail(r.Position, "", "%s: %s: %v", g.extension, g.name, err)
		}
		target.job = job.Name
		jobs = append(jobs, job)
	}
	return jobs, nil
}

func (r *run) imageOf(k kind) (*image, *extension.ImageChecks) {
	if k == runKind {
		return r.extended.run, &r.test.Run
	}
	return r.extended.build, &r.test.Build
}

// names of the extensions that the lifecycle chose, without those that it did
// not.
func (r *run) inGroup(id string) bool { return slices.Contains(r.detected.extensions, id) }
