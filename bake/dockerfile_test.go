package bake

import (
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
)

// checkSteps reads a Dockerfile with BuildKit's parser, follows the stages an
// image is built from, and compares its COPY instructions with the plan.
func checkSteps(t testing.TB, dockerfile string, args map[string]string, e *plan.Extension, image plan.Image) {
	t.Helper()
	stages := parse(t, dockerfile)
	expand := func(s string) string {
		return os.Expand(s, func(name string) string {
			values := map[string]string{"TARGETOS": image.Platform.OS, "TARGETARCH": image.Platform.Architecture, "TARGETVARIANT": image.Platform.Variant}
			if v, ok := values[name]; ok {
				return v
			}
			if _, ok := args[name]; !ok {
				t.Errorf("nobody gives ${%s}", name)
			}
			return args[name]
		})
	}
	byName := map[string]instructions.Stage{}
	for _, s := range stages {
		if _, twice := byName[s.Name]; twice {
			t.Errorf("two stages are called %q", s.Name)
		}
		byName[s.Name] = s
	}
	last := stages[len(stages)-1]
	squashed := last.Name != "tree"
	if squashed {
		if c, ok := last.Commands[0].(*instructions.CopyCommand); !ok || len(last.Commands) != 1 || c.From != "tree" || last.BaseName != "scratch" {
			t.Fatalf("the image is not one copy of the stage tree:\n%s", dockerfile)
		}
	}
	stage, ok := byName["tree"]
	for ok && stage.BaseName != "scratch" {
		stage, ok = byName[expand(stage.BaseName)]
	}
	if !ok {
		t.Fatalf("%s has no stage:\n%s", image, dockerfile)
	}
	if copies := slices.DeleteFunc(slices.Clone(stage.Commands), isArg); len(copies) != 1 && !squashed {
		t.Errorf("%s has %d layers:\n%s", image, len(copies), dockerfile)
	}
	if got := steps(t, stage, expand, e.Dest()); !reflect.DeepEqual(got, image.Steps) {
		t.Errorf("%s: the Dockerfile does\n%+v\nthe plan says\n%+v\n%s", image, got, image.Steps, dockerfile)
	}
}

func isArg(c instructions.Command) bool {
	_, ok := c.(*instructions.ArgCommand)
	return ok
}

func parse(t testing.TB, dockerfile string) []instructions.Stage {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(dockerfile))
	if err != nil {
		t.Fatalf("%v\n%s", err, dockerfile)
	}
	stages, args, err := instructions.Parse(parsed.AST, nil)
	if err != nil || len(args) > 0 || len(parsed.Warnings) > 0 {
		t.Fatalf("%v, args %v, warnings %v\n%s", err, args, parsed.Warnings, dockerfile)
	}
	return stages
}

// steps reads the COPY instructions of a stage as steps of a plan.
func steps(t testing.TB, stage instructions.Stage, expand func(string) string, dest string) []content.Step {
	t.Helper()
	var out []content.Step
	declared := map[string]bool{}
	for _, command := range stage.Commands {
		if arg, ok := command.(*instructions.ArgCommand); ok {
			declared[arg.Args[0].Key] = true
			continue
		}
		c, ok := command.(*instructions.CopyCommand)
		if ok && (c.From == "stage" || c.From == rootContext) {
			continue // what the stage contains is not a step of the plan
		}
		if !ok || c.Chown != "0:0" {
			t.Fatalf("unexpected instruction %s", command)
		}
		use := func(s string) string {
			os.Expand(s, func(name string) string {
				if !declared[name] {
					t.Errorf("%s: ARG %s is missing", command, name)
				}
				return ""
			})
			return expand(s)
		}
		to, ok := strings.CutPrefix(use(c.DestPath), dest+"/")
		if !ok {
			t.Fatalf("%s copies outside %s", command, dest)
		}
		for _, source := range c.SourcePaths {
			step := content.Step{Source: path.Clean(use(source)), Dest: path.Clean(to), Exclude: c.ExcludePatterns, Exec: c.Chmod == "0755"}
			if step.Exec && strings.HasSuffix(to, "/") {
				step.Dest = path.Join(to, path.Base(step.Source))
			}
			if c.From != "" {
				step.Source, step.Links = ".", true
			}
			if !step.Exec && c.Chmod != "u=rwX,go=rX,a-st" {
				t.Errorf("%s: mode %s", command, c.Chmod)
			}
			if len(c.SourcePaths) > 1 && step.Source == extension.DescriptorFile {
				step.Dest, step.Exclude = step.Source, nil
			}
			if len(step.Exclude) == 0 {
				step.Exclude = nil
			}
			out = append(out, step)
		}
	}
	return out
}

