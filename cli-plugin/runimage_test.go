package cliplugin

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/docker/cli/cli"

	"github.com/extpack/extpack/internal/runimage"
	"github.com/extpack/extpack/internal/screen"
)

// parseRunImage returns the options of arguments.
func parseRunImage(args ...string) (runImageOptions, error) {
	var got runImageOptions
	cmd := newRunImageCmd(&app{}, func(_ context.Context, _ *app, opts runImageOptions) error {
		got = opts
		return nil
	})
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(cli.FlagErrorFunc)
	return got, cmd.Execute()
}

func TestRunImageFlags(t *testing.T) {
	got, err := parseRunImage("run:1", "--platform", "linux/amd64,linux/arm64", "--platform", "linux/arm/v7",
		"--extension", "a,b", "--extension", "c", "--dockerfile", "d", "--format", "json", "--insecure")
	want := runImageOptions{
		name: "run:1", platforms: []string{"linux/amd64", "linux/arm64", "linux/arm/v7"},
		extensions: []string{"a,b", "c"}, dockerfiles: []string{"d"}, format: "json", insecure: true,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, args := range [][]string{{"--extension", "."}, {"--dockerfile", "d"}} {
		if got, err := parseRunImage(args...); err != nil || got.name != "" {
			t.Errorf("%v: %+v, %v", args, got, err)
		}
	}
	for _, args := range [][]string{{}, {"a", "b"}, {"a", "b", "--extension", "."}, {""}, {"a", "--nope"}, {"--platform", "linux/amd64"}} {
		_, err := parseRunImage(args...)
		var status cli.StatusError
		if !errors.As(err, &status) || status.StatusCode != exitUsage {
			t.Errorf("%q: %v is not a usage error", args, err)
		}
	}
}

func TestPrintRunImages(t *testing.T) {
	image := runimage.Image{
		Name: "run:1", Index: "sha256:i", Platform: "linux/arm/v6", Digest: "sha256:m", TopLayer: "sha256:l",
		Config: runimage.Config{OS: "linux", Architecture: "arm", Variant: "v6", User: "1000:\x1b[2J"},
	}
	asked := image
	asked.Target, asked.Config.User = "linux/arm/v7", ""
	report := &runimage.Report{Images: []runimage.Image{image}, Dockerfiles: []runimage.Dockerfile{
		{File: "x/run.Dockerfile", Extension: "a@1", Targets: []string{"linux/arm/v7", "linux/amd64"}, From: []runimage.From{
			{Image: "run:1", Kind: runimage.FromImage, Images: []runimage.Image{asked}},
		}},
		{Extension: "b@1", Note: "nothing to read", Targets: []string{"linux/amd64"}},
		{File: "y", From: []runimage.From{
			{Image: "${base_image}", Kind: runimage.FromBase},
			{Image: "base", Kind: runimage.FromStage},
			{Image: "scratch", Kind: runimage.FromScratch},
			{Image: "$x", Kind: runimage.FromUndecidable, Reason: "variable"},
			{Image: "gone", Kind: runimage.FromImage},
		}},
	}}
	var out bytes.Buffer
	if err := (runImagePrinter{screen.Of(&out), true}).report(report); err != nil {
		t.Fatal(err)
	}
	want := `Name:   run:1
Index:  sha256:i

PLATFORM       DIGEST     TOP LAYER   CONFIG         USER
linux/arm/v6   sha256:m   sha256:l    linux/arm/v6   1000:�[2J

Dockerfile:  x/run.Dockerfile
Extension:   a@1
Targets:     linux/arm/v7, linux/amd64
FROM:        run:1
Index:       sha256:i

TARGET         PLATFORM       DIGEST     TOP LAYER   CONFIG         USER
linux/arm/v7   linux/arm/v6   sha256:m   sha256:l    linux/arm/v6   root

Dockerfile:  none: nothing to read
Extension:   b@1
Targets:     linux/amd64

Dockerfile:  y
FROM:        ${base_image}: the build's own run image
FROM:        base: an earlier stage
FROM:        scratch: no image
FROM:        $x: not decidable: variable
FROM:        gone
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	out.Reset()
	if err := (runImagePrinter{screen.Of(&out), true}).report(&runimage.Report{}); err != nil || out.Len() != 0 {
		t.Errorf("nothing found prints %q, %v", out.String(), err)
	}
}
