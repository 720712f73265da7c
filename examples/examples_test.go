// Package examples_test checks that the examples are what the Image Extension
// specification asks for, as people start their own extensions from them.
package examples_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// roots are the platform roots of every example, by the directory that holds
// the example's shared files.
var roots = map[string]string{
	"hello": "hello",
	"platform-roots/linux/amd64/ubuntu@22.04": "platform-roots",
	"platform-roots/linux/amd64/ubuntu@24.04": "platform-roots",
	"platform-roots/linux/arm64":              "platform-roots",
	"platform-roots/linux/arm/v7":             "platform-roots",
}

func TestScripts(t *testing.T) {
	for root, shared := range roots {
		t.Run(root, func(t *testing.T) {
			extension, output := t.TempDir(), t.TempDir()
			// What a package of this platform holds.
			for _, dir := range []string{filepath.Join(shared, "lib"), filepath.Join(root, "bin")} {
				if err := copyDir(dir, filepath.Join(extension, filepath.Base(dir))); err != nil {
					t.Fatal(err)
				}
			}
			checkRun(t, extension, output, t.TempDir())
		})
	}
}

// checkRun runs an extension in a build of app, as the lifecycle does.
func checkRun(t *testing.T, extension, output, app string) {
	t.Helper()
	plan := filepath.Join(output, "plan.toml")
	for _, program := range []string{"detect", "generate"} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(extension, "bin", program))
		cmd.Dir = app
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "CNB_EXTENSION_DIR=" + extension,
			"CNB_OUTPUT_DIR=" + output, "CNB_BUILD_PLAN_PATH=" + plan,
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
	}
	checkPlan(t, plan)
	checkDockerfiles(t, output)
}

// TestCompiled compiles the example for this machine and runs it and its tests,
// which are a module of their own. What the platforms get is tested end to end.
func TestCompiled(t *testing.T) {
	extension, app := t.TempDir(), t.TempDir()
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}, {"build", "-o", filepath.Join(extension, "bin") + "/", "./cmd/..."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = "compiled"
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
	detect := exec.CommandContext(t.Context(), filepath.Join(extension, "bin", "detect"))
	detect.Dir = app
	var exit *exec.ExitError
	if err := detect.Run(); !errors.As(err, &exit) || exit.ExitCode() != 100 {
		t.Errorf("detect without an Aptfile: %v, want exit code 100", err)
	}
	if err := os.WriteFile(filepath.Join(app, "Aptfile"), []byte("curl\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	checkRun(t, extension, t.TempDir(), app)
}

// copyDir copies a directory that may be missing.
func copyDir(from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return nil
	}
	return os.CopyFS(to, os.DirFS(from))
}

func checkPlan(t *testing.T, path string) {
	t.Helper()
	plan, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(plan), "[[provides]]\nname = \"") || strings.Contains(string(plan), "requires") {
		t.Errorf("an extension may only provide:\n%s", plan)
	}
}

func checkDockerfiles(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.Dockerfile"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Dockerfile (%v)", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		if lines[0] != "ARG base_image" || lines[1] != "FROM ${base_image}" {
			t.Errorf("begins with %q", lines[:2])
		}
		if last := lines[len(lines)-1]; last != "USER ${user_id}:${group_id}" {
			t.Errorf("ends with %q: the image would run as root", last)
		}
		for _, line := range lines {
			word, _, _ := strings.Cut(line, " ")
			if word != "" && word != "#" && !slices.Contains([]string{"ARG", "FROM", "USER", "RUN"}, word) {
				t.Errorf("unexpected instruction %q", line)
			}
		}
	}
}

func TestExecutableBits(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		executable := info.Mode()&0o111 != 0
		if inBin := filepath.Base(filepath.Dir(path)) == "bin"; executable != inBin {
			t.Errorf("%s: executable is %v", path, executable)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
