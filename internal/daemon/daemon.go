// Package daemon hands packages to a Docker Engine, from an OCI layout through
// the engine's image load API.
//
// An engine with the containerd image store keeps a package as it is, all
// platforms and attestations under one index. The older image stores know no
// index: they get the image of the engine's own platform.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/containerd/platforms"
	"github.com/moby/moby/client"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
)

// API is what is used of the Docker Engine's API client.
type API interface {
	Info(ctx context.Context, options client.InfoOptions) (client.SystemInfoResult, error)
	ImageLoad(ctx context.Context, input io.Reader, options ...client.ImageLoadOption) (client.ImageLoadResult, error)
	ImageInspect(ctx context.Context, image string, options ...client.ImageInspectOption) (client.ImageInspectResult, error)
}

// Engine is a Docker Engine that answers.
type Engine struct {
	api API
	// keepsIndexes says that the engine has the containerd image store.
	keepsIndexes bool
	// platform is what the engine's machine runs.
	platform v1.Platform
}

// Connect asks the engine what it is. host names it to people.
func Connect(ctx context.Context, api API, host string) (*Engine, error) {
	result, err := api.Info(ctx, client.InfoOptions{})
	switch {
	case err == nil:
	case client.IsErrConnectionFailed(err):
		return nil, unreachable(fmt.Errorf("--load: no Docker Engine answers at %s", host))
	case context.Cause(ctx) != nil:
		return nil, context.Cause(ctx)
	default:
		return nil, unreachable(fmt.Errorf("--load: asking the Docker Engine at %s what it is: %w", host, err))
	}
	info := result.Info
	return &Engine{
		api:          api,
		keepsIndexes: slices.Contains(info.DriverStatus, containerdStore),
		platform:     platformOf(info.OSType, info.Architecture),
	}, nil
}

// containerdStore is how an engine says that its images are in containerd
// (moby, daemon/containerd, LayerStoreStatus).
var containerdStore = [2]string{"driver-type", "io.containerd.snapshotter.v1"}

func unreachable(err error) error {
	return diag.WithHint(err, `see what is wrong with "docker info", or leave --load out and write a file with -o FILE.cnb`)
}

// platformOf makes a platform of what the kernel calls its machine.
func platformOf(os, machine string) v1.Platform {
	p := v1.Platform{OS: os, Architecture: machine}
	switch machine {
	case "armv7l":
		p.Architecture, p.Variant = "arm", "v7"
	case "armv6l":
		p.Architecture, p.Variant = "arm", "v6"
	}
	return platforms.Normalize(p)
}

// errUnread ends the writing of an archive that the engine does not read on.
var errUnread = errors.New("the engine stopped reading")
