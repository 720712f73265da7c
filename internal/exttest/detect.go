package exttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/safefile"
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
	job  Job
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
	var jobs []Job
	for i, g := range groups {
		if err := g.write(r.dir, i); err != nil {
			return err
		}
		jobs = append(jobs, g.job)
	}
	built, err := r.build(ctx, jobs, "detect")
	if err != nil {
		return err
	}
	for i, g := range groups {
		result := built[g.job.Name]
		dir := filepath.Join(r.dir, "detected-"+strconv.Itoa(i))
		if result.Err == nil {
			if err := os.Mkdir(dir, 0o700); err != nil {
				return fmt.Errorf("creating temporary folder: %w", err)
			}
			if err := unpack.Output(ctx, g.job.Output, dir); err != nil {
				return fmt.Errorf("reading what the detector left: %w", err)
			}
		}
		for _, one := range g.runs {
			one.Time += result.Time / time.Duration(len(g.runs))
			if result.Err != nil {
				if err := one.detectorFailed(result.Err); err != nil {
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
func (r *runner) build(ctx context.Context, jobs []Job, name string) (map[string]JobResult, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	dir := filepath.Join(r.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating temporary folder: %w", err)
	}
	return r.Builder.Build(ctx, jobs, dir)
}

// detectorFailed explains why the detector was not started.
func (r *run) detectorFailed(err error) error {
	var step *StepError
	if !errors.As(err, &step) {
		return err
	}
	if strings.Contains(step.Message+step.Output, "exec format error") {
		r.Status, r.Reason = NotRun, "the builder cannot run programs for "+r.Platform+", neither itself nor by emulation"
		return nil
	}
	if strings.Contains(step.Step, detectorBin) {
		return diag.WithHint(diag.Invalidf("%s cannot run the lifecycle: %s", r.build.name, step.Message), "a build image needs /bin/sh")
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
	g.job = Job{
		Name: name, Dockerfile: filepath.Join(dir, name+".Dockerfile"), Context: dir, Platform: first.platform,
		Contexts: map[string]string{}, Args: map[string]string{"BUILD_IMAGE": first.build.ref, "BUILD_USER": uid + ":" + gid},
		Output: filepath.Join(dir, name+".tar"),
	}
	var text, exports strings.Builder
	text.WriteString("ARG BUILD_IMAGE\n")
	if first.lifecycle != nil {
		text.WriteString("ARG LIFECYCLE\nFROM ${LIFECYCLE} AS lifecycle\n")
		g.job.Args["LIFECYCLE"] = first.lifecycle.ref
	}
	text.WriteString(detectStages)
	if first.lifecycle != nil {
		text.WriteString("COPY --from=lifecycle /cnb/lifecycle /cnb/lifecycle\n")
	}
	fmt.Fprintf(&text, "ENV CNB_PLATFORM_API=%s CNB_EXPERIMENTAL_MODE=warn CNB_LOG_LEVEL=debug CNB_NO_COLOR=true\n", first.api)
	for i, o := range first.order {
		name := "package-" + strconv.Itoa(i)
		g.job.Contexts[name] = "oci-layout://" + filepath.ToSlash(o.Layout) + "@" + o.digest.String()
		g.job.Layouts = append(g.job.Layouts, o.Layout)
		text.WriteString("COPY --from=" + name + " /cnb/extensions /cnb/extensions\n")
	}
	for _, one := range g.runs {
		if err := one.writeContext(filepath.Join(one.dir, "context")); err != nil {
			return err
		}
		fmt.Fprintf(&text, runDetector, one.n)
		fmt.Fprintf(&exports, exportDetected, one.n)
	}
	text.WriteString("\nFROM scratch\n" + exports.String())
	if err := os.WriteFile(g.job.Dockerfile, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("writing Dockerfile: %w", err)
	}
	return nil
}

// writeContext writes the files that the detector reads: the application, the
// platform directory, the order, the test buildpack and analyzed.toml.
func (r *run) writeContext(dir string) error {
	if err := r.copyApp(filepath.Join(dir, "app")); err != nil {
		return err
	}
	files := map[string][]byte{
		"root" + testBuildpackDir + "/buildpack.toml": []byte("api = \"0.10\"\n[buildpack]\nid = \"" + testBuildpackID + "\"\nversion = \"1.0.0\"\n[[targets]]\n"),
		"root" + testBuildpackDir + "/bin/detect":     []byte(fmt.Sprintf(copyScript, "$CNB_BUILDPACK_DIR/plan.toml", "$CNB_BUILD_PLAN_PATH")),
		"root" + testBuildpackDir + "/bin/build":      []byte("#!/bin/sh\n"),
		"root" + recorderDir + "/extension.toml":      []byte("api = \"0.10\"\n[extension]\nid = \"" + recorderID + "\"\nversion = \"1.0.0\"\n"),
		"root" + recorderDir + "/bin/generate":        []byte(fmt.Sprintf(copyScript, "/layers/plan.toml", ownDir+"/out/plan.toml")),
	}
	plan := map[string]any{}
	if len(r.test.Requires) > 0 {
		plan["requires"] = r.test.Requires
	}
	for name, value := range map[string]any{
		"root" + testBuildpackDir + "/plan.toml": plan,
		"root" + ownDir + "/order.toml":          r.orderTOML(),
		"layers/analyzed.toml":                   r.analyzedTOML(),
	} {
		data, err := toml.Marshal(value)
		if err != nil {
			return fmt.Errorf("writing %s: %w", path.Base(name), err)
		}
		files[name] = data
	}
	for name, value := range r.test.Env {
		files["root/platform/env/"+name] = []byte(value)
	}
	if err := os.MkdirAll(filepath.Join(dir, "root", "platform", "env"), 0o755); err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	for name, data := range files {
		mode := fs.FileMode(0o644)
		if path.Base(path.Dir(name)) == "bin" {
			mode = 0o755
		}
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("creating temporary folder: %w", err)
		}
		if err := os.WriteFile(name, data, mode); err != nil {
			return fmt.Errorf("writing the context of a test: %w", err)
		}
	}
	return nil
}

// copyScript copies a file with what the shell itself has.
const copyScript = `#!/bin/sh
while IFS= read -r line; do
	printf '%%s\n' "$line"
done <"%s" >"%s"
`

// copyApp copies the application of a case.
func (r *run) copyApp(to string) error {
	app := r.test.App
	if app.Value == "" {
		return os.MkdirAll(to, 0o755)
	}
	name, err := r.subject.below(r.test, app)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(r.subject.Dir)
	if err != nil {
		return fmt.Errorf("reading %s: %w", r.subject.Dir, err)
	}
	defer root.Close()
	info, err := root.Stat(name)
	if err != nil || !info.IsDir() {
		var list diag.List
		list.Errorf(app.Position, "app %q is not a directory of the extension", app.Value)
		return list.Err()
	}
	return copyTree(root, name, to)
}

// below returns the path of a file that a case names, relative to the directory
// of the extension.
func (s *Subject) below(test *extension.TestCase, e extension.Entry) (string, error) {
	abs := filepath.Join(filepath.Dir(test.File), filepath.FromSlash(e.Value))
	rel, inside, err := safefile.Below(s.Dir, abs)
	if err != nil {
		return "", err
	}
	if s.Dir == "" || !inside {
		var list diag.List
		list.Errorf(e.Position, "%q is outside the directory of the extension", e.Value)
		return "", list.Err()
	}
	return rel, nil
}

// copyTree copies the directory name below root, with modes and links.
func copyTree(root *os.Root, name, to string) error {
	sub, err := root.OpenRoot(name)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	defer sub.Close()
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	dst, err := os.OpenRoot(to)
	if err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	defer dst.Close()
	return fs.WalkDir(sub.FS(), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		local := filepath.FromSlash(file)
		switch {
		case d.IsDir():
			return dst.Mkdir(local, info.Mode().Perm()|0o700)
		case d.Type()&fs.ModeSymlink != 0:
			target, err := sub.Readlink(local)
			if err != nil {
				return err
			}
			return dst.Symlink(target, local)
		case !d.Type().IsRegular():
			return diag.Invalidf("%s: %s is neither a file, a directory nor a link", name, file)
		}
		return copyFile(sub, dst, local, info.Mode().Perm())
	})
}

// orderTOML is the order of a builder with the extensions of the case and the
// test buildpack. The first extension records the plan, from which the
// lifecycle removes what extensions provide.
func (r *run) orderTOML() map[string]any {
	extensions := []map[string]any{{"id": recorderID, "version": "1.0.0"}}
	for _, o := range r.order {
		extensions = append(extensions, map[string]any{"id": o.ID, "version": o.Version})
	}
	return map[string]any{
		"order":            []any{map[string]any{"group": []any{map[string]any{"id": testBuildpackID, "version": "1.0.0"}}}},
		"order-extensions": []any{map[string]any{"group": extensions}},
	}
}

// analyzedTOML is what the analyzer would write (Platform Interface
// Specification, "analyzed.toml (TOML)").
func (r *run) analyzedTOML() map[string]any {
	config := r.runImage.config
	target := map[string]any{"os": config.OS, "arch": config.Architecture}
	if config.Variant != "" {
		target["arch-variant"] = config.Variant
	}
	if id := config.Labels[labelTargetID]; id != "" {
		target["id"] = id
	}
	if d := r.distro(); d.Name != "" || d.Version != "" {
		target["distro"] = map[string]any{"name": d.Name, "version": d.Version}
	}
	return map[string]any{"run-image": map[string]any{"reference": r.runImage.ref, "image": r.runImage.name, "target": target}}
}

// detected is what the detector left: its layers directory, and the application.
type detected struct {
	// dir has the folders layers, app and out.
	dir  string
	code int
	// extensions are those of the group, in order.
	extensions []string
	plan       []planEntry
	analyzed   analyzed
	// static are the escaped ids of extensions with a folder generate and no
	// bin/generate.
	static []string
}

type planEntry struct {
	Providers []struct {
		ID        string `toml:"id"`
		Extension bool   `toml:"extension"`
	} `toml:"providers"`
	Requires []struct {
		Name string `toml:"name"`
	} `toml:"requires"`
}

type analyzed struct {
	RunImage struct {
		Reference string `toml:"reference"`
		Image     string `toml:"image"`
		Extend    bool   `toml:"extend"`
	} `toml:"run-image"`
}

// maxLifecycleFile limits the files that the lifecycle writes.
const maxLifecycleFile = 4 << 20

// readDetected reads what the detector left in dir.
func (r *run) readDetected(dir string) error {
	d := &detected{dir: dir}
	read := func(name string) ([]byte, error) {
		data, err := safefile.Read(d.dir, name, maxLifecycleFile)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return data, err
	}
	code, err := read("out/code")
	if err != nil {
		return fmt.Errorf("reading what the detector left: %w", err)
	}
	if d.code, err = strconv.Atoi(strings.TrimSpace(string(code))); err != nil {
		return fmt.Errorf("detecting for %s: the exit code was not written", r.Platform)
	}
	said, err := read("out/output")
	if err != nil {
		return fmt.Errorf("reading what the detector left: %w", err)
	}
	r.Output = string(said)
	static, err := read("out/static")
	if err != nil {
		return fmt.Errorf("reading what the detector left: %w", err)
	}
	d.static = strings.Fields(string(static))
	var group struct {
		Extensions []struct {
			ID string `toml:"id"`
		} `toml:"group-extensions"`
	}
	var plan struct {
		Entries []planEntry `toml:"entries"`
	}
	for name, to := range map[string]any{"layers/group.toml": &group, "out/plan.toml": &plan, "layers/analyzed.toml": &d.analyzed} {
		data, err := read(name)
		if err == nil {
			err = toml.Unmarshal(data, to)
		}
		if err != nil {
			return fmt.Errorf("reading %s of the detector: %w", path.Base(name), err)
		}
	}
	for _, e := range group.Extensions {
		if e.ID == recorderID {
			continue
		}
		d.extensions = append(d.extensions, e.ID)
	}
	d.plan = plan.Entries
	r.detected = d
	return nil
}

func copyFile(from, to *os.Root, name string, mode fs.FileMode) error {
	src, err := safefile.Open(from, name)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := to.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode|0o400)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Chmod(mode|0o400), dst.Close())
}
