package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// TestPlatforms are the platforms of the test images.
var TestPlatforms = []string{"linux/amd64", "linux/arm64"}

// TestImages are images of Cloud Native Buildpacks in the registry, each for
// [TestPlatforms]. They hold busybox, and the lifecycle where it belongs.
type TestImages struct {
	// Builder has the build image and the lifecycle, and names the run image.
	Builder string
	// Build is the build image without a lifecycle, and Lifecycle the lifecycle
	// without a build image.
	Build, Lifecycle string
	// Run is the default run image. OtherRun is one to switch to, with the file
	// /etc/other.
	Run, OtherRun string
}

// ErrNoPackages is returned where the parts of the test images cannot be had: on
// a system without apt-get.
var ErrNoPackages = errors.New("there is no apt-get to download busybox-static with")

// testImageTimeout limits the build of the test images.
const testImageTimeout = 5 * time.Minute

// The users of the test images (Platform Interface Specification, "Build Image"
// and "Run Image"): different users of one group.
const (
	testBuildUser, testRunUser, testGroup = 1001, 1002, 1000
	testDistro, testDistroVersion         = "debian", "12"
)

// TestImages makes the test images and pushes them to the registry. What they
// are made of is downloaded and compiled once, to the folder of the other binaries.
func (s *Sandbox) TestImages(ctx context.Context) (TestImages, error) {
	parts, err := s.ensureTestParts(ctx)
	if err != nil {
		return TestImages{}, fmt.Errorf("making the test images: %w", err)
	}
	images := s.testImages(parts.stamp)
	dir, err := os.MkdirTemp("", "extpack-testimage-")
	if err != nil {
		return TestImages{}, fmt.Errorf("making the test images: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := parts.writeContext(dir); err != nil {
		return TestImages{}, fmt.Errorf("making the test images: %w", err)
	}
	file, err := images.bakeFile(dir, parts)
	if err != nil {
		return TestImages{}, fmt.Errorf("making the test images: %w", err)
	}
	name := filepath.Join(dir, "docker-bake.json")
	if err := os.WriteFile(name, file, 0o644); err != nil {
		return TestImages{}, fmt.Errorf("making the test images: %w", err)
	}
	if _, err := s.runBuildxWithin(ctx, testImageTimeout, "bake", "--builder", s.Builder(), "--allow", "fs.read="+dir, "--file", name); err != nil {
		return TestImages{}, fmt.Errorf("making the test images: %w", err)
	}
	s.logf("pushed the builder image %s", images.Builder)
	return images, nil
}

// testImages returns the names of the images for parts with a stamp.
func (s *Sandbox) testImages(stamp string) TestImages {
	name := func(kind string) string {
		return fmt.Sprintf("%s/extpack-test/%s:%s", s.Registry(), kind, shortHash(stamp))
	}
	return TestImages{Builder: name("builder"), Build: name("build"), Lifecycle: name("lifecycle"), Run: name("run"), OtherRun: name("other-run")}
}

// testDockerfile copies archives only, so that no platform has to be emulated.
const testDockerfile = `FROM scratch AS build
ARG TARGETARCH
ADD root-$TARGETARCH.tar build.tar /

FROM scratch AS run
ARG TARGETARCH
ADD root-$TARGETARCH.tar run.tar /

FROM run AS other-run
ADD other.tar /

FROM scratch AS lifecycle
ARG TARGETARCH
ADD lifecycle-$TARGETARCH.tar /

FROM build AS builder
ARG TARGETARCH
ADD lifecycle-$TARGETARCH.tar builder.tar /
`

// bakeFile returns the bake file of the images. Their layers are not compressed:
// they never leave the machine.
func (i TestImages) bakeFile(dir string, parts *testParts) ([]byte, error) {
	runImage := map[string]any{"image": i.Run, "mirrors": []string{}}
	lifecycle := map[string]any{
		"version": parts.version, "api": map[string]string{"buildpack": "0.7", "platform": "0.7"}, "apis": parts.apis,
	}
	metadata, err := json.Marshal(map[string]any{
		"description": "busybox and the lifecycle, for tests",
		"stack":       map[string]any{"runImage": runImage},
		"images":      []any{runImage},
		"buildpacks":  []any{}, "extensions": []any{},
		"lifecycle": lifecycle,
		"createdBy": map[string]string{"name": "docker extpack sandbox", "version": ""},
	})
	if err != nil {
		return nil, err
	}
	lifecycleMetadata, err := json.Marshal(map[string]any{"lifecycle": lifecycle})
	if err != nil {
		return nil, err
	}
	apis, err := json.Marshal(parts.apis)
	if err != nil {
		return nil, err
	}
	const stack = "io.extpack.test"
	base := map[string]string{
		"io.buildpacks.stack.id":            stack,
		"io.buildpacks.base.id":             stack,
		"io.buildpacks.base.distro.name":    testDistro,
		"io.buildpacks.base.distro.version": testDistroVersion,
	}
	with := func(more map[string]string) map[string]string {
		all := maps.Clone(base)
		maps.Copy(all, more)
		return all
	}
	type target struct {
		Labels map[string]string
		Env    []string
		User   int
	}
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	buildEnv := append(env[:1:1], fmt.Sprintf("CNB_USER_ID=%d", testBuildUser), fmt.Sprintf("CNB_GROUP_ID=%d", testGroup), "CNB_STACK_ID="+stack)
	targets := map[string]target{
		"build": {base, buildEnv, testBuildUser},
		"builder": {with(map[string]string{
			"io.buildpacks.builder.metadata":           string(metadata),
			"io.buildpacks.buildpack.layers":           "{}",
			"io.buildpacks.buildpack.order":            "[]",
			"io.buildpacks.buildpack.order-extensions": "[]",
			"io.buildpacks.extension.layers":           "{}",
		}), buildEnv, testBuildUser},
		"run":       {with(map[string]string{"io.buildpacks.rebasable": "true"}), env, testRunUser},
		"other-run": {with(map[string]string{"io.buildpacks.rebasable": "true"}), env, testRunUser},
		"lifecycle": {map[string]string{
			"io.buildpacks.builder.metadata":  string(lifecycleMetadata),
			"io.buildpacks.lifecycle.apis":    string(apis),
			"io.buildpacks.lifecycle.version": parts.version,
		}, nil, 0},
	}
	tags := map[string]string{"build": i.Build, "builder": i.Builder, "run": i.Run, "other-run": i.OtherRun, "lifecycle": i.Lifecycle}
	file := map[string]any{}
	var names []string
	for name, t := range targets {
		names = append(names, name)
		// Labels are set by bake, where no value can act as Dockerfile text.
		dockerfile := testDockerfile + "\nFROM " + name + " AS image\n"
		for _, kv := range t.Env {
			dockerfile += "ENV " + kv + "\n"
		}
		if t.User != 0 {
			dockerfile += fmt.Sprintf("USER %d:%d\nWORKDIR /workspace\n", t.User, testGroup)
		}
		file[name] = map[string]any{
			"context": dir, "dockerfile-inline": dockerfile, "target": "image",
			"platforms": TestPlatforms, "labels": escapeBake(t.Labels), "attest": []string{"type=provenance,disabled=true"},
			"output": []string{"type=image,push=true,compression=uncompressed,name=" + tags[name]},
		}
	}
	return json.MarshalIndent(map[string]any{"group": map[string]any{"default": map[string]any{"targets": names}}, "target": file}, "", "  ")
}

// escapeBake escapes what bake would interpolate.
func escapeBake(labels map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range labels {
		out[k] = strings.NewReplacer("${", "$${", "%{", "%%{").Replace(v)
	}
	return out
}
