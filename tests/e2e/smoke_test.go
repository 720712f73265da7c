package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// told is a script that prints its arguments and environment, and ends with code.
func told(code string) string {
	return "#!/bin/sh\necho \"$0 got $# in $(pwd) as $(id -u)\"\necho \"for $CNB_TARGET_OS/$CNB_TARGET_ARCH $CNB_TARGET_DISTRO_NAME in $CNB_EXTENSION_DIR\"\n" +
		"cat \"$CNB_EXTENSION_DIR/extension.toml\" > /dev/null || exit 127\necho \"oops\" >&2\n" +
		"case $0 in *detect) echo > \"$CNB_BUILD_PLAN_PATH\" ;; *) cat \"$CNB_BP_PLAN_PATH\" > /dev/null && echo 'FROM x' > \"$CNB_OUTPUT_DIR/run.Dockerfile\" ;; esac || exit 126\nexit " + code + "\n"
}

func has(t *testing.T, r result, code int, want ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, w := range want {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("stderr lacks %q:\n%s", w, r.stderr)
		}
	}
}

// TestSmoke runs what the machine can run, as a user who owns nothing.
func TestSmoke(t *testing.T) {
	t.Parallel()
	user := strings.Replace(shellImage(t), "/shell:", "/user:", 1)
	base := t.TempDir()
	writeFile(t, filepath.Join(base, "Dockerfile"), "FROM "+shellImage(t)+"\nUSER 1001\nENTRYPOINT [\"/bin/false\"]\n")
	buildx(t, base, "build", "--push", "--provenance=false", "-t", user, ".")
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/smoke", ""), "bin/detect": told("100"), "bin/generate": told("0"),
	})
	ref := tag(t, "1")
	for _, flags := range [][]string{nil, nil, {"--progress", "plain", "--media-types", "docker"}, {"--provenance", "--target", "linux/amd64"}, {"--target", "linux/amd64:ubuntu@24.04"}} {
		// Published already and cached, and yet run.
		r := extpack(t, t.TempDir(), append([]string{"build", dir, "--push", "-t", ref, "--smoke", user}, flags...)...)
		has(t, r, 0,
			"bin/detect ran, exit code 100: it does not apply to an empty application\n",
			"bin/generate ran\n",
			"/bin/detect got 2 in /cnb/smoke/app as 1001\n",
			"/bin/generate got 3 in /cnb/smoke/app as 1001\n",
			"  | oops\n",
			" in /cnb/extensions/e2e_smoke/1.2.3\n",
		)
		if len(flags) > 0 && flags[0] == "--target" && !strings.Contains(r.stderr, "  | for linux/amd64 ubuntu in") {
			t.Errorf("the distro is not told:\n%s", r.stderr)
		}
	}
	r := extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--smoke", user, "-q")
	has(t, r, 0)
	if r.stderr != "" {
		t.Errorf("-q says %s", r.stderr)
	}
	if plan := mustExtpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--smoke", user, "--dry-run"); !strings.Contains(plan, "  run bin/detect and bin/generate of each in "+user+"\n") {
		t.Errorf("--dry-run says\n%s", plan)
	}
	// A lifecycle would not run it after exit code 100 of bin/detect.
	writeFile(t, filepath.Join(dir, "bin/generate"), told("3"))
	has(t, extpack(t, t.TempDir(), "build", dir, "-o", "x.cnb", "--smoke", user), 0, "bin/generate ran, warning: exit code 3\n  | ")
}

// TestSmokeStage runs what a stage made, and nothing where there is nothing.
func TestSmokeStage(t *testing.T) {
	t.Parallel()
	shell := shellImage(t)
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/staged", "\n[metadata.extpack.build]\n"),
		"Dockerfile":     "FROM scratch\nCOPY run.sh /bin/generate\n", "run.sh": told("0"),
	})
	has(t, extpack(t, t.TempDir(), "build", dir, "-o", "x.cnb", "--smoke", shell), 0, "bin/generate ran\n", "/bin/generate got 3")
	static := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/static", ""), "generate/run.Dockerfile": "FROM x\n"})
	has(t, extpack(t, t.TempDir(), "build", static, "-o", "x.cnb", "--smoke", shell), 0, "e2e/static@1.2.3: no platform has bin/detect or bin/generate to run\n")
}

