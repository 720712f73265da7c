package smoke

import (
	"archive/tar"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layertest"
	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/task"
)

// packageOf makes a package for linux/amd64 and linux/arm64 of files in the
// extension's folder; "-> x" as content is a link to x.
func packageOf(t *testing.T, files ...[2]string) (*plan.Extension, *annotate.Package) {
	t.Helper()
	e := &plan.Extension{Descriptor: &extension.Descriptor{Info: extension.Info{ID: "acme/x", Version: "1.2.3"}}}
	l := layouttest.New(t)
	var entries []layertest.Entry
	for _, f := range files {
		name := e.Dest()[1:] + "/" + f[0]
		if target, isLink := strings.CutPrefix(f[1], "-> "); isLink {
			entries = append(entries, layertest.Link(tar.TypeSymlink, name, target))
			continue
		}
		entries = append(entries, layertest.File(name, f[1], 0o755))
	}
	layer := l.Bytes(v1.MediaTypeImageLayer, layertest.Tar(t, entries...))
	pkg := &annotate.Package{Layout: l.Layout}
	for _, arch := range []string{"amd64", "arm64"} {
		p := v1.Platform{OS: "linux", Architecture: arch}
		desc := l.Image(v1.Image{Platform: p, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}}}, layer)
		e.Images = append(e.Images, plan.Image{Platform: p})
		pkg.Images = append(pkg.Images, annotate.Image{Platform: p, Descriptor: desc})
	}
	return e, pkg
}

// run returns what was started, what was shown, and the error.
func run(t *testing.T, e *plan.Extension, pkg *annotate.Package, start func(p task.Program) (task.Outcome, error)) (started, shown []string, err error) {
	t.Helper()
	err = Run(t.Context(), e, pkg, Options{
		Image: "builder:1",
		Start: func(_ context.Context, p task.Program) (task.Outcome, error) {
			if p.Image != "builder:1" || p.Dest != e.Dest() || p.Layout != pkg.Layout.Dir() || !strings.HasPrefix(p.Manifest, "sha256:") {
				t.Errorf("started %+v", p)
			}
			started = append(started, p.Platform.Architecture+" "+p.File)
			write(t, p, "plan.toml", "")
			return start(p)
		},
		Unreliable: func(context.Context, v1.Platform) (string, error) { return "", nil },
		Show:       func(line string) { shown = append(shown, line) },
	})
	return started, shown, err
}