// lint returns what "docker buildx build --check" would warn of.
func lint(t *testing.T, target Target) {
	t.Helper()
	d := newDockerfile(target, published, dockerfileOptions{})
	text := d.String()
	if target.usesStage() {
		for _, suffix := range target.stageSuffixes() {
			text = "FROM scratch AS " + rootContext + suffix + "\n" + text // instead of a linked target
		}
	}
	for _, i := range target.Images {
		p := target.Extension.Images[i].Platform
		if p.OS == "" {
			p = v1.Platform{OS: "linux", Architecture: "amd64"}
		}
		source := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", []byte(text))
		source.Definition = &llb.Definition{}
		results, err := dockerfile2llb.DockerfileLint(t.Context(), []byte(text), dockerfile2llb.ConvertOpt{
			Config: dockerui.Config{BuildArgs: argsOf(target)}, TargetPlatform: &p, SourceMap: source,
		})
		if err != nil {
			t.Fatal(err)
		}
		if results.Error != nil {
			t.Errorf("%s: %s\n%s", target.Extension.Images[i], results.Error.Message, text)
		}
		for _, w := range results.Warnings {
			t.Errorf("%s: %s: %s\n%s", target.Extension.Images[i], w.RuleName, w.Detail, text)
		}
	}
}

// COPY follows a link that it is given by name, but not one that it finds.
func TestEntryPointsBehindLinks(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	dir := extensionDir(t, work, "x", "x", "[metadata]\ninclude-files = [\"bin/detect\", \"bin/generate\", \"scripts\"]\n",
		files{"bin/detect": "-> ../scripts/detect.sh", "bin/generate": "", "scripts/detect.sh": ""})
	p := mustPlan(t, plan.Options{}, dir)
	checkEvaluated(t, p, work)
	text := newDockerfile(mustTargets(t, p)[0], published, dockerfileOptions{}).String()
	for _, want := range []string{" --exclude=** --exclude=!bin/detect --exclude=!bin/generate --exclude=!scripts ", "COPY --chown=0:0 --chmod=0755 bin/generate ${DEST}/bin/\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestVariantsThatAreNoStageNames(t *testing.T) {
	t.Parallel()
	const letters = ": it may contain only letters, digits and . _ -"
	tests := []struct {
		platforms []string
		want      string
	}{
		{[]string{"linux/mips/hard+float", "linux/mips/soft~float"}, "FILE: linux/mips/hard+float: no builder has the variant \"hard+float\"" + letters +
			"\nFILE: linux/mips/soft~float: no builder has the variant \"soft~float\"" + letters},
		{[]string{"linux/mips/64", "linux/mips64"}, "FILE: linux/mips/64 and linux/mips64 have the same name in a Dockerfile\n  choose one with --target"},
		{[]string{"linux/mips/a.b", "linux/mips/a-b"}, "FILE: linux/mips/a.b and linux/mips/a-b have the same name in a Dockerfile\n  choose one with --target"},
	}
	for _, tt := range tests {
		p := simple(t, "x", tt.platforms...)
		_, err := File(p, ".", FileOptions{})
		wantInvalid(t, p, err, tt.want)
	}
	// Upper case is folded by everyone who compares platforms.
	p := simple(t, "x", "linux/mips/SoftFloat")
	if got := p.Extensions[0].Images[0].Platform.Variant; got != "softfloat" {
		t.Errorf("got the variant %q", got)
	}
	p.Extensions[0].Images[0].Platform.Variant = "SoftFloat"
	_, err := Targets(p)
	wantInvalid(t, p, err, "FILE: linux/mips/softfloat: no builder has the variant \"SoftFloat\""+letters)
}

func TestUsualVariants(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	p := mustPlan(t, plan.Options{}, extensionDir(t, work, "x", "x",
		targetTOML("linux/arm64/v9.5", "linux/arm64", "linux/arm/v6", "linux/arm/v7", "linux/amd64", "linux/amd64/v3", "linux/mips/softfloat", "linux/ppc64le/power_8"),
		files{"linux/arm64/v9.5/bin/detect": "", "linux/arm/v6/bin/detect": "", "linux/bin/detect": "", "linux/mips/softfloat/bin/detect": ""}))
	checkEvaluated(t, p, work)
	lint(t, mustTargets(t, p)[0])
}