// TestSmokeKeepsBack: a program that does not start is named with the cause,
// and the package goes nowhere; one extension's does not keep back another.
func TestSmokeKeepsBack(t *testing.T) {
	shell := shellImage(t)
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/broken", ""), "bin/detect": told("0"), "bin/generate": "#!/bin/missing\n",
	})
	good := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/good", ""), "bin/generate": told("0")})
	ref := world.Registry() + "/testsmokekeepsback-{{.Slug}}:1"
	r := extpack(t, t.TempDir(), "build", dir, good, "--push", "-t", ref, "--smoke", shell, "-q", "--keep-going")
	has(t, r, 2, ": bin/generate does not start in "+shell+": no such file or directory: the interpreter", "bin/detect ran\n", "/bin/detect got 2")
	if !strings.Contains(r.stdout, "e2e_good") || strings.Contains(r.stdout, "e2e_broken") || exists(t, world.Registry()+"/testsmokekeepsback-e2e_broken:1") {
		t.Errorf("published %q", r.stdout)
	}

	// A machine with an emulator may run it anyway.
	foreign := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/foreign", linuxTargets), "bin/detect": script})
	goBinary(t, "amd64", filepath.Join(foreign, "linux/amd64/bin/generate"))
	goBinary(t, "amd64", filepath.Join(foreign, "linux/arm64/bin/generate"))
	other := tag(t, "2")
	r = extpack(t, t.TempDir(), "build", foreign, "--push", "-t", other, "--smoke", shell, "--allow-platform-mismatch")
	has(t, r, 2, "linux/arm64: bin/generate does not start in "+shell+": it is built for amd64 (x86-64)", "smoke test linux/amd64: bin/generate ran\n")
	if r.stdout != "" || exists(t, other) {
		t.Errorf("published %q", r.stdout)
	}

	for _, tt := range []struct {
		flags []string
		code  int
		want  string
	}{
		{[]string{"--smoke", world.Registry() + "/base/none:1"}, 1, "--smoke " + world.Registry() + "/base/none:1: image "},
		{[]string{"--smoke", shell, "--target", "linux/s390x"}, 1, "the image " + shell + " is for linux/amd64, and cannot be used to test programs for linux/s390x"},
		{[]string{"--smoke", shell, "--engine", "embedded"}, 2, "--smoke requires a builder, and --engine embedded has none"},
		{[]string{"--smoke", "a b"}, 2, "is not an image reference"},
		{[]string{"--smoke", ""}, 2, "--smoke requires an image"},
		{[]string{"--smoke", shell, "--target", "windows/amd64"}, 2, "builders cannot run programs for windows/amd64"},
	} {
		r := extpack(t, t.TempDir(), append([]string{"build", good, "-o", "x.cnb"}, tt.flags...)...)
		has(t, r, tt.code, tt.want)
		if r.stdout != "" {
			t.Errorf("%q: wrote %q", tt.flags, r.stdout)
		}
	}
}

