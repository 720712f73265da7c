package e2e_test

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func platformsAt(t *testing.T, ref string) []string {
	t.Helper()
	var out []string
	for _, image := range fetch(t, ref).images {
		out = append(out, image.platform())
	}
	slices.Sort(out)
	return out
}

// TestAppend: a first machine makes the index, others join or replace their
// platforms, and what is there already stays as it is.
func TestAppend(t *testing.T) {
	t.Parallel()
	ref := tag(t, "1")
	build := func(flags ...string) string {
		return mustExtpack(t, t.TempDir(), append([]string{"build", example("hello"), "--push", "--append", "-q", "-t", ref}, flags...)...)
	}
	build("--target", "linux/amd64")
	first := fetch(t, ref)
	out := build("--target", "linux/arm64", "--target", "linux/arm/v7")
	second := fetch(t, ref)
	if got, want := platformsAt(t, ref), []string{"linux/amd64", "linux/arm/v7", "linux/arm64"}; !slices.Equal(got, want) {
		t.Errorf("platforms are %v, want %v", got, want)
	}
	if out != ref+"@"+second.digest+"\n" {
		t.Errorf("stdout is %q, the tag is at %s", out, second.digest)
	}
	if first.images[0].descriptor.Digest != second.images[0].descriptor.Digest {
		t.Error("appending changed an image that was there")
	}
	build("--target", "linux/arm64", "--label", "com.acme.new=1")
	third := fetch(t, ref)
	if len(third.images) != 3 || third.images[1].config.Config.Labels["com.acme.new"] != "1" || third.images[0].descriptor.Digest != first.images[0].descriptor.Digest {
		t.Errorf("replacing one platform gave %+v", third.index.Manifests)
	}
	build("--target", "linux/arm64", "--label", "com.acme.new=1")
	if got := fetch(t, ref).digest; got != third.digest {
		t.Errorf("appending the same again moved the tag from %s to %s", third.digest, got)
	}

	all := tag(t, "all")
	mustExtpack(t, t.TempDir(), "build", example("hello"), "--push", "-q", "-t", all)
	build("--target", "linux/arm64")
	build("--target", "linux/riscv64")
	whole, joined := fetch(t, all), fetch(t, ref)
	for _, image := range whole.images {
		if !slices.ContainsFunc(joined.images, func(o publishedImage) bool { return o.descriptor.Digest == image.descriptor.Digest }) {
			t.Errorf("%s differs when it is appended", image.platform())
		}
	}
}

// TestAppendInAnyOrder: images are in the order of the targets, as after a
// single build, so that it does not matter which machine is the fastest.
func TestAppendInAnyOrder(t *testing.T) {
	t.Parallel()
	for name, targets := range map[string][]string{
		"hello":          {"linux/riscv64", "linux/amd64", "linux/arm/v7", "linux/arm64"},
		"platform-roots": {"linux/arm/v7", "linux/arm64", "linux/amd64:ubuntu@24.04", "linux/amd64:ubuntu@22.04"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, ref := tag(t, "whole"), tag(t, "1")
			mustExtpack(t, t.TempDir(), "build", example(name), "--engine", "embedded", "--push", "-q", "-t", whole)
			for _, target := range targets {
				mustExtpack(t, t.TempDir(), "build", example(name), "--engine", "embedded", "--push", "--append", "-q", "-t", ref, "--target", target)
			}
			if got, want := digestsAt(t, ref), digestsAt(t, whole); !slices.Equal(got, want) {
				t.Errorf("appended in the order %v, the images are\n%v\nwant\n%v", targets, got, want)
			}
		})
	}
}

func digestsAt(t *testing.T, ref string) []string {
	t.Helper()
	var out []string
	for _, image := range fetch(t, ref).images {
		out = append(out, image.descriptor.Digest.String())
	}
	return out
}

// TestAppendRefuses what is not a package of the same extension.
func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	ref := tag(t, "1")
	mustExtpack(t, t.TempDir(), "build", example("hello"), "--push", "-q", "-t", ref)
	before := fetch(t, ref).digest
	r := extpack(t, t.TempDir(), "build", example("platform-roots"), "--push", "--append", "-t", ref)
	if r.code != 2 || !strings.Contains(r.stderr, `"samples/hello", but this package has "samples/platform-roots"`) {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	// latest follows versions, each when it is complete.
	latest := tag(t, "latest")
	repository := strings.TrimSuffix(latest, ":latest")
	mustExtpack(t, t.TempDir(), "build", example("hello"), "--push", "-q", "-t", latest)
	r = extpack(t, t.TempDir(), "build", example("hello"), "--version", "0.0.2", "--push", "--append", "-t", latest)
	if hint := "docker extpack index create -t " + latest + " " + repository + ":0.0.2\n"; r.code != 2 || !strings.Contains(r.stderr, hint) {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	if got := fetch(t, ref).digest; got != before {
		t.Error("the tag moved")
	}
}

// TestConcurrentAppend: machines that append different platforms in parallel lose
// none.
func TestConcurrentAppend(t *testing.T) {
	t.Parallel()
	targets := []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64", "linux/s390x", "linux/ppc64le"}
	ref := tag(t, strconv.FormatInt(time.Now().UnixNano(), 36)) // new with -count as well
	var wg sync.WaitGroup
	results := make([]result, len(targets))
	for i, target := range targets {
		wg.Go(func() {
			results[i] = extpack(t, t.TempDir(), "build", example("hello"), "--push", "--append", "--engine", "embedded", "-q", "-t", ref, "--target", target)
		})
	}
	wg.Wait()
	for i, r := range results {
		if r.code != 0 {
			t.Errorf("%s: exit code %d\n%s", targets[i], r.code, r.stderr)
		}
	}
	slices.Sort(targets)
	if got := platformsAt(t, ref); !slices.Equal(got, targets) {
		t.Errorf("platforms are %v, want %v", got, targets)
	}
}
