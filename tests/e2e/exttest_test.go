package e2e_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/tests/sandbox"
)

func lab(t *testing.T) sandbox.TestImages {
	t.Helper()
	return testImages(t)
}

// labDetect decides by variables of the platform, labGenerate writes what they
// name.
const (
	labDetect = `#!/bin/sh
case "$BP_DETECT" in
no) echo "there is no Aptfile"; exit 100 ;;
crash) echo "boom"; exit 3 ;;
requires) printf '[[requires]]\nname = "x"\n' >"$CNB_BUILD_PLAN_PATH"; exit 0 ;;
esac
printf '[[provides]]\nname = "%s"\n' "${BP_NAME:-apt}" >"$CNB_BUILD_PLAN_PATH"
`
	labGenerate = `#!/bin/sh
set -e
echo "generating in $(pwd) with $(ls | tr '\n' ' ')"
dockerfile() { cat >"$CNB_OUTPUT_DIR/$1.Dockerfile"; }
simple() { { printf 'ARG base_image\nFROM ${base_image}\nUSER root\n'; cat; printf 'ARG user_id\nARG group_id\nUSER ${user_id}:${group_id}\n'; } | dockerfile "$1"; }
case "$BP_GENERATE" in
crash) echo "no luck" >&2; exit 7 ;;
app) echo changed >added; rm -f Aptfile ;;
stages) printf 'ARG base_image\nFROM scratch AS other\nFROM ${base_image}\n' | dockerfile build ;;
broken) echo 'RUN echo trying && exit 9' | simple build ;;
root) printf 'ARG base_image\nFROM ${base_image}\nUSER root\n' | dockerfile run ;;
switch) echo "FROM $BP_IMAGE" | dockerfile run ;;
extend) printf 'FROM %s\nUSER root\nRUN echo extended >/etc/extended\nARG user_id\nUSER ${user_id}\n' "$BP_IMAGE" | dockerfile run ;;
contexts)
	for kind in build run; do
		mkdir "$CNB_OUTPUT_DIR/context.$kind"
		echo "of $kind" >"$CNB_OUTPUT_DIR/context.$kind/file"
		chmod 0640 "$CNB_OUTPUT_DIR/context.$kind/file"
		printf 'ARG who\nCOPY file /etc/file\nENV WHO=${who} BOTH="$who of $CNB_USER_ID"\nLABEL io.buildpacks.rebasable=true who="$who"\n' | simple $kind
		printf '[[%s.args]]\nname = "who"\nvalue = "the %s image"\n' $kind $kind >>"$CNB_OUTPUT_DIR/extend-config.toml"
	done ;;
shared)
	mkdir "$CNB_OUTPUT_DIR/context"
	echo shared >"$CNB_OUTPUT_DIR/context/file"
	for kind in build run; do echo 'COPY file /etc/file' | simple $kind; done ;;
secret) echo 'RUN --mount=type=secret,id=token cat /run/secrets/token 2>&1 >/etc/token || echo none >/etc/token' | simple build ;;
*) printf 'COPY Aptfile /etc/Aptfile\nRUN chmod 4711 /etc/Aptfile && id -u >/etc/builder-user\n' | simple build ;;
esac
`
)

