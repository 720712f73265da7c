package emulation

import (
	"context"
	"errors"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/buildx"
)

// client is a fake of buildx with two builders.
type client struct {
	selected, stderr string
	listed, built    int
	err              error
}

func (c *client) Selected() string { return c.selected }

func (c *client) Output(_ context.Context, args ...string) ([]byte, error) {
	switch {
	case c.err != nil:
		return nil, c.err
	case args[0] == "ls":
		c.listed++
		return []byte(`{"Name":"intel","Current":true,"Nodes":[{"Name":"intel0","Platforms":["linux/amd64","linux/386","linux/arm64"]}]}
{"Name":"arm","Nodes":[{"Name":"arm0","Platforms":["linux/arm64"]}]}
{"Name":"asleep","Nodes":[{"Name":"asleep0"}]}
`), nil
	}
	if c.built++; c.stderr != "" {
		return nil, &buildx.RunError{Args: args, Stderr: c.stderr, Err: errors.New("exit status 1")}
	}
	return nil, nil
}

// TestSupport: only a platform that no node of the builder runs by itself is tried.
func TestSupport(t *testing.T) {
	t.Parallel()
	const single = `ERROR: process "/first" did not complete successfully: exit code: 42`
	for name, tt := range map[string]struct {
		builder, selected, arch, stderr string
		emulated, reason                bool
	}{
		"native":                       {arch: "amd64"},
		"same family":                  {arch: "386"},
		"emulated":                     {arch: "arm64", emulated: true},
		"emulated badly":               {arch: "arm64", stderr: single, emulated: true, reason: true},
		"native on the named":          {builder: "arm", arch: "arm64", stderr: single},
		"native on the selected":       {selected: "arm", arch: "arm64", stderr: single},
		"named before selected":        {builder: "intel", selected: "arm", arch: "arm64", stderr: single, emulated: true, reason: true},
		"no builder of that name":      {builder: "none", arch: "arm64", stderr: single},
		"a node that says no platform": {builder: "asleep", arch: "arm64", stderr: single, emulated: true, reason: true},
	} {
		c := &client{selected: tt.selected, stderr: tt.stderr}
		b := &Builder{Client: c, Name: tt.builder}
		for range 2 {
			emulated, reason, err := b.Support(t.Context(), v1.Platform{OS: "linux", Architecture: tt.arch})
			if err != nil || emulated != tt.emulated || (reason != "") != tt.reason {
				t.Errorf("%s: %v, %q, %v", name, emulated, reason, err)
			}
		}
		if (c.built > 0) != tt.emulated || c.listed != 1 && tt.builder != "none" {
			t.Errorf("%s: listed %d times, %d builds", name, c.listed, c.built)
		}
	}
	down := errors.New("down")
	if _, _, err := (&Builder{Client: &client{err: down}}).Support(t.Context(), v1.Platform{OS: "linux", Architecture: "arm64"}); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
}
