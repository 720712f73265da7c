// Package task describes the work of a builder apart from building a plan: to
// build Dockerfiles that are not part of a plan, and to run programs of built
// images. Packages exttest and smoke request it, package bake does it.
package task

import (
	"fmt"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
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
	// Alone builds the job in a bake without others: it is expected to fail.
	Alone bool
}

// Result is how a job went.
type Result struct {
	// Failed are the steps for which the job could not be built, in the order in
	// which they failed. It is empty for jobs without an output.
	Failed []FailedStep
	// Time is from the start of the first step of the job to the end of the last.
	Time time.Duration
}

// FailedStep is a step of a Dockerfile that failed.
type FailedStep struct {
	// Job is the job of the step, which is the one that failed or one that it
	// refers to, or "" if that is not known.
	Job string
	// Name is the instruction with its stage, or "" for a Dockerfile that cannot
	// be read.
	Name string
	// ExitCode is that of a RUN instruction, or 0.
	ExitCode int
	// Message is BuildKit's error.
	Message string
	// Output is the end of what the step printed.
	Output string
}

// Program is an entry point of a built image.
type Program struct {
	// File is "bin/detect" or "bin/generate".
	File string
	// Layout is the absolute path of the OCI layout with the image, and
	// Manifest the digest of the image manifest.
	Layout, Manifest string
	// Dest is the extension's folder in the image.
	Dest     string
	Platform v1.Platform
	// Distro is the distro of the image. It is zero if there are several, or if
	// the image is for any.
	Distro extension.Distro
	// Image is the full reference of the image to run in. Its tag or digest
	// distinguishes it from the name of a stage.
	Image string
	// API is the minor version of the extension's Buildpack API.
	API int
	// Dir is the absolute path of a folder for the output of a successful
	// program: app, output and plan.toml.
	Dir string
	// Plan is the buildpack plan that bin/generate is passed.
	Plan string
}

// Outcome is the result of running a program.
type Outcome struct {
	// Output is the output of the program on both streams.
	Output string
	// ExitCode is undefined if Fault is set.
	ExitCode int
	// Fault is the reason why the program did not start, or "".
	Fault string
}

// ImageError is returned if the image to run in lacks the platform of a program.
type ImageError struct {
	Image, Platform string
	// Has are the platforms of the image, if they are known.
	Has []string
}

func (e *ImageError) Error() string {
	s := fmt.Sprintf("the image %s has no image for %s", e.Image, e.Platform)
	if len(e.Has) > 0 {
		s += ", only for " + strings.Join(e.Has, ", ")
	}
	return s
}