// write adds a file to what a program leaves.
func write(t *testing.T, p task.Program, name, data string) {
	t.Helper()
	file := filepath.Join(p.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestWritten judges what the programs leave as a lifecycle does.
func TestWritten(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		file string
		code int
		data map[string]string
		want string
	}{
		"nothing":     {file: "bin/generate"},
		"plan":        {file: "bin/detect", data: map[string]string{"plan.toml": "[[provides]]\nname = \"x\"\n"}},
		"requires":    {file: "bin/detect", data: map[string]string{"plan.toml": "[[requires]]\nname = \"x\"\n"}, want: "plan.toml:1:1: extensions may not require, found requires [plan-requires]"},
		"broken plan": {file: "bin/detect", data: map[string]string{"plan.toml": "x"}, want: "plan.toml:1:1: expected \"=\" after the key, found 'x' [plan-toml]"},
		"two stages":  {file: "bin/generate", data: map[string]string{"output/run.Dockerfile": "FROM x\nFROM y\n"}, want: "run.Dockerfile:2:1: run.Dockerfile may have only one FROM, this one has 2 [dockerfile-stages]"},
		"config":      {file: "bin/generate", data: map[string]string{"output/extend-config.toml": "[[build.args]]\nname = \"user_id\"\nvalue = \"\"\n"}, want: "extend-config.toml:2:8: the argument user_id is set by the lifecycle [config-reserved]"},
		"contexts":    {file: "bin/generate", data: map[string]string{"output/context/x": "", "output/context.run/x": ""}, want: "context.run: context.run is next to context, which is for both images [context-conflict]"},
		"application": {file: "bin/generate", data: map[string]string{"app/x": ""}, want: "bin/generate writes x to the application [app-changed]"},
		"exit code":   {file: "bin/generate", code: 3, want: "bin/generate ends with exit code 3, and lifecycles stop the build [exit-code]"},
		"detect":      {file: "bin/detect", code: 1, want: "bin/detect ends with exit code 1, and lifecycles accept only 0 and 100 [exit-code]"},
		"not meant":   {file: "bin/detect", code: 100},
	} {
		t.Run(name, func(t *testing.T) {
			e, pkg := packageOf(t, [2]string{tt.file, "#!/bin/sh\n"})
			pkg.Images = pkg.Images[:1]
			_, shown, err := run(t, e, pkg, func(p task.Program) (task.Outcome, error) {
				for file, data := range tt.data {
					write(t, p, file, data)
				}
				return task.Outcome{ExitCode: tt.code}, nil
			})
			if tt.want == "" && err != nil || tt.want != "" && (!diag.IsInvalid(err) || !strings.Contains(err.Error(), "linux/amd64: "+tt.want)) {
				t.Errorf("got %v, want %q, shown %q", err, tt.want, shown)
			}
		})
	}
}

func fine(task.Program) (task.Outcome, error) { return task.Outcome{}, nil }

func TestRun(t *testing.T) {
	t.Parallel()
	e, pkg := packageOf(t, [2]string{"bin/detect", "#!/bin/sh\n"}, [2]string{"bin/generate", "#!/bin/sh\n"}, [2]string{"bin/other", "#!/bin/sh\n"})
	started, shown, err := run(t, e, pkg, func(p task.Program) (task.Outcome, error) {
		switch p.Platform.Architecture + p.File {
		case "amd64bin/detect":
			return task.Outcome{Output: "no\n\nreally\n", ExitCode: 100}, nil
		case "amd64bin/generate":
			return task.Outcome{ExitCode: 100}, nil
		case "arm64bin/detect":
			return task.Outcome{Output: "x\n", ExitCode: 127, Fault: "no library"}, nil
		}
		return task.Outcome{}, nil
	})
	if want := []string{"amd64 bin/detect", "amd64 bin/generate", "arm64 bin/detect", "arm64 bin/generate"}; !slices.Equal(started, want) {
		t.Errorf("started %q, want %q", started, want)
	}
	want := []string{
		"smoke test linux/amd64: bin/detect ran, exit code 100: it does not apply to an empty application", "  | no", "  | ", "  | really",
		"smoke test linux/amd64: bin/generate ran, warning: exit code 100",
		"smoke test linux/arm64: bin/detect did not start", "  | x",
		"smoke test linux/arm64: bin/generate ran",
	}
	if !slices.Equal(shown, want) {
		t.Errorf("shown\n%s\nwant\n%s", strings.Join(shown, "\n"), strings.Join(want, "\n"))
	}
	if !diag.IsInvalid(err) || err.Error() != "linux/arm64: bin/detect does not start in builder:1: no library" {
		t.Errorf("got %v", err)
	}
}

// TestForeign: what is built for another platform is not run, also when a link
// leads to it, wherever that goes.
func TestForeign(t *testing.T) {
	t.Parallel()
	// ELF, 64 bits, little-endian, executable, x86-64.
	amd64 := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\x3e\x00" + strings.Repeat("\x00", 44)
	e, pkg := packageOf(t, [2]string{"bin/generate", "-> ../lib/tool"}, [2]string{"lib/tool", amd64}, [2]string{"bin/detect", "-> detect"})
	started, _, err := run(t, e, pkg, fine)
	if !slices.Equal(started, []string{"amd64 bin/generate"}) {
		t.Errorf("started %q", started)
	}
	if !diag.IsInvalid(err) || err.Error() != "linux/arm64: bin/generate does not start in builder:1: it is built for amd64 (x86-64)" {
		t.Errorf("got %v", err)
	}
}

// TestUnreliable does not judge what cannot start programs.
func TestUnreliable(t *testing.T) {
	t.Parallel()
	e, pkg := packageOf(t, [2]string{"bin/detect", "#!/bin/sh\n"}, [2]string{"bin/generate", "#!/bin/sh\n"})
	trouble := errors.New("no builder")
	for name, tt := range map[string]struct {
		outcome task.Outcome
		probe   error
		want    []string
	}{
		"fault": {outcome: task.Outcome{Fault: "exec format error"}, want: []string{
			"smoke test linux/amd64: bin/detect ran", "smoke test linux/amd64: bin/generate ran",
			"smoke test linux/arm64: bin/detect not run: no second program", "smoke test linux/arm64: bin/generate not run: no second program",
		}},
		"exit code": {outcome: task.Outcome{ExitCode: 126}, want: []string{
			"smoke test linux/amd64: bin/detect ran", "smoke test linux/amd64: bin/generate ran",
			"smoke test linux/arm64: bin/detect not run: no second program", "smoke test linux/arm64: bin/generate not run: no second program",
		}},
		"not applicable": {outcome: task.Outcome{ExitCode: 100}, want: []string{
			"smoke test linux/amd64: bin/detect ran", "smoke test linux/amd64: bin/generate ran",
			"smoke test linux/arm64: bin/detect ran, exit code 100: it does not apply to an empty application",
			"smoke test linux/arm64: bin/generate ran, warning: exit code 100",
		}},
		"not tried": {outcome: task.Outcome{ExitCode: 1}, probe: trouble, want: []string{
			"smoke test linux/amd64: bin/detect ran", "smoke test linux/amd64: bin/generate ran",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var shown []string
			err := Run(t.Context(), e, pkg, Options{
				Image: "builder:1",
				Start: func(_ context.Context, p task.Program) (task.Outcome, error) {
					write(t, p, "plan.toml", "")
					if p.Platform.Architecture == "arm64" {
						return tt.outcome, nil
					}
					return task.Outcome{}, nil
				},
				Unreliable: func(_ context.Context, p v1.Platform) (string, error) {
					if p.Architecture != "arm64" {
						t.Errorf("tried %v", p)
					}
					return "no second program", tt.probe
				},
				Show: func(line string) { shown = append(shown, line) },
			})
			if !errors.Is(err, tt.probe) || !slices.Equal(shown, tt.want) {
				t.Errorf("shown %q, %v", shown, err)
			}
		})
	}
}

func TestNothingToRun(t *testing.T) {
	t.Parallel()
	e, pkg := packageOf(t, [2]string{"generate/run.Dockerfile", "FROM x\n"})
	started, shown, err := run(t, e, pkg, fine)
	if err != nil || len(started) > 0 || !slices.Equal(shown, []string{"acme/x@1.2.3: no platform has bin/detect or bin/generate to run"}) {
		t.Errorf("started %q, shown %q, %v", started, shown, err)
	}
}

// TestNotTried: the report also has the findings that were made before.
func TestNotTried(t *testing.T) {
	t.Parallel()
	e, pkg := packageOf(t, [2]string{"bin/detect", "#!/bin/sh\n"})
	trouble := errors.New("no builder")
	_, _, err := run(t, e, pkg, func(p task.Program) (task.Outcome, error) {
		if p.Platform.Architecture == "arm64" {
			return task.Outcome{}, trouble
		}
		return task.Outcome{Fault: "broken"}, nil
	})
	if !errors.Is(err, trouble) || !strings.Contains(err.Error(), "bin/detect does not start in builder:1: broken\n") {
		t.Errorf("got %v", err)
	}
	if _, _, err := run(t, e, pkg, func(task.Program) (task.Outcome, error) { return task.Outcome{}, trouble }); !errors.Is(err, trouble) || diag.IsInvalid(err) {
		t.Errorf("got %v", err)
	}
}

// TestPlan passes bin/generate what a lifecycle would if buildpacks required all
// that is provided.
func TestPlan(t *testing.T) {
	t.Parallel()
	const (
		provides = "[[provides]]\nname = \"x\"\n[[provides]]\nname = 'a \"b'\n[[provides]]\nname = \"x\"\n[[or]]\n[[or.provides]]\nname = \"y\"\n"
		entries  = "[[entries]]\n  name = \"x\"\n[[entries]]\n  name = \"a \\\"b\"\n"
	)
	detect, generate, static := [2]string{"bin/detect", "#!/bin/sh\n"}, [2]string{"bin/generate", "#!/bin/sh\n"}, [2]string{"detect/plan.toml", provides}
	for name, tt := range map[string]struct {
		files  [][2]string
		writes string
		code   int
		want   string
	}{
		"program":     {files: [][2]string{detect, generate}, writes: provides, want: entries},
		"static":      {files: [][2]string{static, generate}, want: entries},
		"linked":      {files: [][2]string{{"plan.toml", provides}, {"detect/plan.toml", "-> ../plan.toml"}, generate}, want: entries},
		"both":        {files: [][2]string{detect, static, generate}},
		"not meant":   {files: [][2]string{detect, generate}, writes: provides, code: 100},
		"no provides": {files: [][2]string{detect, generate}, writes: "[[or]]\n[[or.provides]]\nname = \"y\"\n"},
		"no plan":     {files: [][2]string{generate}},
	} {
		t.Run(name, func(t *testing.T) {
			e, pkg := packageOf(t, tt.files...)
			ran := 0
			_, shown, err := run(t, e, pkg, func(p task.Program) (task.Outcome, error) {
				if p.File == "bin/detect" {
					if p.Plan != "" {
						t.Errorf("bin/detect is passed the plan %q", p.Plan)
					}
					write(t, p, "plan.toml", tt.writes)
					return task.Outcome{ExitCode: tt.code}, nil
				}
				ran++
				if p.Plan != tt.want {
					t.Errorf("got plan %q, want %q", p.Plan, tt.want)
				}
				return task.Outcome{}, nil
			})
			if err != nil || ran != len(pkg.Images) {
				t.Errorf("bin/generate ran %d times, shown %q, %v", ran, shown, err)
			}
		})
	}
}

// TestQuiet: what happened is shown after a failure only, and the error of an
// image says which platforms it has.
func TestQuiet(t *testing.T) {
	t.Parallel()
	e, pkg := packageOf(t, [2]string{"bin/generate", "#!/bin/sh\n"})
	lacks := &task.ImageError{Image: "builder:1", Platform: "linux/arm64"}
	for _, fails := range []error{nil, lacks} {
		var shown []string
		err := Run(t.Context(), e, pkg, Options{
			Image: "builder:1", Quiet: true,
			Start: func(_ context.Context, p task.Program) (task.Outcome, error) {
				if p.Platform.Architecture == "arm64" {
					return task.Outcome{}, fails
				}
				return task.Outcome{}, nil
			},
			Platforms: func(context.Context, string) []v1.Platform {
				return []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "s390x"}}
			},
			Show: func(line string) { shown = append(shown, line) },
		})
		if !errors.Is(err, fails) || (len(shown) > 0) != (fails != nil) {
			t.Errorf("shown %q, %v", shown, err)
		}
	}
	if want := "the image builder:1 has no image for linux/arm64, only for linux/amd64, linux/s390x"; lacks.Error() != want {
		t.Errorf("got %q, want %q", lacks, want)
	}
}

// TestPlatformOfTheBuilder: programs of the builder's own platform are judged.
func TestPlatformOfTheBuilder(t *testing.T) {
	t.Parallel()
	e, pkg := packageOf(t, [2]string{"bin/generate", "#!/bin/sh\n"})
	pkg.Images[0].Platform, e.Images[0].Platform = v1.Platform{}, v1.Platform{}
	err := Run(t.Context(), e, pkg, Options{
		Image: "builder:1",
		Start: func(_ context.Context, p task.Program) (task.Outcome, error) {
			if p.Platform.OS == "" {
				return task.Outcome{Fault: "no interpreter"}, nil
			}
			return task.Outcome{}, nil
		},
		Unreliable: func(context.Context, v1.Platform) (string, error) { return "not relied on", nil },
		Show:       func(string) {},
	})
	if !diag.IsInvalid(err) || !strings.Contains(err.Error(), "no interpreter") {
		t.Errorf("got %v", err)
	}
}
