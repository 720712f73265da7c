package cliplugin

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/engine"
)

// parse runs a command whose run function only keeps the options it is given.
func parse[T any](t *testing.T, newCmd func(*app, func(context.Context, *app, T) error) *cobra.Command, args ...string) (T, error) {
	t.Helper()
	var got T
	cmd := newCmd(&app{}, func(_ context.Context, _ *app, opts T) error {
		got = opts
		return nil
	})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	cmd.SetFlagErrorFunc(cli.FlagErrorFunc)
	cmd.SetArgs(args)
	return got, cmd.Execute()
}

func TestBuildFlags(t *testing.T) {
	defaults := buildOptions{planOptions: planOptions{dirs: []string{"."}}, mediaTypes: "oci", engineName: engine.Auto}
	with := func(change func(*buildOptions)) buildOptions {
		o := defaults
		change(&o)
		return o
	}
	for _, tc := range []struct {
		args string
		want buildOptions
	}{
		{"", defaults},
		{"a b", with(func(o *buildOptions) { o.dirs = []string{"a", "b"} })},
		{"-t x:1 --tag y", with(func(o *buildOptions) { o.tags = []string{"x:1", "y"} })},
		{"a --push --insecure", with(func(o *buildOptions) { o.dirs, o.push, o.insecure = []string{"a"}, true, true })},
		{"-o a.cnb --output b/", with(func(o *buildOptions) { o.outputs = []string{"a.cnb", "b/"} })},
		// a comma is part of a target, not the beginning of another
		{"--target linux/amd64:ubuntu@22.04,24.04 --target linux/arm64", with(func(o *buildOptions) {
			o.targets = []string{"linux/amd64:ubuntu@22.04,24.04", "linux/arm64"}
		})},
		{"--builder b --no-cache --progress plain --allow network.host", with(func(o *buildOptions) {
			o.RunOptions = bake.RunOptions{Builder: "b", NoCache: true, Progress: "plain"}
			o.grants.allow = []string{"network.host"}
		})},
		{"--set x.args.A=1,2 --set *.no-cache=true", with(func(o *buildOptions) { o.Set = []string{"x.args.A=1,2", "*.no-cache=true"} })},
		{"--label a=b,c --annotation d=e", with(func(o *buildOptions) { o.labels, o.annotations = []string{"a=b,c"}, []string{"d=e"} })},
		{"--media-types docker --metadata-file m.json", with(func(o *buildOptions) { o.mediaTypes, o.metadataFile = "docker", "m.json" })},
		{"-q --dry-run --single --allow-platform-mismatch", with(func(o *buildOptions) {
			o.quiet, o.dryRun, o.single, o.allowMismatch = true, true, true, true
		})},
		{"--build-arg A=1,2 --build-context a=b --secret id=x --ssh default --cache-from x --cache-to type=inline", with(func(o *buildOptions) {
			o.stage = stageOptions{
				buildArgs: []string{"A=1,2"}, buildContexts: []string{"a=b"}, secrets: []string{"id=x"}, ssh: []string{"default"},
				cacheFrom: []string{"x"}, cacheTo: []string{"type=inline"},
			}
		})},
		{"--pull --no-cache-filter a --shm-size 64m --ulimit nofile=1 --add-host a:1 --network none", with(func(o *buildOptions) {
			o.stage = stageOptions{network: "none", pull: true, noCacheFilter: []string{"a"}, shmSize: "64m", ulimits: []string{"nofile=1"}, addHosts: []string{"a:1"}}
		})},
		{"--provenance --sbom a", with(func(o *buildOptions) {
			o.dirs, o.Attest = []string{"a"}, buildx.Attest{Provenance: "true", SBOM: "true"}
		})},
		{"--provenance=mode=max --sbom=generator=x", with(func(o *buildOptions) { o.Attest = buildx.Attest{Provenance: "mode=max", SBOM: "generator=x"} })},
		{"--smoke acme/builder:1", with(func(o *buildOptions) { o.smoke = "acme/builder:1" })},
		{"--engine embedded --force", with(func(o *buildOptions) { o.engineName, o.force = engine.Embedded, true })},
		{"-- -dir", with(func(o *buildOptions) { o.dirs = []string{"-dir"} })},
	} {
		got, err := parse(t, newBuildCmd, strings.Fields(tc.args)...)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("build %s:\ngot  %+v (%v)\nwant %+v", tc.args, got, err, tc.want)
		}
	}
}

