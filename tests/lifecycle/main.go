// Command lifecycle runs extensions through the lifecycle's own code, as a
// reference for the rules of "docker extpack lint". For each directory that it
// is given it prints a line of JSON: what detect and generate refuse, and how.
//
// It executes the programs of the extensions. A separate module keeps the
// versions of what the lifecycle depends on.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/buildpacks/lifecycle/api"
	"github.com/buildpacks/lifecycle/buildpack"
	"github.com/buildpacks/lifecycle/env"
	"github.com/buildpacks/lifecycle/log"
)

// verdict is what the lifecycle makes of an extension.
type verdict struct {
	Dir string `json:"dir"`
	// Refused is the first error, empty when there is none.
	Refused string `json:"refused,omitempty"`
}

func main() {
	enc := json.NewEncoder(os.Stdout)
	for _, dir := range os.Args[1:] {
		v := verdict{Dir: dir}
		if err := try(dir); err != nil {
			v.Refused = err.Error()
		}
		if err := enc.Encode(v); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// try does with an extension what the detector and the generator do.
func try(dir string) error {
	d, err := buildpack.ReadExtDescriptor(filepath.Join(dir, "extension.toml"))
	if err != nil {
		return fmt.Errorf("reading extension.toml: %w", err)
	}
	// As lifecycle/cmd does before it runs a buildpack (VerifyBuildpackAPI).
	version, err := api.NewVersion(d.WithAPI)
	if err != nil {
		return err
	}
	if !api.Buildpack.IsSupported(version) {
		return fmt.Errorf("buildpack API version %q is not supported", version)
	}
	work, err := os.MkdirTemp("", "lifecycle-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, name := range []string{"app", "output", "platform", "config"} {
		if err := os.Mkdir(filepath.Join(work, name), 0o755); err != nil {
			return err
		}
	}
	in := func(name string) string { return filepath.Join(work, name) }
	logger := log.NewDefaultLogger(io.Discard)
	target := []string{"CNB_TARGET_OS=linux", "CNB_TARGET_ARCH=amd64"}
	detected := (&buildpack.DefaultDetectExecutor{}).Detect(d, buildpack.DetectInputs{
		AppDir: in("app"), BuildConfigDir: in("config"), PlatformDir: in("platform"),
		Env: env.NewBuildEnv(os.Environ()), TargetEnv: target, ExecEnv: "production",
	}, logger)
	if detected.Err != nil {
		return fmt.Errorf("detect: %w", detected.Err)
	}
	plan := buildpack.Plan{}
	for _, p := range detected.Provides {
		plan.Entries = append(plan.Entries, buildpack.Require{Name: p.Name})
	}
	_, err = (&buildpack.DefaultGenerateExecutor{}).Generate(*d, buildpack.GenerateInputs{
		AppDir: in("app"), BuildConfigDir: in("config"), OutputDir: in("output"), PlatformDir: in("platform"),
		Env: env.NewBuildEnv(os.Environ()), TargetEnv: target, Out: io.Discard, Err: io.Discard, Plan: plan,
	}, logger)
	if err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	return nil
}
