package exttest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/task"
	"github.com/extpack/extpack/internal/text"
	"github.com/extpack/extpack/internal/unpack"
)

// Paths in the build image. Those of the lifecycle are its defaults (Platform
// Interface Specification, "Lifecycle Interface").
const (
	ownDir           = "/cnb/extpack"
	detectorBin      = "/cnb/lifecycle/detector"
	testBuildpackID  = "extpack/buildpack"
	testBuildpackDir = "/cnb/buildpacks/extpack_buildpack/1.0.0"
	recorderID       = "extpack/recorder"
	recorderDir      = "/cnb/extensions/extpack_recorder/1.0.0"
)

// detectStages runs the detector. It never fails: the exit code is exported.
//
// The application and the layers directory are the user's, as in a build; the
// platform directory and the test buildpack are root's.
const detectStages = `FROM scratch AS folders
WORKDIR /out
WORKDIR /tmp

FROM ${BUILD_IMAGE} AS detect
USER 0:0
COPY --from=folders --chmod=1777 /tmp /tmp
COPY --from=folders --chmod=0777 /out /cnb/extpack/out
`

// runDetector is the stage of a run, with its number as %[1]d.
const runDetector = `
FROM detect AS run-%[1]d
ARG BUILD_USER
COPY --chown=${BUILD_USER} run-%[1]d/context/app /workspace
COPY run-%[1]d/context/root /
COPY --chown=${BUILD_USER} run-%[1]d/context/layers /layers
USER ${BUILD_USER}
WORKDIR /workspace
RUN ["/bin/sh", "-c", "/cnb/lifecycle/detector -app /workspace -layers /layers -platform /platform -order /cnb/extpack/order.toml >/cnb/extpack/out/output 2>&1; echo $? >/cnb/extpack/out/code; cd /cnb/extensions; for d in */*/generate; do [ -e \"${d%%generate}bin/generate\" ] || echo \"${d%%%%/*}\"; done >/cnb/extpack/out/static"]
`

// exportDetected copies what the detector of a run left.
const exportDetected = `COPY --from=run-%[1]d /layers /run-%[1]d/layers
COPY --from=run-%[1]d /workspace /run-%[1]d/app
COPY --from=run-%[1]d /cnb/extpack/out /run-%[1]d/out
`

// maxDetectGroup is the number of runs that one job detects for.
const maxDetectGroup = 10

// detectGroup are runs that one job detects for: the same images and extensions
// on the same platform.
type detectGroup struct {
	key  string
	runs []*run
	job  task.Job
}

// detectKey returns what the runs of a group have in common.
func (r *run) detectKey() string {
	parts := []string{r.Platform, r.build.ref, r.api}
	if r.lifecycle != nil {
		parts = append(parts, r.lifecycle.ref)
	}
	for _, o := range r.order {
		parts = append(parts, o.Layout+"@"+o.digest.String())
	}
	return strings.Join(parts, " ")
}

// detectGroups returns the groups of the runs that have not ended.
func (r *runner) detectGroups() []*detectGroup {
	var groups []*detectGroup
	open := map[string]*detectGroup{}
	for _, one := range r.runs {
		if one.ended() {
			continue
		}
		key := one.detectKey()
		g := open[key]
		if g == nil || len(g.runs) == maxDetectGroup {
			g = &detectGroup{key: key}
			open[key] = g
			groups = append(groups, g)
		}
		g.runs = append(g.runs, one)
	}
	return groups
}