func TestBakeFlags(t *testing.T) {
	defaults := bakeOptions{planOptions: planOptions{dirs: []string{"."}}, args: []string{"."}, output: bake.FileName}
	with := func(change func(*bakeOptions)) bakeOptions {
		o := defaults
		change(&o)
		return o
	}
	for _, tc := range []struct {
		args string
		want bakeOptions
	}{
		{"", defaults},
		{"-o - a", with(func(o *bakeOptions) { o.output, o.named, o.args, o.dirs = "-", true, []string{"a"}, []string{"a"} })},
		{"--check -o x.hcl", with(func(o *bakeOptions) { o.check, o.output, o.named = true, "x.hcl", true })},
		{"--print --builder b --set x.tags=y", with(func(o *bakeOptions) { o.print, o.builder, o.set = true, "b", []string{"x.tags=y"} })},
		{"--build-arg A=1 --network none --pull --no-cache-filter a --shm-size 64m --ulimit nofile=1 --compression zstd --compression-level 3", with(func(o *bakeOptions) {
			o.stage = stageOptions{buildArgs: []string{"A=1"}, network: "none", pull: true, noCacheFilter: []string{"a"}, shmSize: "64m", ulimits: []string{"nofile=1"}}
			o.compression = compressionOptions{"zstd", "3"}
			o.words = strings.Fields("--compression zstd --compression-level 3 --build-arg A=1 --network none --pull --no-cache-filter a --shm-size 64m --ulimit nofile=1")
		})},
		{"--complete=build --git --label A=1 --label B=2", with(func(o *bakeOptions) {
			o.complete, o.git.origin, o.labels = "build", true, []string{"A=1", "B=2"}
			o.words = strings.Fields("--complete=build --git --label A=1 --label B=2")
		})},
		{"--complete --git=false", with(func(o *bakeOptions) { o.complete, o.words = "static", []string{"--complete"} })},
		{"--target linux/arm64 -t x:1", with(func(o *bakeOptions) {
			o.targets, o.tags, o.words = []string{"linux/arm64"}, []string{"x:1"}, strings.Fields("--target linux/arm64 --tag x:1")
		})},
	} {
		got, err := parse(t, newBakeCmd, strings.Fields(tc.args)...)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("bake %s:\ngot  %+v (%v)\nwant %+v", tc.args, got, err, tc.want)
		}
	}
}

func TestInspectFlags(t *testing.T) {
	got, err := parse(t, newInspectCmd, "--insecure", "--format", "json", "x.cnb")
	if want := (inspectOptions{name: "x.cnb", format: "json", insecure: true}); err != nil || got != want {
		t.Errorf("got %+v (%v), want %+v", got, err, want)
	}
	if got, err = parse(t, newInspectCmd, "--raw", "x.cnb"); err != nil || !got.raw {
		t.Errorf("--raw: %+v, %v", got, err)
	}
}

func TestWrongUsageIs125(t *testing.T) {
	check := func(what string, err error) {
		t.Helper()
		var status cli.StatusError
		if !errors.As(err, &status) || status.StatusCode != exitUsage {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, args := range []string{"--nope", "--push=maybe", "-t"} {
		_, err := parse(t, newBuildCmd, strings.Fields(args)...)
		check("build "+args, err)
	}
	_, err := parse(t, newBuildCmd, "a", "")
	check("build with an empty argument", err)
	for _, args := range []string{"--check --print", "--print -o x", "--check -o -", "--set a.b=c", "--builder b"} {
		_, err := parse(t, newBakeCmd, strings.Fields(args)...)
		check("bake "+args, err)
	}
	_, err = parse(t, newBakeCmd, "--output=")
	check("bake with an empty output", err)
	for _, args := range []string{"", "a b", "--raw --format json a"} {
		_, err := parse(t, newInspectCmd, strings.Fields(args)...)
		check("inspect "+args, err)
	}
}

func TestSameDirectoryTwice(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := errors.Join(os.Mkdir("a", 0o755), os.Mkdir("b", 0o755)); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs("a")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"a", "a"}, {"a", "./a/"}, {"b", "a", abs}, {"a", "b/../a"}} {
		if _, err := parse(t, newBuildCmd, args...); !diag.IsInvalid(err) || !strings.HasSuffix(diag.Of(err)[0].Message, "are the same directory") {
			t.Errorf("%q: %v", args, err)
		}
	}
	// Directories that do not exist are for who reads them to report.
	for _, args := range [][]string{{"a", "b"}, {"none", "none", "a"}} {
		if got, err := parse(t, newBuildCmd, args...); err != nil || !reflect.DeepEqual(got.dirs, args) {
			t.Errorf("%q: %v %v", args, got.dirs, err)
		}
	}
}