// TestSmokeUnderEmulation runs a program for arm64, in an image that holds
// nothing that could help it.
func TestSmokeUnderEmulation(t *testing.T) {
	empty := world.Registry() + "/base/empty:1"
	base := t.TempDir()
	writeFile(t, filepath.Join(base, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n")
	buildx(t, base, "build", "--push", "--platform", "linux/amd64,linux/arm64", "-t", empty, ".")
	source := t.TempDir()
	writeFile(t, filepath.Join(source, "go.mod"), "module x\n\ngo 1.25\n")
	writeFile(t, filepath.Join(source, "main.go"), "package main\n\nimport \"runtime\"\n\nfunc main() { println(\"hello from\", runtime.GOARCH) }\n")
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/emulated", linuxTargets)})
	for _, arch := range []string{"amd64", "arm64"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "linux", arch, "bin/generate"), ".")
		cmd.Dir = source
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	scripts := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/scripts", ""), "bin/generate": script})
	has(t, extpack(t, t.TempDir(), "build", scripts, "-o", "x.cnb", "--smoke", empty, "--target", "linux/arm/v7"), 1,
		"the image "+empty+" has no image for linux/arm/v7, only for linux/amd64, linux/arm64\n")
	// Without emulation the cause is named, unless the machine itself emulates.
	ref := tag(t, "1")
	r := extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--smoke", empty)
	if r.code != 0 {
		has(t, r, 1, "the builder cannot run programs for linux/arm64, neither natively nor by emulation", "docker extpack builder doctor", "hello from amd64")
		if exists(t, ref) {
			t.Error("published what was not tried")
		}
	}

	t.Setenv("PATH", emulator(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	freshBuilder(t, "smoking")
	r = extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref, "--smoke", empty, "--builder", "smoking")
	has(t, r, 0, "smoke test linux/amd64: bin/generate ran\n  | hello from amd64\n", "smoke test linux/arm64: bin/generate ran\n  | hello from arm64\n")
}

// TestSmokeJudges what the programs write, and passes them the variables of their
// api and no others.
func TestSmokeJudges(t *testing.T) {
	t.Parallel()
	shell := shellImage(t)
	write := func(file, text string) string {
		return "#!/bin/sh\nprintf '" + text + "' > " + file + "\n"
	}
	for name, tt := range map[string]struct {
		files map[string]string
		api   string
		want  string
	}{
		"good": {files: map[string]string{
			"bin/detect":   write("$CNB_BUILD_PLAN_PATH", `[[provides]]\nname = "x"\n`),
			"bin/generate": write("$CNB_OUTPUT_DIR/build.Dockerfile", `ARG base_image\nFROM ${base_image}\n`),
		}},
		"plan": {files: map[string]string{
			"bin/detect":   write("$CNB_BUILD_PLAN_PATH", `[[provides]]\nname = "x"\n`),
			"bin/generate": "#!/bin/sh\ngrep -q 'name = \"x\"' \"$CNB_BP_PLAN_PATH\" && grep -q entries \"$3\"\n",
		}},
		"static plan": {files: map[string]string{
			"detect/plan.toml": "[[provides]]\nname = \"x\"\n",
			"bin/generate":     "#!/bin/sh\ngrep -q 'name = \"x\"' \"$CNB_BP_PLAN_PATH\"\n",
		}},
		"requires": {files: map[string]string{"bin/detect": write("$CNB_BUILD_PLAN_PATH", `[[requires]]\nname = "x"\n`)}, want: "plan.toml:1:1: extensions may not require, found requires [plan-requires]"},
		"stages":   {files: map[string]string{"bin/generate": write("$CNB_OUTPUT_DIR/run.Dockerfile", `FROM x\nFROM y\n`)}, want: "run.Dockerfile:2:1: run.Dockerfile may have only one FROM, this one has 2 [dockerfile-stages]"},
		"app":      {files: map[string]string{"bin/generate": write("x", "x")}, want: "bin/generate writes x to the application [app-changed]"},
		"code":     {files: map[string]string{"bin/generate": "#!/bin/sh\nexit 3\n"}, want: "bin/generate ends with exit code 3, and lifecycles stop the build [exit-code]"},
		"old api": {api: "0.7", files: map[string]string{
			"bin/detect":   "#!/bin/sh\n[ -z \"$CNB_BUILD_PLAN_PATH$CNB_TARGET_OS$CNB_EXEC_ENV\" ] && [ -n \"$CNB_EXTENSION_DIR\" ] && echo > \"$2\"\n",
			"bin/generate": "#!/bin/sh\n[ -z \"$CNB_TARGET_OS$CNB_EXEC_ENV\" ] && [ -d \"$CNB_OUTPUT_DIR\" ] && [ \"$CNB_OUTPUT_DIR\" = \"$1\" ]\n",
		}},
		"new api": {api: "0.12", files: map[string]string{
			"bin/detect":   "#!/bin/sh\n[ \"$CNB_EXEC_ENV\" = production ] && [ \"$CNB_TARGET_OS\" = linux ]\n",
			"bin/generate": "#!/bin/sh\n[ -z \"$CNB_EXEC_ENV\" ] && [ \"$CNB_TARGET_OS\" = linux ]\n",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"extension.toml": descriptor("e2e/judged", "")}
			if tt.api != "" {
				files["extension.toml"] = strings.Replace(files["extension.toml"], "0.10", tt.api, 1)
			}
			for file, data := range tt.files {
				files[file] = data
			}
			r := extpack(t, t.TempDir(), "build", extensionDir(t, files), "-o", "x.cnb", "--smoke", shell)
			if tt.want == "" {
				has(t, r, 0)
				return
			}
			has(t, r, 2, tt.want)
			if r.stdout != "" {
				t.Errorf("wrote %q", r.stdout)
			}
		})
	}
}
