//go:build engine

package engine_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/extpack/extpack/tests/sandbox"
)

// doctor runs "builder doctor" and returns "STATE message fix" by name of check.
func doctor(t *testing.T, engine *sandbox.Engine, code int, args ...string) map[string]string {
	t.Helper()
	r := on(t, engine, extension(t, "samples/doctor", t.Name()), world.plugin, append([]string{"builder", "doctor", "--format", "json"}, args...)...)
	var report struct {
		Checks []struct{ Name, Subject, State, Message, Fix string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.code != code {
		t.Fatalf("exit code %d, want %d: %v\n%s%s", r.code, code, err, r.stdout, r.stderr)
	}
	checks := map[string]string{}
	for _, c := range report.Checks {
		checks[c.Name] = strings.Join([]string{c.State, c.Message, c.Fix}, " ")
	}
	return checks
}

func says(t *testing.T, checks map[string]string, name string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(checks[name], part) {
			t.Errorf("%s is %q, want %q", name, checks[name], part)
		}
	}
}

func TestDoctorImageStore(t *testing.T) {
	modern := doctor(t, world.modern, 0, "-t", tag(t, "1"))
	says(t, modern, "docker", "ok ", "whose engine is ")
	says(t, modern, "builder", "ok ", "the driver docker ")
	says(t, modern, "image-store", "ok ", "containerd image store")
	says(t, modern, "build", "ok ")
	says(t, modern, "clock", "ok it agrees with Docker Engine")
	static := doctor(t, world.old, 0, "--target", "linux/amd64")
	says(t, static, "image-store", "ok ", "static extensions do not need it")
	says(t, static, "build", "ok ")
	smoke := doctor(t, world.old, 2, "--smoke", world.Registry()+"/none")
	says(t, smoke, "image-store", "error ", "--smoke with samples/doctor@1.2.3", "containerd-snapshotter", "docker extpack builder ensure --use")
	if smoke["build"] != "" {
		t.Errorf("a trial build that is known to fail: %s", smoke["build"])
	}
}

// TestEnsureContainer makes a container, configures it and takes it away.
func TestEnsureContainer(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	ensure := func(code int, args ...string) result {
		t.Helper()
		r := on(t, world.modern, t.TempDir(), world.plugin, append([]string{"builder", "ensure"}, args...)...)
		if r.code != code || code == 0 && r.stdout != "extpack\n" {
			t.Fatalf("ensure %q: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
		return r
	}
	buildx := func(args ...string) string {
		t.Helper()
		r := on(t, world.modern, t.TempDir(), world.BuildxPath(), args...)
		if r.code != 0 {
			t.Fatalf("buildx %q: %s", args, r.stderr)
		}
		return r.stdout
	}
	// The image of BuildKit is not there and cannot be pulled: nothing is left.
	ensure(1, "--bootstrap", "--registry", world.Registry())
	if left, _ := filepath.Glob(filepath.Join(state, "docker-extpack", "builders", "*", "*")); len(left) > 0 || strings.Contains(buildx("ls", "--format", "{{.Name}}"), "extpack\n") {
		t.Errorf("half a builder is left: %v", left)
	}

	buildx("build", "--load", "-t", "moby/buildkit:buildx-stable-1", buildkitRoot(t))
	defer on(t, world.modern, t.TempDir(), world.plugin, "builder", "ensure", "--remove")
	if r := ensure(0, "--registry", world.Registry()); !strings.Contains(r.stderr, "a BuildKit container") {
		t.Error(r.stderr)
	}
	if r := ensure(0); !strings.Contains(r.stderr, "nothing to do") {
		t.Error(r.stderr)
	}
	asleep := doctor(t, world.modern, 0, "--builder", "extpack")
	says(t, asleep, "node", "warning ", "the next build starts it", "docker buildx inspect --bootstrap extpack")
	ensure(0, "--bootstrap")
	awake := doctor(t, world.modern, 0, "--builder", "extpack")
	says(t, awake, "node", "ok running")
	says(t, awake, "build", "ok ")
	if current := buildx("inspect"); strings.Contains(current, "extpack0") {
		t.Errorf("the builder was selected:\n%s", current)
	}

	// Another registry takes another container; the cache and the first
	// registry stay.
	id := container(t)
	if r := ensure(0, "--bootstrap", "--registry", "registry.test:5000=insecure"); !strings.Contains(r.stderr, "recreated the builder") {
		t.Error(r.stderr)
	}
	if now := container(t); now == id || now == "" {
		t.Errorf("the container was %q and is %q", id, now)
	}
	config := buildx("inspect", "extpack")
	for _, part := range []string{"registry.test:5000", world.Registry(), "network=\"host\""} {
		if !strings.Contains(config, part) {
			t.Errorf("the builder does not have %s:\n%s", part, config)
		}
	}
	if r := ensure(0, "--bootstrap", "--registry", "registry.test:5000=insecure"); !strings.Contains(r.stderr, "nothing to do") {
		t.Error(r.stderr)
	}
	ref := tag(t, "1")
	extpack(t, world.modern, extension(t, "samples/ensured", t.Name()), "build", "--builder", "extpack", "--push", "-t", ref)

	if r := on(t, world.modern, t.TempDir(), world.plugin, "builder", "ensure", "--remove"); r.code != 0 {
		t.Error(r.stderr)
	}
	if left := container(t); left != "" {
		t.Errorf("the container %s is left", left)
	}
}

// container returns the id of the builder's container, or "".
func container(t *testing.T) string {
	t.Helper()
	all, err := api(t, world.modern).ContainerList(t.Context(), client.ContainerListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Items {
		if slices.Contains(c.Names, "/buildx_buildkit_extpack0") {
			return c.ID
		}
	}
	return ""
}