// shellless pushes a run image that has a file and no programs.
func shellless(t *testing.T) string {
	t.Helper()
	name, dir := world.Registry()+"/e2e/shellless:1", t.TempDir()
	writeFile(t, filepath.Join(dir, "release"), "nothing\n")
	writeFile(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nCOPY release /etc/\nUSER 1002:1000\n")
	buildx(t, dir, "build", "--push", "--provenance=false", "--platform", "linux/amd64", "-t", name, ".")
	return name
}

// labExtension returns an extension whose cases are those of a file.
func labExtension(t *testing.T, images sandbox.TestImages, id, cases string) string {
	t.Helper()
	cases = strings.NewReplacer("OTHER", images.OtherRun, "RUN_IMAGE", images.Run).Replace(cases)
	if strings.Contains(cases, "SCRATCH") {
		cases = strings.ReplaceAll(cases, "SCRATCH", shellless(t))
	}
	return extensionDir(t, map[string]string{
		"extension.toml": descriptor(id, linuxTargets+fmt.Sprintf("\n[metadata.extpack.test]\nbuilder-image = %q\n", images.Builder)),
		"bin/detect":     labDetect, "bin/generate": labGenerate,
		"tests/cases.toml": cases, "tests/app/Aptfile": "curl\n",
	})
}

// passing are cases that hold, one for each kind of assertion.
const passing = `
[[case]]
name = "files and commands"
app = "app"
requires = ["apt"]
plan = ["apt"]
output = ["generating in /workspace", "Aptfile"]
golden = "golden"
[case.build-image]
user = "1001:1000"
env = { CNB_USER_ID = "1001" }
[[case.build-image.file]]
path = "/etc/Aptfile"
mode = "4711"
content = "^curl$"
[[case.build-image.file]]
path = "/etc/builder-user"
content = "^0$"
[[case.build-image.file]]
path = "/etc/none"
absent = true
[[case.build-image.command]]
run = ["sh", "-c", "id -u; echo \"$1\"; exit 3", "x", "a 'b' $HOME"]
exit = 3
output = "^1001$\na 'b' \\$HOME"

[[case]]
name = "contexts and arguments"
requires = ["apt"]
env = { BP_GENERATE = "contexts" }
[case.build-image]
env = { WHO = "the build image", BOTH = "the build image of 1001" }
labels = { who = "the build image" }
rebasable = true
[[case.build-image.file]]
path = "/etc/file"
mode = "0640"
content = "of build"
[case.run-image]
base = "RUN_IMAGE"
user = "1002:1000"
env = { WHO = "the run image" }
rebasable = true
[[case.run-image.file]]
path = "/etc/file"
content = "of run"

[[case]]
name = "a shared context"
requires = ["apt"]
env = { BP_GENERATE = "shared" }
[case.run-image]
rebasable = true
[[case.run-image.command]]
run = ["cat", "/etc/file"]
output = "shared"

[[case]]
name = "the run image is switched"
requires = ["apt"]
env = { BP_GENERATE = "switch", BP_IMAGE = "OTHER" }
[case.run-image]
base = "OTHER"
[[case.run-image.file]]
path = "/etc/other"

[[case]]
name = "the run image is switched and extended"
requires = ["apt"]
env = { BP_GENERATE = "extend", BP_IMAGE = "OTHER" }
[case.run-image]
base = "OTHER"
user = "1002"
[[case.run-image.file]]
path = "/etc/extended"
[[case.run-image.file]]
path = "/etc/other"

[[case]]
name = "it does not apply"
requires = ["apt"]
env = { BP_DETECT = "no" }
detect = "fail"
output = "there is no Aptfile"

[[case]]
name = "generate fails"
requires = ["apt"]
env = { BP_GENERATE = "crash" }
fails = "no luck"

[[case]]
name = "the Dockerfile fails"
requires = ["apt"]
env = { BP_GENERATE = "broken" }
fails = "trying"

[[case]]
name = "an older Platform API"
app = "app"
requires = [{ name = "apt", metadata = { packages = ["curl"] } }]
platform-api = "0.12"
[[case.build-image.file]]
path = "/etc/Aptfile"

[[case]]
name = "the application may change"
app = "app"
requires = ["apt"]
env = { BP_GENERATE = "app" }
changes-app = true

[[case]]
name = "no secrets of the user"
requires = ["apt"]
env = { BP_GENERATE = "secret" }
[[case.build-image.file]]
path = "/etc/token"
content = "none"
`

// TestTest runs cases that hold, and asserts that nothing of them is packaged.
func TestTest(t *testing.T) {
	t.Parallel()
	images := lab(t)
	dir := labExtension(t, images, "lab/passing", passing)
	r := extpack(t, dir, "test", "--target", "linux/amd64", "--update")
	has(t, r, 0)
	if !strings.Contains(r.stdout, "wrote tests/golden/build.Dockerfile\n") && !strings.Contains(r.stdout, "golden/build.Dockerfile\n") {
		t.Errorf("--update says\n%s", r.stdout)
	}
	r = extpack(t, dir, "test", "--target", "linux/amd64")
	has(t, r, 0)
	if !strings.HasSuffix(r.stdout, "11 passed, 0 failed, 0 not run\n") {
		t.Errorf("got\n%s", r.stdout)
	}
	mustExtpack(t, dir, "build", "--engine", "embedded", "-o", filepath.Join(t.TempDir(), "x.cnb"))
	for _, engine := range []string{"embedded", "buildx"} {
		out := filepath.Join(t.TempDir(), "layout") + "/"
		mustExtpack(t, dir, "build", "--engine", engine, "-o", out)
		for _, name := range filesOfLayout(t, out) {
			if strings.Contains(name, "/tests") {
				t.Errorf("%s packages %s", engine, name)
			}
		}
	}
}

// failing are cases that do not hold, with the sentence that says why.
var failing = []struct{ name, text, want string }{
	{"not detected", "requires = [\"apt\"]\nenv = { BP_DETECT = \"no\" }", "detection of lab/failing@1.2.3 failed: bin/detect ended with exit code 100, which means that it does not apply"},
	{"detect crashes", "requires = [\"apt\"]\nenv = { BP_DETECT = \"crash\" }", "bin/detect ended with exit code 3, and lifecycles accept only 0 and 100"},
	{"plan requires", "env = { BP_DETECT = \"requires\" }", `outputs "requires" which is not allowed`},
	{"nothing requires it", "", `it provides apt, which nothing requires; add requires = ["apt"] to the case`},
	{"required by none", "requires = [\"node\", \"apt\"]", "the case requires node, which no extension provides"},
	{"passes", "requires = [\"apt\"]\napp = \"app\"\ndetect = \"fail\"", "detection of lab/failing@1.2.3 passed, but the case expects it to fail"},
	{"generate crashes", "requires = [\"apt\"]\nenv = { BP_GENERATE = \"crash\" }", "bin/generate ended with exit code 7, and the lifecycle stopped the build"},
	{"app changes", "requires = [\"apt\"]\napp = \"app\"\nenv = { BP_GENERATE = \"app\" }", "detect or generate changed the application [app-changed]"},
	{"two stages", "requires = [\"apt\"]\nenv = { BP_GENERATE = \"stages\" }", "the lifecycle refuses what generate wrote: failed to parse build.Dockerfile"},
	{"step fails", "requires = [\"apt\"]\nenv = { BP_GENERATE = \"broken\" }", "build.Dockerfile: RUN echo trying && exit 9 ended with exit code 9"},
	{"root", "requires = [\"apt\"]\nenv = { BP_GENERATE = \"root\" }", "the final user of the run image is root, and lifecycles refuse to extend it"},
	{"no such image", "requires = [\"apt\"]\nenv = { BP_GENERATE = \"switch\", BP_IMAGE = \"RUN_IMAGE-none\" }", "run.Dockerfile switches the run image to "},
	{"other base", "requires = [\"apt\"]\nenv = { BP_GENERATE = \"switch\", BP_IMAGE = \"OTHER\" }\n[case.run-image]\nbase = \"RUN_IMAGE\"", "the base of the run image is "},
	{"other output", "requires = [\"apt\"]\napp = \"app\"\noutput = \"installing\"", `nothing in the output of detect and generate matches "installing"`},
	{"other plan", "requires = [\"apt\"]\napp = \"app\"\nplan = [\"node\"]", "the plan of generate has apt, want node"},
	{"other golden", "requires = [\"apt\"]\napp = \"app\"\ngolden = \"golden\"", "the output of generate differs from the golden files; --update writes them"},
	{"file", "requires = [\"apt\"]\napp = \"app\"\n[[case.build-image.file]]\npath = \"/etc/none\"", "the build image has no file /etc/none"},
	{"absent", "requires = [\"apt\"]\napp = \"app\"\n[[case.build-image.file]]\npath = \"/etc/Aptfile\"\nabsent = true", "the build image has the file /etc/Aptfile"},
	{"mode", "requires = [\"apt\"]\napp = \"app\"\n[[case.build-image.file]]\npath = \"/etc/Aptfile\"\nmode = \"0644\"", "/etc/Aptfile of the build image has mode 4711, want 0644"},
	{"content", "requires = [\"apt\"]\napp = \"app\"\n[[case.build-image.file]]\npath = \"/etc/Aptfile\"\ncontent = \"wget\"", `the content of /etc/Aptfile in the build image does not match "wget"`},
	{"exit", "requires = [\"apt\"]\napp = \"app\"\n[[case.build-image.command]]\nrun = [\"no-such-command\"]", "no-such-command ended with exit code 127 in the build image, want 0"},
	{"said", "requires = [\"apt\"]\napp = \"app\"\n[[case.run-image.command]]\nrun = [\"echo\", \"hi\"]\noutput = \"ho\"", `the output of echo hi in the run image does not match "ho"`},
	{"user", "requires = [\"apt\"]\napp = \"app\"\n[case.build-image]\nuser = \"5\"", `the user of the build image is "1001:1000", want "5"`},
	{"variable", "requires = [\"apt\"]\napp = \"app\"\n[case.build-image]\nenv = { NONE = \"1\" }", `build image: variable NONE is not set, want "1"`},
	{"no shell", "requires = [\"apt\"]\nenv = { BP_GENERATE = \"switch\", BP_IMAGE = \"SCRATCH\" }\n[[case.run-image.file]]\npath = \"/etc/hostname\"\n[[case.run-image.command]]\nrun = [\"/bin/true\"]", "/bin/true cannot run in the run image: the image has no /bin/sh, which is required to record the exit code"},
	{"file without shell", "requires = [\"apt\"]\nenv = { BP_GENERATE = \"switch\", BP_IMAGE = \"SCRATCH\" }\n[[case.run-image.file]]\npath = \"/etc/release\"\ncontent = \"other\"", `the content of /etc/release in the run image does not match "other"`},
	{"label", "requires = [\"apt\"]\napp = \"app\"\n[case.run-image]\nrebasable = false", "the label io.buildpacks.rebasable of the run image is"},
}

// TestTestFails checks the message for each way in which a case fails, and that
// each has the line of the case.
func TestTestFails(t *testing.T) {
	t.Parallel()
	images := lab(t)
	var cases strings.Builder
	for _, f := range failing {
		fmt.Fprintf(&cases, "[[case]]\nname = %q\n%s\n", f.name, f.text)
	}
	dir := labExtension(t, images, "lab/failing", cases.String())
	r := extpack(t, dir, "test", "--target", "linux/amd64", "--format", "json")
	has(t, r, 2, fmt.Sprintf("%d cases of %d failed", len(failing), len(failing)))
	var results []struct {
		Case, Status string
		Failures     []struct {
			File    string
			Line    int
			Message string
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &results); err != nil || len(results) != len(failing) {
		t.Fatalf("%v: %d results\n%s%s", err, len(results), r.stdout, r.stderr)
	}
	for i, f := range failing {
		got := results[i]
		if got.Status != "failed" || len(got.Failures) != 1 || !strings.Contains(got.Failures[0].Message, f.want) || got.Failures[0].Line == 0 {
			t.Errorf("%s: got %+v, want %q", f.name, got, f.want)
		}
	}
}

// TestTestOrder runs several extensions in order: the second one builds on what
// the first one made.
func TestTestOrder(t *testing.T) {
	t.Parallel()
	images := lab(t)
	repo := t.TempDir()
	for name, generate := range map[string]string{
		"first":  "#!/bin/sh\nprintf 'ARG base_image\\nFROM ${base_image}\\nUSER root\\nRUN echo first >/etc/order\\nENV ORDER=first\\n' >\"$CNB_OUTPUT_DIR/build.Dockerfile\"\n",
		"second": "#!/bin/sh\nprintf 'ARG base_image\\nFROM ${base_image}\\nRUN echo second >>/etc/order\\nENV ORDER=\"$ORDER second\"\\nUSER 1001\\n' >\"$CNB_OUTPUT_DIR/build.Dockerfile\"\n",
	} {
		writeFile(t, filepath.Join(repo, name, "extension.toml"), descriptor("lab/"+name, linuxTargets))
		writeFile(t, filepath.Join(repo, name, "bin/generate"), generate)
	}
	writeFile(t, filepath.Join(repo, ".git/HEAD"), "ref: refs/heads/main\n")
	writeFile(t, filepath.Join(repo, "second/tests/order.toml"), `[[case]]
name = "after the first"
order = ["../first", "."]
[case.build-image]
env = { ORDER = "first second" }
user = "1001"
[[case.build-image.file]]
path = "/etc/order"
content = "^first\nsecond$"
`)
	if err := os.MkdirAll(filepath.Join(repo, ".git/objects"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(repo, ".git/refs"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := extpack(t, repo, "test", "second", "--builder-image", images.Builder, "--target", "linux/amd64")
	has(t, r, 0)
	if !strings.Contains(r.stdout, "PASS") {
		t.Errorf("got\n%s%s", r.stdout, r.stderr)
	}
	writeFile(t, filepath.Join(repo, "second/tests/order.toml"), "[[case]]\nname = \"x\"\norder = [\"../../elsewhere\", \".\"]\n")
	has(t, extpack(t, repo, "test", "second", "--builder-image", images.Builder), 2, "tests/order.toml:3:10: the extension ", "is outside the repository of the extension under test")
}

// TestTestPackage tests a published package with cases of the working directory.
func TestTestPackage(t *testing.T) {
	t.Parallel()
	images := lab(t)
	dir := labExtension(t, images, "lab/package", "[[case]]\nname = \"published\"\napp = \"app\"\nrequires = [\"apt\"]\n[[case.build-image.file]]\npath = \"/etc/Aptfile\"\n")
	ref := tag(t, "1")
	mustExtpack(t, dir, "build", "--push", "-t", ref)
	r := extpack(t, dir, "test", ref, "--builder-image", images.Builder, "--target", "linux/amd64")
	has(t, r, 0)
	if !strings.Contains(r.stdout, "lab/package@1.2.3: published") {
		t.Errorf("got\n%s", r.stdout)
	}
	has(t, extpack(t, t.TempDir(), "test", ref, "--builder-image", images.Builder), 2, "no test cases found in tests")
}

// TestTestFlags runs the same cases in other ways: a package in a file, images
// that are not builder images, a platform that cannot run, and each format.
func TestTestFlags(t *testing.T) {
	t.Parallel()
	images := lab(t)
	dir := labExtension(t, images, "lab/flags", "[[case]]\nname = \"holds\"\napp = \"app\"\nrequires = [\"apt\"]\n[[case.build-image.file]]\npath = \"/etc/Aptfile\"\n")
	writeFile(t, filepath.Join(dir, "extension.toml"), descriptor("lab/flags", "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n[[targets]]\nos = \"linux\"\narch = \"s390x\"\n"))
	file := filepath.Join(t.TempDir(), "flags.cnb")
	mustExtpack(t, dir, "build", "--engine", "embedded", "-o", file)
	parts := []string{"test", "--build-image", images.Build, "--lifecycle", images.Lifecycle, "--run-image", images.Run}

	keep := filepath.Join(t.TempDir(), "kept")
	r := extpack(t, dir, append(parts, file, "--target", "linux/amd64", "--keep", keep)...)
	has(t, r, 0)
	if !strings.HasSuffix(r.stdout, "lab/flags@1.2.3: holds\n1 passed, 0 failed, 0 not run\n") {
		t.Errorf("got\n%s", r.stdout)
	}
	kept := filepath.Join(keep, "lab_flags/01-holds/linux-amd64")
	for name, want := range map[string]string{
		"output.txt": "generating in /workspace", "app/Aptfile": "curl", "layers/generated/lab_flags/build.Dockerfile": "COPY Aptfile /etc/Aptfile",
		"build-image.tar": "oci-layout",
	} {
		if got := string(readFile(t, filepath.Join(kept, name))); !strings.Contains(got, want) {
			t.Errorf("%s has no %q", name, want)
		}
	}
	has(t, extpack(t, dir, append(parts, "--keep", keep)...), 2, "the directory is not empty")
	has(t, extpack(t, dir, "test", "--build-image", images.Build), 2, "a run image is required in addition to a build image")
	has(t, extpack(t, dir, "test", "--build-image", images.Build, "--run-image", images.Run, "--target", "linux/amd64"), 2,
		"/cnb/lifecycle/detector", "one with the lifecycle with --lifecycle")

	has(t, extpack(t, dir, append(parts, "--all-platforms")...), 1, "1 case of 2 could not be run (--all-platforms)")
	r = extpack(t, dir, append(parts, "--format", "junit")...)
	has(t, r, 0)
	for _, want := range []string{`<testsuite name="lab/flags@1.2.3" tests="2" failures="0" skipped="1"`, `name="holds (linux/amd64)"`, "<skipped message="} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("junit has no %s\n%s", want, r.stdout)
		}
	}
	writeFile(t, filepath.Join(dir, "tests/cases.toml"), "[[case]]\nname = \"does not\"\n")
	r = extpack(t, dir, append(parts, "--format", "github")...)
	has(t, r, 2, "1 case of 2 failed")
	for _, want := range []string{"::error file=tests/cases.toml,line=1", "title=does not (linux/amd64)::", "::notice file=tests/cases.toml,line=1"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("github has no %s\n%s", want, r.stdout)
		}
	}
}

// fakeApt is a package manager that makes each package a program.
const fakeApt = `#!/bin/sh
for name; do
	case $name in
	-* | update | install) ;;
	*) printf '#!/bin/sh\necho %s-1.7\n' "$name" >"/bin/$name" && chmod 0755 "/bin/$name" || exit ;;
	esac
done
`

// TestTestExamples runs the cases of the examples, in images of a distribution
// that the examples are for.
func TestTestExamples(t *testing.T) {
	t.Parallel()
	images := lab(t)
	base := t.TempDir()
	writeFile(t, filepath.Join(base, "bin/apt-get"), fakeApt)
	ubuntu := func(from, user, name string) string {
		writeFile(t, filepath.Join(base, "Dockerfile"), "FROM "+from+"\nUSER 0\nCOPY bin/apt-get /bin/\nUSER "+user+"\n"+
			"LABEL io.buildpacks.base.distro.name=ubuntu io.buildpacks.base.distro.version=22.04\n")
		buildx(t, base, "build", "--push", "--provenance=false", "-t", world.Registry()+"/"+name, ".")
		return world.Registry() + "/" + name
	}
	builder := ubuntu(images.Builder, "1001:1000", "examples/builder:1")
	run := ubuntu(images.Run, "1002:1000", "paketobuildpacks/run-jammy-base:latest")
	dir := t.TempDir()
	for _, name := range []string{"hello", "aptfile", "platform-roots", "compiled"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(example(name))); err != nil {
			t.Fatal(err)
		}
	}
	// That BuildKit compiles it is another test.
	compile := exec.CommandContext(t.Context(), "go", "build", "-o", "bin/", "./cmd/...")
	compile.Dir = filepath.Join(dir, "compiled")
	compile.Env = append(os.Environ(), "GOWORK=off", "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	writeFile(t, filepath.Join(dir, "compiled/Dockerfile"), "FROM scratch AS package\nCOPY bin /bin/\n")
	for _, name := range []string{"bin/generate", "tests/aptfile.toml"} {
		name = filepath.Join(dir, "aptfile", name)
		writeFile(t, name, strings.ReplaceAll(string(readFile(t, name)), "docker.io/", world.Registry()+"/"))
	}
	r := extpack(t, dir, "test", "hello", "aptfile", "platform-roots", "compiled", "--builder-image", builder, "--run-image", run, "--target", "linux/amd64")
	has(t, r, 0)
	if !strings.HasSuffix(r.stdout, "12 passed, 0 failed, 0 not run\n") {
		t.Errorf("got\n%s%s", r.stdout, r.stderr)
	}
}

// TestBuildTest publishes nothing when a case fails.
func TestBuildTest(t *testing.T) {
	t.Parallel()
	images := lab(t)
	dir := labExtension(t, images, "lab/build", "[[case]]\nname = \"it applies\"\napp = \"app\"\nrequires = [\"apt\"]\n")
	ref := tag(t, "1")
	r := extpack(t, dir, "build", "--test", "--push", "-t", ref, "--target", "linux/amd64")
	has(t, r, 0, "PASS  linux/amd64", "lab/build@1.2.3: it applies")
	if !strings.HasPrefix(r.stdout, ref+"@sha256:") {
		t.Errorf("printed %q", r.stdout)
	}
	writeFile(t, filepath.Join(dir, "tests/cases.toml"), "[[case]]\nname = \"it applies\"\n")
	ref = tag(t, "2")
	r = extpack(t, dir, "build", "--test", "--push", "-t", ref, "--target", "linux/amd64")
	has(t, r, 2, "it provides apt, which nothing requires", "lab/build@1.2.3: 1 case of 1 failed")
	if r.stdout != "" || exists(t, ref) {
		t.Errorf("published %q", r.stdout)
	}
	writeFile(t, filepath.Join(dir, "tests/cases.toml"), "[[case]]\nname = \"elsewhere\"\ntargets = [\"linux/arm64\"]\n")
	has(t, extpack(t, dir, "build", "--test", "-o", filepath.Join(t.TempDir(), "x.cnb"), "--target", "linux/amd64"), 0, "lab/build@1.2.3 has no test cases for its platforms")
	r = extpack(t, dir, "build", "--test", "--dry-run", "--push", "-t", ref)
	if !strings.Contains(r.stdout, "  run the test cases\n") {
		t.Errorf("--dry-run says\n%s", r.stdout)
	}
}

// filesOfLayout returns the names in the layers of an OCI layout directory.
func filesOfLayout(t *testing.T, dir string) []string {
	t.Helper()
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, blob := range blobs {
		f, err := os.Open(blob)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		plain, err := gzip.NewReader(f)
		if err != nil {
			continue // a document
		}
		for tr := tar.NewReader(plain); ; {
			header, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, header.Name)
		}
	}
	if len(names) == 0 {
		t.Fatalf("%s has no files", dir)
	}
	return names
}
