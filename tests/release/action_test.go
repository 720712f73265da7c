package release_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/extpack/extpack/tests/sandbox"
)

// action is a composite action of GitHub
// (https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax).
type action struct {
	Name        string
	Description string
	Inputs      map[string]struct{ Description, Default string }
	Outputs     map[string]struct{ Description, Value string }
	Runs        struct {
		Using string
		Steps []struct {
			Name, ID, If, Shell, Run string
			Env                      map[string]string
		}
	}
}

func readAction(t *testing.T, name string) action {
	t.Helper()
	f, err := os.Open(filepath.Join("../../.github/actions", name, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	decoder := yaml.NewDecoder(f)
	decoder.KnownFields(true)
	var a action
	if err := decoder.Decode(&a); err != nil {
		t.Fatal(err)
	}
	if a.Name == "" || a.Description == "" || a.Runs.Using != "composite" {
		t.Errorf("%s: name, description and runs.using: composite are required", name)
	}
	for input, v := range a.Inputs {
		if v.Description == "" {
			t.Errorf("%s: input %s has no description", name, input)
		}
	}
	for _, step := range a.Runs.Steps {
		if step.Shell == "" || step.Run == "" {
			t.Errorf("%s: step %q needs shell and run", name, step.Name)
		}
		// A value in a script could end it; in env it cannot.
		if strings.Contains(step.Run, "${{") {
			t.Errorf("%s: step %q has an expression in its script", name, step.Name)
		}
	}
	return a
}

var expression = regexp.MustCompile(`\$\{\{ ([^}]+) \}\}`)

// runAction runs the steps of an action with bash, as a runner does, and
// returns its outputs.
func runAction(t *testing.T, name string, env []string, inputs map[string]string) (outputs map[string]string, err error) {
	t.Helper()
	a := readAction(t, name)
	values := map[string]string{}
	for input, v := range a.Inputs {
		values["inputs."+input] = v.Default
	}
	for input, value := range inputs {
		if _, ok := a.Inputs[input]; !ok {
			t.Fatalf("%s has no input %s", name, input)
		}
		values["inputs."+input] = value
	}
	evaluate := func(text string) string {
		return expression.ReplaceAllStringFunc(text, func(e string) string {
			value, ok := values[expression.FindStringSubmatch(e)[1]]
			if !ok {
				t.Fatalf("%s: %s has no value", name, e)
			}
			return value
		})
	}
	for i, step := range a.Runs.Steps {
		if step.If != "" && !holds(t, step.If, values) {
			continue
		}
		output := filepath.Join(t.TempDir(), "output")
		script := filepath.Join(filepath.Dir(output), fmt.Sprint("step", i))
		if err := os.WriteFile(script, []byte(step.Run), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script)
		cmd.Dir = "../.."
		cmd.Env = append(append(os.Environ(), env...), "GITHUB_OUTPUT="+output)
		for key, value := range step.Env {
			cmd.Env = append(cmd.Env, key+"="+evaluate(value))
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("step %q: %w\n%s", step.Name, err, out)
		}
		data, _ := os.ReadFile(output) // none without outputs
		for line := range strings.Lines(string(data)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			values["steps."+step.ID+".outputs."+key] = value
		}
	}
	outputs = map[string]string{}
	for output, v := range a.Outputs {
		outputs[output] = evaluate(v.Value)
	}
	return outputs, nil
}

var condition = regexp.MustCompile(`^(inputs\.[a-z-]+) == '([^']*)'$`)

func holds(t *testing.T, text string, values map[string]string) bool {
	t.Helper()
	m := condition.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("the condition %q is not understood", text)
	}
	return values[m[1]] == m[2]
}

// serveRelease serves the release as GitHub does.
func serveRelease(t *testing.T) string {
	t.Helper()
	files := http.FileServer(http.Dir(made))
	mux := http.NewServeMux()
	mux.Handle("/download/"+version+"/", http.StripPrefix("/download/"+version+"/", files))
	mux.Handle("/latest/download/", http.StripPrefix("/latest/download/", files))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// cleanDocker returns an environment for docker without plugins and builders.
func cleanDocker(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("docker is not here")
	}
	return []string{"DOCKER_CONFIG=" + t.TempDir(), "BUILDX_BUILDER=", "DOCKER_HOST=unix:///nonexistent"}
}

// extension writes an extension in a folder whose name has a space.
func extension(t *testing.T, descriptor string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "my extension")
	for name, content := range map[string]string{
		"extension.toml": descriptor, "bin/generate": "#!/bin/sh\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const descriptor = "api = \"0.10\"\n[extension]\nid = \"samples/action\"\nversion = \"0.0.1\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"

// TestActions sets the plugin up with the one action, and builds with the
// other.
func TestActions(t *testing.T) {
	env, releases := cleanDocker(t), serveRelease(t)
	for _, v := range []string{"latest", version, strings.TrimPrefix(version, "v")} {
		outputs, err := runAction(t, "setup", env, map[string]string{"version": v, "releases": releases})
		if err != nil || outputs["version"] != version {
			t.Fatalf("version %s: %v, %v", v, outputs, err)
		}
	}
	if _, err := runAction(t, "setup", env, map[string]string{"version": "9.9.9", "releases": releases}); err == nil {
		t.Error("a version that does not exist was installed")
	}

	ref := world.Registry() + "/action:1"
	dir := extension(t, descriptor)
	outputs, err := runAction(t, "extpack-build", env, map[string]string{
		"path": dir, "tags": ref + "\n" + ref + ".0\n", "targets": "linux/amd64\nlinux/arm64\n", "flags": "--annotation=a=b c\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	if outputs["id"] != "samples/action" || outputs["version"] != "0.0.1" || outputs["reference"] != ref+"@"+outputs["digest"] {
		t.Errorf("outputs are %v", outputs)
	}
	docker := exec.CommandContext(t.Context(), "docker", "extpack", "inspect", "--format", "{{len .Platforms}} {{.Annotations.a}}", ref+".0")
	docker.Env = append(os.Environ(), env...)
	if out, err := docker.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "2 b c" {
		t.Errorf("the package is %s, %v", out, err)
	}
	for name, inputs := range map[string]map[string]string{
		"lint": {"path": extension(t, strings.Replace(descriptor, "0.0.1", "1", 1)), "tags": ref},
		"push": {"path": dir},
	} {
		if _, err := runAction(t, "extpack-build", env, inputs); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestActionTests runs the test cases of an extension before it is published.
func TestActionTests(t *testing.T) {
	cleanDocker(t) // skips without docker
	images, err := world.TestImages(t.Context())
	if errors.Is(err, sandbox.ErrNoPackages) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runAction(t, "setup", world.Env(), map[string]string{"releases": serveRelease(t)}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, output, fails string }{
		{"good", "^greetings from generate$", ""},
		{"bad", "^something else$", "::error file="},
	} {
		dir, ref := extension(t, descriptor), world.Registry()+"/tested-"+c.name+":1"
		for name, content := range map[string]string{
			"bin/generate":     "#!/bin/sh\necho greetings from generate\n",
			"tests/greet.toml": "[[case]]\nname = \"greets\"\noutput = '" + c.output + "'\n",
		} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		outputs, err := runAction(t, "extpack-build", world.Env(), map[string]string{
			"path": dir, "tags": ref, "test": "true", "builder-image": images.Builder,
		})
		switch {
		case c.fails == "" && (err != nil || !strings.HasPrefix(outputs["reference"], ref+"@")):
			t.Errorf("%s: %v, %v", c.name, outputs, err)
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), `step "Test"`) || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestGitLab runs the scripts of the job with sh.
func TestGitLab(t *testing.T) {
	env, releases := cleanDocker(t), serveRelease(t)
	data, err := os.ReadFile("../../.gitlab/extpack.yml")
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var header struct {
		Spec struct {
			Inputs map[string]struct {
				Description string
				Default     *string
			}
		}
	}
	if err := decoder.Decode(&header); err != nil {
		t.Fatal(err)
	}
	ref := world.Registry() + "/gitlab:1"
	dir := extension(t, descriptor)
	given := map[string]string{"version": version, "releases": releases, "path": dir, "tags": ref + " " + ref + ".0", "flags": "--target linux/arm64"}
	var node yaml.Node
	if err := decoder.Decode(&node); err != nil {
		t.Fatal(err)
	}
	interpolated := regexp.MustCompile(`\$\[\[ inputs\.([a-z]+) \]\]`)
	var resolve func(n *yaml.Node)
	resolve = func(n *yaml.Node) {
		n.Value = interpolated.ReplaceAllStringFunc(n.Value, func(s string) string {
			name := interpolated.FindStringSubmatch(s)[1]
			input, ok := header.Spec.Inputs[name]
			value, isGiven := given[name]
			if !ok || input.Description == "" || !isGiven && input.Default == nil {
				t.Fatalf("input %s is not described, or has no value", name)
			}
			if !isGiven {
				value = *input.Default
			}
			return value
		})
		for _, child := range n.Content {
			resolve(child)
		}
	}
	resolve(&node)
	var jobs map[string]struct {
		Stage     string
		Variables map[string]string
		Before    []string `yaml:"before_script"`
		Script    []string
		Artifacts struct{ Reports struct{ Dotenv string } }
	}
	if err := node.Decode(&jobs); err != nil {
		t.Fatal(err)
	}
	job, ok := jobs["extpack"]
	if !ok || len(jobs) != 1 || job.Stage != "build" || job.Artifacts.Reports.Dotenv == "" {
		t.Fatalf("the jobs are %v", jobs)
	}
	work := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", strings.Join(append(job.Before, job.Script...), "\n"))
	cmd.Dir = work
	cmd.Env = append(os.Environ(), env...)
	for key, value := range job.Variables {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	report, err := os.ReadFile(filepath.Join(work, job.Artifacts.Reports.Dotenv))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^EXTPACK_ID=samples/action\nEXTPACK_VERSION=0\.0\.1\nEXTPACK_DIGEST=(sha256:[0-9a-f]{64})\nEXTPACK_REFERENCE=` + regexp.QuoteMeta(ref) + `@sha256:[0-9a-f]{64}\n$`).Match(report) {
		t.Errorf("the report is\n%s", report)
	}
}
