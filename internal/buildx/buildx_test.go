package buildx

import (
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func TestEnviron(t *testing.T) {
	for _, kv := range [][2]string{
		{"DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "/usr/bin/docker"},
		{"PLATFORMS", "linux/amd64"},
		{"PLATFORMS_x", "linux/amd64"},
		{"BUILDX_BAKE_FILE_RELATIVE_PATHS", "1"},
		{"BUILDX_GIT_LABELS", "full"},
		{"KEPT", "a=b"},
		{"PLATFORM", "kept"},
		{"OTEL_RESOURCE_ATTRIBUTES", "docker.cli.cobra.command_path=docker%20extpack"},
	} {
		t.Setenv(kv[0], kv[1])
	}
	env := Environ([]string{"DOCKER_CONFIG=/x"})
	for _, want := range []string{"KEPT=a=b", "PLATFORM=kept", "DOCKER_CONFIG=/x", "BUILDX_METADATA_PROVENANCE=disabled", "BUILDX_GIT_INFO=0", "OTEL_TRACES_SAMPLER=always_off"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains([]string{"DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "PLATFORMS", "PLATFORMS_x", "BUILDX_BAKE_FILE_RELATIVE_PATHS", "BUILDX_GIT_LABELS"}, name) {
			t.Errorf("%s is still there", kv)
		}
	}
}

// The user's own settings are kept.
func TestEnvironKeepsSettings(t *testing.T) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_SDK_DISABLED"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "always_on")
			if slices.Contains(Environ(nil), "OTEL_TRACES_SAMPLER=always_off") {
				t.Error("traces are off")
			}
		})
	}
	t.Setenv("BUILDX_GIT_INFO", "1")
	if slices.Contains(Environ(nil), "BUILDX_GIT_INFO=0") {
		t.Error("git information is off")
	}
}

func TestExplain(t *testing.T) {
	tests := map[string]string{
		"ERROR: x: connect: connection refused":                                                      `run "docker extpack builder doctor"`,
		"   4 |     # minds symbolic links\nERROR: failed to solve: x":                               "",
		"ERROR: dockerfile parse error on line 3: unknown flag: --exclude":                           "the builder's BuildKit is too old",
		"ERROR: additional privileges requested":                                                     "the build requires a grant",
		"ERROR: failed to solve: something that nobody can do something about.":                      "",
		"#1 [internal] waiting for connection\n#1 DONE 3.2s\nERROR: failed to solve: something else": "",
	}
	for text, want := range tests {
		err := Explain(errTest, text)
		first, hint, hinted := strings.Cut(diag.Text(err), "\n  ")
		if first != "building: buildx bake failed (test); its own message is above" || hinted != (want != "") || !strings.HasPrefix(hint, want) {
			t.Errorf("%s: got %q", text, err)
		}
	}
}

func TestExplainNamesTheCause(t *testing.T) {
	const container = `or run "docker extpack builder ensure" and add --builder extpack; extensions that are not compiled need no builder with --engine embedded`
	tests := map[string]string{
		"ERROR: failed to update builder last activity time: open /home/ci/.docker/buildx/activity/.tmp-ci1: read-only file system\n": "buildx cannot write to /home/ci/.docker/buildx: read-only file system; buildx's own message is above\n" +
			`  set BUILDX_CONFIG to a folder that you may write to, and make a builder there with "docker extpack builder ensure --use"; what is not compiled needs none with --engine embedded`,
		"#1 x\npanic: runtime error: nil pointer dereference\n[signal SIGSEGV]\n\ngoroutine 138 [running]:\n": "buildx crashed: runtime error: nil pointer dereference; buildx's own message is above\n" +
			"  update buildx; if this is the newest, report it with what it printed: https://github.com/docker/buildx/issues",
		"ERROR: OCI exporter is not supported for the docker driver.\nSwitch to a different driver": "the builder is a Docker Engine without the containerd image store, which cannot export images; buildx's own message is above\n" +
			`  turn the store on with "features": {"containerd-snapshotter": true} in the engine's daemon.json (Docker Desktop: Settings, General), ` + container,
		"ERROR: Multi-platform build is not supported for the docker driver.\nSwitch to a different driver": "the builder is a Docker Engine without the containerd image store, which cannot export images; buildx's own message is above\n" +
			`  turn the store on with "features": {"containerd-snapshotter": true} in the engine's daemon.json (Docker Desktop: Settings, General), ` + container,
		"#2 ERROR: error for bootstrap \"k0\": x\nERROR: error for bootstrap \"k0\": Get \"http://c:1/apis/apps/v1/x\": connection refused\n": `the cluster of the builder's node k0 does not respond: Get "http://c:1/apis/apps/v1/x": connection refused; buildx's own message is above
  check whether "kubectl get deployments" works with the kubeconfig that "docker buildx inspect" names, or choose another builder with --builder`,
		"ERROR: error for bootstrap \"n0\": pulling moby/buildkit: denied": `the builder's node n0 cannot be started: pulling moby/buildkit: denied; buildx's own message is above
  run "docker buildx inspect --bootstrap" to try again, or choose another builder with --builder`,
	}
	const unreachable = `run "docker extpack builder doctor", which says why and what to do, or choose another builder with --builder; extensions that are not compiled need none with --engine embedded`
	for text, want := range map[string]string{
		`ERROR: no builder "x" found`: `builder "x" not found; buildx's own message is above` + "\n  " + `run "docker buildx ls" to list the builders, or "docker context ls" if x should be a docker context`,
		"ERROR: Cannot connect to the Docker daemon at unix:///x. Is it running?":               "no Docker Engine responds at unix:///x, which the builder needs; buildx's own message is above\n  start it, or " + unreachable,
		"ERROR: failed to connect to the docker API at unix:///x; check if the path is correct": "no Docker Engine responds at unix:///x, which the builder needs; buildx's own message is above\n  start it, or " + unreachable,
		"#2 [internal] waiting for connection\nERROR: context deadline exceeded":                "the builder does not respond; buildx's own message is above\n  " + unreachable,
		"ERROR: listing workers for Build: x":                                                   "a node of the builder does not respond; buildx's own message is above\n  " + unreachable,
	} {
		tests[text] = want
	}
	for text, want := range tests {
		if err := Explain(errTest, text); diag.Text(err) != "building: "+want {
			t.Errorf("%s: got\n%v", text, err)
		}
	}
}

// The commands of a hint look at the builder that was used.
func TestExplainNamesTheBuilder(t *testing.T) {
	for text, want := range map[string]string{
		"waiting for connection: deadline exceeded": "docker extpack builder doctor --builder b",
		"":                                       "docker extpack builder doctor --builder b",
		"ERROR: error for bootstrap \"b0\": x\n": "docker buildx inspect --bootstrap --builder b",
		"exec format error":                      "docker extpack builder doctor --builder b",
	} {
		if err := ForBuilder(Explain(errTest, text), "b"); !strings.Contains(diag.Text(err), `"`+want+`"`) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTailBufferKeepsTheEnd(t *testing.T) {
	tail := &TailBuffer{Limit: 5}
	for _, s := range []string{"ab", "", "cdefgh", "i"} {
		if n, err := tail.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("wrote %d of %d, %v", n, len(s), err)
		}
	}
	if tail.String() != "efghi" {
		t.Errorf("kept %q", tail)
	}
}

type testError string

func (e testError) Error() string { return string(e) }

const errTest = testError("test")
