package bake

import (
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// MatrixJob is a target that builds a single platform, for the matrix of a CI
// workflow.
type MatrixJob struct {
	// Target is the name of the bake target.
	Target string `json:"target"`
	// Platform is the platform that it builds, "linux/arm64".
	Platform string `json:"platform"`
	// Runner is the label of a runner of GitHub Actions that needs no emulation
	// for the platform, if there is one.
	Runner string `json:"runner"`
}

// Matrix returns the targets of the plan's file that build its images one by one.
func Matrix(p *plan.Plan) ([]MatrixJob, error) {
	targets, err := Targets(p)
	if err != nil {
		return nil, err
	}
	jobs := []MatrixJob{}
	for _, t := range targets {
		for _, one := range t.perPlatform() {
			job := MatrixJob{Target: one.Name, Runner: runner(v1.Platform{})}
			image := t.Extension.Images[one.Images[0]]
			if t.Extension.AnyPlatform() {
				job.Target = t.Name
			}
			if !platform.IsZero(image.Platform) {
				job.Platform, job.Runner = platform.Format(image.Platform), runner(image.Platform)
			}
			jobs = append(jobs, job)
		}
	}
	return jobs, nil
}

// runner returns the runner for a platform. 64-bit ARM runners have no 32-bit
// mode, so other platforms are emulated on the usual one.
func runner(p v1.Platform) string {
	if p.OS == "linux" && p.Architecture == "arm64" {
		return "ubuntu-24.04-arm"
	}
	return "ubuntu-24.04"
}
