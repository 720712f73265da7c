package bake

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/task"
)

var smokePrograms = map[string]task.Program{
	"detect": {
		File: "bin/detect", Layout: "/tmp/layout", Manifest: "sha256:" + strings.Repeat("a", 64), Dest: "/cnb/extensions/acme_x/1.2.3",
		Platform: v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7", OSVersion: "24.04"},
		Distro:   extension.Distro{Name: "ubuntu", Version: "24.04"}, Image: "r.example/builder:1", API: 12, Dir: "/tmp/written",
	},
	"generate": {
		File: "bin/generate", Layout: `/tmp/"odd" ${x} %{if}`, Manifest: "sha256:" + strings.Repeat("b", 64), Dest: "/cnb/extensions/${y}/%{z}",
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Image: "r.example/${x}\nRUN false:1", API: 10, Dir: "/tmp/written",
	},
}

func TestSmokeGolden(t *testing.T) {
	t.Parallel()
	for name, p := range smokePrograms {
		t.Run(name, func(t *testing.T) {
			file, err := smokeFile(p)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "smoke", name+".hcl")
			if *update {
				if err := os.WriteFile(golden, file, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(file, want) {
				t.Errorf("got\n%s\nwant (rewrite it with -update; %v)\n%s", file, err, want)
			}
			got := evaluate(t, file, smokeTarget)[smokeTarget]
			args := map[string]string{
				"IMAGE": p.Image, "CNB_EXTENSION_DIR": p.Dest, "CNB_PLATFORM_DIR": "/cnb/smoke/platform",
				"CNB_TARGET_OS": "linux", "CNB_TARGET_ARCH": p.Platform.Architecture,
			}
			if name == "detect" {
				args["CNB_BUILD_PLAN_PATH"], args["CNB_EXEC_ENV"] = "/cnb/smoke/plan.toml", "production"
			} else {
				args["CNB_BP_PLAN_PATH"], args["CNB_OUTPUT_DIR"] = "/cnb/smoke/plan.toml", "/cnb/smoke/output"
			}
			if name == "detect" {
				args["CNB_TARGET_ARCH_VARIANT"], args["CNB_TARGET_DISTRO_NAME"], args["CNB_TARGET_DISTRO_VERSION"] = "v7", "ubuntu", "24.04"
			}
			equalMap(t, "args", got.Args, args)
			if want := "oci-layout://" + p.Layout + "@" + p.Manifest; got.Contexts["tree"] != want || len(got.Contexts) != 1 {
				t.Errorf("contexts %q, want %s", got.Contexts, want)
			}
			equal(t, "no-cache-filter", got.NoCacheFilter, []string{"smoke"})
			if len(got.Outputs) != 1 || got.Outputs[0].Type != "local" || got.Outputs[0].Destination != p.Dir || len(got.Platforms) != 1 {
				t.Errorf("output %v, platforms %v", got.Outputs, got.Platforms)
			}
			for _, user := range []string{p.Layout, p.Dest, p.Image, "ubuntu"} {
				if strings.Contains(*got.DockerfileInline, user) {
					t.Errorf("%q stands in the Dockerfile:\n%s", user, *got.DockerfileInline)
				}
			}
		})
	}
	if _, err := smokeFile(task.Program{File: "bin/build"}); err == nil {
		t.Error("a program that no lifecycle runs is run")
	}
}

// TestSmokeEnvironment: the variables that a lifecycle sets are those in
// detect.go and generate.go.
func TestSmokeEnvironment(t *testing.T) {
	t.Parallel()
	const target = "CNB_TARGET_ARCH CNB_TARGET_OS"
	for _, tt := range []struct {
		file string
		api  int
		want string
	}{
		{"bin/detect", 7, "CNB_EXTENSION_DIR"},
		{"bin/detect", 8, "CNB_BUILD_PLAN_PATH CNB_EXTENSION_DIR CNB_PLATFORM_DIR"},
		{"bin/detect", 9, "CNB_BUILD_PLAN_PATH CNB_EXTENSION_DIR CNB_PLATFORM_DIR"},
		{"bin/detect", 10, "CNB_BUILD_PLAN_PATH CNB_EXTENSION_DIR CNB_PLATFORM_DIR " + target},
		{"bin/detect", 12, "CNB_BUILD_PLAN_PATH CNB_EXEC_ENV CNB_EXTENSION_DIR CNB_PLATFORM_DIR " + target},
		{"bin/generate", 7, "CNB_BP_PLAN_PATH CNB_EXTENSION_DIR CNB_OUTPUT_DIR CNB_PLATFORM_DIR"},
		{"bin/generate", 9, "CNB_BP_PLAN_PATH CNB_EXTENSION_DIR CNB_OUTPUT_DIR CNB_PLATFORM_DIR"},
		{"bin/generate", 12, "CNB_BP_PLAN_PATH CNB_EXTENSION_DIR CNB_OUTPUT_DIR CNB_PLATFORM_DIR " + target},
	} {
		p := task.Program{File: tt.file, API: tt.api, Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
		if got := strings.Join(slices.Sorted(maps.Keys(environment(p))), " "); got != tt.want {
			t.Errorf("%s with api 0.%d: got %s, want %s", tt.file, tt.api, got, tt.want)
		}
	}
}

// smokeLines are buildx's progress for a program that wrote output.
func smokeLines(t *testing.T, output, failed string, plain ...string) string {
	t.Helper()
	var lines strings.Builder
	for _, v := range []any{
		map[string]any{"vertexes": []any{map[string]any{"digest": "sha256:1", "name": "[base 1/3] COPY --from=tree / /"}}},
		map[string]any{"vertexes": []any{map[string]any{"digest": "sha256:2", "name": "[linux/arm64 smoke 1/1] RUN --mount=type=bind [\"x\"]"}}},
		map[string]any{"logs": []any{map[string]any{"vertex": "sha256:1", "data": []byte("other\n")}, map[string]any{"vertex": "sha256:2", "data": []byte(output)}}},
		map[string]any{"vertexes": []any{map[string]any{"digest": "sha256:2", "name": "[linux/arm64 smoke 1/1] RUN --mount=type=bind [\"x\"]", "error": failed}}},
	} {
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	return lines.String() + strings.Join(plain, "\n")
}

func TestSmokeOutcome(t *testing.T) {
	t.Parallel()
	const exit = `process "x" did not complete successfully: exit code: `
	const file = "/cnb/smoke/extension/bin/generate"
	for name, tt := range map[string]struct {
		output, failed, fault string
		code                  int
	}{
		"fine":               {"hello\n", "", "", 0},
		"does not apply":     {"no\n", exit + "100", "", 100},
		"fails":              {"exec " + file + ": said in passing\nno\n", exit + "1", "", 1},
		"no interpreter":     {"exec " + file + ": no such file or directory\n", exit + "1", "no such file or directory: the interpreter or dynamic linker that it names is not in the image", 1},
		"not executable":     {"exec " + file + ": permission denied\n", exit + "1", "permission denied", 1},
		"runc before 1.1":    {"", `process "x" did not complete successfully: exit code: 1: exec: "` + file + `": permission denied`, "permission denied", 1},
		"no library":         {file + ": error while loading shared libraries: libx.so.1: cannot open\n", exit + "127", "error while loading shared libraries: libx.so.1: cannot open", 127},
		"no library, musl":   {"Error loading shared library libx.so: No such file\n", exit + "127", "Error loading shared library libx.so: No such file", 127},
		"no linker for QEMU": {"/dev/.buildkit_qemu_emulator: Could not open '/lib/ld.so': No such file\n", exit + "255", "Could not open '/lib/ld.so': No such file", 255},
		"no command":         {"", exit + "127", "exit code 127, a command was not found", 127},
		"no right":           {"", exit + "126", "exit code 126, a command was found and could not be executed", 126},
		"illegal":            {"", exit + "132", "it was killed by signal 4", 132},
	} {
		t.Run(name, func(t *testing.T) {
			var l smokeLog
			w := &lineWriter{line: l.line}
			text := smokeLines(t, tt.output, tt.failed)
			for _, half := range []string{text[:len(text)/2], text[len(text)/2:]} { // lines come in pieces
				if _, err := w.Write([]byte(half)); err != nil {
					t.Fatal(err)
				}
			}
			var ended error
			if tt.failed != "" {
				ended = errors.New("exit status 1")
			}
			got, err := l.outcome(smokePrograms["generate"], ended)
			if err != nil || got != (task.Outcome{Output: tt.output, ExitCode: tt.code, Fault: tt.fault}) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestSmokeNotTried(t *testing.T) {
	t.Parallel()
	p := smokePrograms["detect"]
	const failed = `process "x" did not complete successfully: exit code: 1`
	for want, text := range map[string]string{
		"the builder cannot run programs for linux/arm/v7":                                                       smokeLines(t, "exec /cnb/smoke/extension/bin/detect: exec format error\n", failed),
		"the image r.example/builder:1 has no image for linux/arm/v7":                                            "ERROR: failed to solve: failed to resolve source metadata for r.example/builder:1: no match for platform in manifest: not found",
		"--smoke r.example/builder:1: image r.example/builder:1 not found\n  correct the name after --smoke; ":   "ERROR: failed to solve: failed to resolve source metadata for r.example/builder:1: not found",
		"running bin/detect for linux/arm/v7: buildx: no builder":                                                `ERROR: no builder "x" found`,
		"running bin/detect for linux/arm/v7: buildx: exit status 1\nwhat nobody thought of":                     "what nobody thought of",
		"the image r.example/builder:1 is for linux/amd64, and cannot be used to test programs for linux/arm/v7": `{"warnings":[{"short":"SW52YWxpZEJhc2VJbWFnZVBsYXRmb3JtOiBCYXNlIGltYWdlIHIgd2FzIHB1bGxlZCB3aXRoIHBsYXRmb3JtICJsaW51eC9hbWQ2NCIsIGV4cGVjdGVk"}]}`,
	} {
		l := smokeLog{plain: buildx.TailBuffer{Limit: 1 << 10}}
		w := &lineWriter{line: l.line}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		w.end()
		if o, err := l.outcome(p, errors.New("exit status 1")); err == nil || !strings.HasPrefix(diag.Text(err), want) {
			t.Errorf("got %v, %+v, want %s", err, o, want)
		}
	}
}
