package exttest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/task"
)

func TestWhyNotDetected(t *testing.T) {
	for output, want := range map[string]string{
		"fail: a/b@1.0.0":     ": bin/detect ended with exit code 100, which means that it does not apply",
		"err:  a/b@1.0.0 (3)": ": bin/detect ended with exit code 3, and lifecycles accept only 0 and 100",
		"======== Error: a/b@1.0.0 ========\nno such file\nerr:  a/b@1.0.0": ": no such file",
		"skip: a/b@1.0.0 provides unused apt":                               `: it provides apt, which nothing requires; add requires = ["apt"] to the case`,
		"fail: " + testBuildpackID + "@1.0.0 requires node":                 ": the case requires node, which no extension provides",
		"fail: a/bc@1.0.0": "",
	} {
		r := &run{subject: &Subject{ID: "a/b", Version: "1.0.0"}, Result: Result{Output: "Starting detector...\n" + output + "\n"}}
		if got := r.whyNotDetected(); got != want {
			t.Errorf("%s: got %q, want %q", output, got, want)
		}
	}
}

func TestWhyGenerate(t *testing.T) {
	for output, want := range map[string]string{
		"ERROR: failed to build: exit status 7":                    "bin/generate ended with exit code 7, and the lifecycle stopped the build",
		"ERROR: failed to build: signal: killed":                   "bin/generate was killed (signal: killed), and the lifecycle stopped the build",
		"ERROR: failed to build: failed to parse build.Dockerfile": "the lifecycle refuses what generate wrote: failed to parse build.Dockerfile",
		"": "the lifecycle failed in generate with exit code 51",
	} {
		r := &run{detected: &detected{code: 51}, Result: Result{Output: output}}
		if got := r.whyGenerate(); got != want {
			t.Errorf("%s: got %q, want %q", output, got, want)
		}
	}
}

func TestWhyStep(t *testing.T) {
	for _, tt := range []struct {
		step task.FailedStep
		want string
	}{
		{task.FailedStep{Job: "build-3-0", Name: "[build-3-0 2/2] RUN false", ExitCode: 1}, "build.Dockerfile: RUN false ended with exit code 1"},
		{task.FailedStep{Job: "run-3-0", Name: "[run-3-0 2/2] COPY a b"}, "run.Dockerfile: COPY a b failed"},
		{task.FailedStep{Message: "no space left on device"}, "the images cannot be extended: no space left on device"},
	} {
		if got := whyStep(tt.step); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.step.Name, got, tt.want)
		}
	}
}

func TestTreeDigest(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	last := ""
	for _, change := range []func() error{
		func() error { return os.WriteFile(file, []byte("a"), 0o644) },
		func() error { return os.WriteFile(file, []byte("b"), 0o644) },
		func() error { return os.Rename(file, file+"2") },
		func() error { return os.Symlink("file2", file) },
		func() error { return os.Mkdir(filepath.Join(dir, "empty"), 0o755) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		got, err := treeDigest(dir)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) == last {
			t.Error("a change has the same digest")
		}
		last = string(got)
	}
}
