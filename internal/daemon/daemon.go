// Package daemon loads packages from an OCI layout into a Docker Engine.
//
// An engine with the containerd image store keeps a package unchanged, with all
// platforms and attestations under one index. The older image stores do not
// support indexes; they get only the image for the platform of the engine.
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

// API is the part of the Docker Engine's API client that is used.
type API interface {
	Info(ctx context.Context, options client.InfoOptions) (client.SystemInfoResult, error)
	ImageLoad(ctx context.Context, input io.Reader, options ...client.ImageLoadOption) (client.ImageLoadResult, error)
	ImageInspect(ctx context.Context, image string, options ...client.ImageInspectOption) (client.ImageInspectResult, error)
}

// Engine is a reachable Docker Engine.
type Engine struct {
	api API
	// keepsIndexes reports whether the engine has the containerd image store.
	keepsIndexes bool
	// platform is the platform of the engine.
	platform v1.Platform
}

// Connect returns the engine behind api. host is its name in messages.
func Connect(ctx context.Context, api API, host string) (*Engine, error) {
	result, err := api.Info(ctx, client.InfoOptions{})
	switch {
	case err == nil:
	case client.IsErrConnectionFailed(err):
		return nil, unreachable(fmt.Errorf("--load: no Docker Engine responds at %s", host))
	case context.Cause(ctx) != nil:
		return nil, context.Cause(ctx)
	default:
		return nil, unreachable(fmt.Errorf("--load: querying the Docker Engine at %s: %w", host, err))
	}
	info := result.Info
	return &Engine{
		api:          api,
		keepsIndexes: slices.Contains(info.DriverStatus, containerdStore),
		platform:     platformOf(info.OSType, info.Architecture),
	}, nil
}

// containerdStore is the driver status of an engine with the containerd image
// store (moby, daemon/containerd, LayerStoreStatus).
var containerdStore = [2]string{"driver-type", "io.containerd.snapshotter.v1"}

func unreachable(err error) error {
	return diag.WithHint(err, `check the engine with "docker info", or leave out --load and write a file with -o FILE.cnb`)
}

// platformOf returns the platform for a machine name of the kernel (uname -m).
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

// errUnread stops the writing of an archive after the engine stopped reading.
var errUnread = errors.New("the engine stopped reading")