// detect runs the detector for all runs in one bake.
func (r *runner) detect(ctx context.Context) error {
	groups := r.detectGroups()
	var jobs []task.Job
	runs := 0
	for i, g := range groups {
		if err := g.write(r.dir, i); err != nil {
			return err
		}
		jobs, runs = append(jobs, g.job), runs+len(g.runs)
	}
	if runs > 0 {
		r.Log("running detect and generate of %s", text.Count(runs, "case"))
	}
	built, err := r.build(ctx, jobs, "detect")
	if err != nil {
		return err
	}
	for i, g := range groups {
		result := built[g.job.Name]
		dir := filepath.Join(r.dir, "detected-"+strconv.Itoa(i))
		if len(result.Failed) == 0 {
			if err := os.Mkdir(dir, 0o700); err != nil {
				return fmt.Errorf("creating temporary folder: %w", err)
			}
			if err := unpack.Output(ctx, g.job.Output, dir); err != nil {
				return fmt.Errorf("reading the output of the detector: %w", err)
			}
		}
		for _, one := range g.runs {
			one.Time += result.Time / time.Duration(len(g.runs))
			if len(result.Failed) > 0 {
				if err := one.detectorFailed(result.Failed[0]); err != nil {
					return err
				}
				continue
			}
			if err := one.readDetected(filepath.Join(dir, filepath.Base(one.dir))); err != nil {
				return err
			}
		}
	}
	return nil
}

// build builds jobs in a new folder.
func (r *runner) build(ctx context.Context, jobs []task.Job, name string) (map[string]task.Result, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	dir := filepath.Join(r.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating temporary folder: %w", err)
	}
	return r.Builder.Jobs(ctx, jobs, dir)
}

// detectorFailed explains why the detector was not started.
func (r *run) detectorFailed(step task.FailedStep) error {
	if strings.Contains(step.Message+step.Output, "exec format error") {
		r.Status, r.Reason = NotRun, "the builder cannot run programs for "+r.Platform+", neither natively nor by emulation"
		return nil
	}
	if strings.Contains(step.Name, detectorBin) && noShell.Get().MatchString(step.Message+step.Output) {
		return diag.WithHint(diag.Invalidf("%s cannot run the lifecycle: it has no /bin/sh", r.build.name), "name a builder image of Cloud Native Buildpacks with --builder-image")
	}
	return fmt.Errorf("detecting for %s: %s", r.Platform, strings.TrimSpace(step.Message))
}

// write writes the contexts and the Dockerfile of a group below dir, which is the
// build context.
func (g *detectGroup) write(dir string, n int) error {
	first := g.runs[0]
	uid, gid, err := first.build.user()
	if err != nil {
		return err
	}
	name := "detect-" + strconv.Itoa(n)
	g.job = task.Job{
		Name: name, Dockerfile: filepath.Join(dir, name+".Dockerfile"), Context: dir, Platform: first.platform,
		Contexts: map[string]string{}, Args: map[string]string{"BUILD_USER": uid + ":" + gid},
		Output: filepath.Join(dir, name+".tar"),
	}
	first.build.use(&g.job, "BUILD_IMAGE", "build-image")
	var file, exports strings.Builder
	file.WriteString("ARG BUILD_IMAGE\n")
	if first.lifecycle != nil {
		file.WriteString("ARG LIFECYCLE\nFROM ${LIFECYCLE} AS lifecycle\n")
		first.lifecycle.use(&g.job, "LIFECYCLE", "lifecycle-image")
	}
	file.WriteString(detectStages)
	if first.lifecycle != nil {
		file.WriteString("COPY --from=lifecycle /cnb/lifecycle /cnb/lifecycle\n")
	}
	fmt.Fprintf(&file, "ENV CNB_PLATFORM_API=%s CNB_EXPERIMENTAL_MODE=warn CNB_LOG_LEVEL=debug CNB_NO_COLOR=true\n", first.api)
	for i, o := range first.order {
		name := "package-" + strconv.Itoa(i)
		g.job.Contexts[name] = layoutContext(o.Layout, o.digest)
		g.job.Layouts = append(g.job.Layouts, o.Layout)
		file.WriteString("COPY --from=" + name + " /cnb/extensions /cnb/extensions\n")
	}
	for _, one := range g.runs {
		if err := one.writeContext(filepath.Join(one.dir, "context")); err != nil {
			return err
		}
		fmt.Fprintf(&file, runDetector, one.n)
		fmt.Fprintf(&exports, exportDetected, one.n)
	}
	file.WriteString("\nFROM scratch\n" + exports.String())
	if err := os.WriteFile(g.job.Dockerfile, []byte(file.String()), 0o600); err != nil {
		return fmt.Errorf("writing Dockerfile: %w", err)
	}
	return nil
}
