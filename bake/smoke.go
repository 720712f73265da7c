package bake

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/scratch"
	"github.com/extpack/extpack/internal/task"
)

const (
	smokeTarget = "smoke"
	smokePlan   = "plan.toml"
)

// smokeFolders creates the folders that the lifecycle passes to an extension:
// an empty application, and output folders that any user can write to. The
// image is the exported one, so that the published files run. Programs run from
// a mount with a fixed name, without a shell: the real path is untrusted, and
// the image may not have a shell.
const smokeFolders = `ARG IMAGE
FROM scratch AS folders
WORKDIR /app
WORKDIR /output
WORKDIR /platform/env
COPY plan.toml /

FROM ${IMAGE} AS base
COPY --from=tree / /
COPY --from=folders --chmod=0777 / /cnb/smoke/
WORKDIR /cnb/smoke/app

FROM base AS smoke
`

// smokeRuns run the programs according to the Image Extension Interface
// Specification, including the arguments of older buildpack APIs, which
// lifecycles still pass.
var smokeRuns = map[string]string{
	"bin/detect": `RUN --mount=type=bind,from=tree,source=${CNB_EXTENSION_DIR},target=/cnb/smoke/extension ["/cnb/smoke/extension/bin/detect", "/cnb/smoke/platform", "/cnb/smoke/plan.toml"]
`,
	"bin/generate": `RUN --mount=type=bind,from=tree,source=${CNB_EXTENSION_DIR},target=/cnb/smoke/extension ["/cnb/smoke/extension/bin/generate", "/cnb/smoke/output", "/cnb/smoke/platform", "/cnb/smoke/plan.toml"]
`,
}

// smokeWritten copies the output of the program from its stage.
const smokeWritten = `
FROM scratch
COPY --from=smoke /cnb/smoke/app /app
COPY --from=smoke /cnb/smoke/output /output
COPY --from=smoke /cnb/smoke/plan.tom[l] /
`

// environment returns the variables that a lifecycle sets for an extension.
// Source: lifecycle, runDetect in buildpack/detect.go and runGenerateCmd in
// buildpack/generate.go.
func environment(p task.Program) map[string]string {
	env := map[string]string{"CNB_EXTENSION_DIR": p.Dest}
	detect := p.File == "bin/detect"
	if detect && p.API >= 8 {
		env["CNB_PLATFORM_DIR"], env["CNB_BUILD_PLAN_PATH"] = "/cnb/smoke/platform", "/cnb/smoke/plan.toml"
	}
	if !detect {
		env["CNB_PLATFORM_DIR"], env["CNB_BP_PLAN_PATH"], env["CNB_OUTPUT_DIR"] = "/cnb/smoke/platform", "/cnb/smoke/plan.toml", "/cnb/smoke/output"
	}
	if detect && p.API >= 12 {
		env["CNB_EXEC_ENV"] = "production"
	}
	if p.API < 10 {
		return env
	}
	for name, value := range map[string]string{
		"CNB_TARGET_OS": p.Platform.OS, "CNB_TARGET_ARCH": p.Platform.Architecture, "CNB_TARGET_ARCH_VARIANT": p.Platform.Variant,
		"CNB_TARGET_DISTRO_NAME": p.Distro.Name, "CNB_TARGET_DISTRO_VERSION": p.Distro.Version,
	} {
		if value != "" {
			env[name] = value
		}
	}
	return env
}

// smokeFile writes the bake file that runs a program once.
func smokeFile(p task.Program) ([]byte, error) {
	run, ok := smokeRuns[p.File]
	if !ok {
		return nil, fmt.Errorf("%s is not run by lifecycles", p.File)
	}
	args := environment(p)
	f := hcl.New()
	b := f.Block("target", smokeTarget)
	b.Map("contexts", map[string]string{"tree": "oci-layout://" + filepath.ToSlash(p.Layout) + "@" + p.Manifest})
	declared := slices.Sorted(maps.Keys(args))
	// Pass the image as a build arg, not as a named context: BuildKit's
	// InvalidBaseImagePlatform check ignores contexts.
	args["IMAGE"] = p.Image
	b.Map("args", args)
	text := smokeFolders + "ARG " + strings.Join(declared, "\nARG ") + "\n" + run + smokeWritten
	if err := b.Heredoc("dockerfile-inline", hcl.Text(text)); err != nil {
		return nil, err
	}
	b.Strings("no-cache-filter", []string{smokeTarget})
	if !platform.IsZero(p.Platform) {
		b.Strings("platforms", []string{platform.Format(p.Platform)})
	}
	b.Strings("output", []string{"type=local,dest=" + p.Dir})
	b.Strings("attest", []string{"type=provenance,disabled=true"})
	return f.Bytes(), nil
}

// Smoke runs a program once, without cache. A program that does not start or
// fails is an outcome. Smoke returns an error, which names the platform and the
// image, if it could not run the program.
func (e *Engine) Smoke(ctx context.Context, p task.Program) (task.Outcome, error) {
	text, err := smokeFile(p)
	if err != nil {
		return task.Outcome{}, err
	}
	temp, err := scratch.New()
	if err != nil {
		return task.Outcome{}, err
	}
	defer temp.Remove()
	// Use a subfolder without the lock, because an inline Dockerfile has the
	// folder as its context.
	dir := filepath.Join(temp.Path, "context")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return task.Outcome{}, fmt.Errorf("creating temporary folder: %w", err)
	}
	file := filepath.Join(dir, FileName)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return task.Outcome{}, fmt.Errorf("writing bake file: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, smokePlan), []byte(p.Plan), 0o644); err != nil {
		return task.Outcome{}, fmt.Errorf("writing plan: %w", err)
	}
	args := []string{"bake", "--file", file, "--progress", "rawjson", "--allow", "fs.read=" + p.Layout, "--allow", "fs.write=" + p.Dir}
	if e.Options.Builder != "" {
		args = append(args, "--builder", e.Options.Builder)
	}
	cmd := e.WithTemp(temp.Path).Command(ctx, append(args, smokeTarget)...)
	cmd.Dir = dir
	said := &smokeLog{plain: buildx.TailBuffer{Limit: 64 << 10}}
	lines := &lineWriter{line: said.line}
	cmd.Stderr = lines
	err = cmd.Run()
	if cause := context.Cause(ctx); cause != nil {
		return task.Outcome{}, cause
	}
	lines.end()
	outcome, err := said.outcome(p, err)
	return outcome, buildx.ForBuilder(err, e.Options.Builder)
}
