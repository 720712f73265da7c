package exttest

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/runimage"
	"github.com/extpack/extpack/internal/task"
)

// base is the image of a name for one platform.
type base struct {
	// name is the full name, ref the same with the digest of the image.
	name, ref string
	platform  v1.Platform
	config    runimage.Config
	// layout is the absolute path of an OCI layout with the image, "" for one of a
	// registry, and digest the digest of the image.
	layout string
	digest digest.Digest
}

// use makes the image the value of an argument of a job, by the name of a context
// if builders cannot pull it.
func (b *base) use(j *task.Job, arg, context string) {
	if b.layout == "" {
		j.Args[arg] = b.ref
		return
	}
	j.Args[arg] = context
	j.Contexts[context] = layoutContext(b.layout, b.digest)
	j.Layouts = append(j.Layouts, b.layout)
}

// layoutContext returns the named context for an image in an OCI layout.
func layoutContext(dir string, image digest.Digest) string {
	return "oci-layout://" + filepath.ToSlash(dir) + "@" + image.String()
}

// bases resolves images, each name once.
type bases struct {
	images  runimage.Images
	local   func(ctx context.Context, name string) (dir string, ok bool, err error)
	mu      sync.Mutex
	opened  map[string]*openBase
	closers []func() error
}

// close closes layouts. They are only read.
func (b *bases) close() {
	for _, c := range b.closers {
		_ = c()
	}
}

type openBase struct {
	*runimage.RunImage
	layout string // "" if it is in a registry
}

// errNoPlatform is returned if an image has none for a platform.
type errNoPlatform struct{ problem string }

func (e *errNoPlatform) Error() string { return e.problem }

// open returns the image or index at a name: that of the registry, or else that of
// the Docker Engine.
func (b *bases) open(ctx context.Context, name string) (*openBase, registry.Reference, error) {
	ref, err := registry.ParseReference(name)
	if err != nil {
		return nil, ref, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if found := b.opened[ref.String()]; found != nil {
		return found, ref, nil
	}
	found := &openBase{}
	opened, err := b.images.Pull(ctx, ref)
	if err != nil {
		if opened, found.layout, err = b.openLocal(ctx, ref, err); err != nil {
			return nil, ref, err
		}
		if opened.Close != nil {
			b.closers = append(b.closers, opened.Close)
		}
	}
	if found.RunImage, err = runimage.Read(ctx, ref.String(), opened, opened.Root); err != nil {
		return nil, ref, err
	}
	if b.opened == nil {
		b.opened = map[string]*openBase{}
	}
	b.opened[ref.String()] = found
	return found, ref, nil
}

// openLocal returns the image of the Docker Engine for a name that could not be
// pulled. If there is none, it returns the error of the pull.
func (b *bases) openLocal(ctx context.Context, ref registry.Reference, pulling error) (*runimage.Opened, string, error) {
	if b.local == nil || context.Cause(ctx) != nil {
		return nil, "", pulling
	}
	dir, ok, err := b.local(ctx, ref.String())
	if err != nil {
		return nil, "", err
	}
	if !ok {
		return nil, "", pulling
	}
	opened, err := b.images.Open(ctx, dir)
	return opened, dir, err
}

// resolve returns the image of a name for a platform, or an [*errNoPlatform].
func (b *bases) resolve(ctx context.Context, name string, p v1.Platform) (*base, error) {
	image, ref, err := b.open(ctx, name)
	if err != nil {
		return nil, err
	}
	found, problems, err := image.Resolve(ctx, []v1.Platform{p})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &errNoPlatform{strings.Join(problems, "; ")}
	}
	return &base{
		name: name, ref: ref.RepositoryName() + "@" + found[0].Digest.String(), platform: p, config: found[0].Config,
		layout: image.layout, digest: found[0].Digest,
	}, nil
}

// platforms returns the platforms of the image at a name.
func (b *bases) platforms(ctx context.Context, name string) ([]v1.Platform, error) {
	image, _, err := b.open(ctx, name)
	if err != nil {
		return nil, err
	}
	found, _, err := image.Resolve(ctx, nil)
	var all []v1.Platform
	for _, f := range found {
		p := v1.Platform{OS: f.Config.OS, Architecture: f.Config.Architecture, Variant: f.Config.Variant}
		if !slices.ContainsFunc(all, func(o v1.Platform) bool { return platform.Equal(o, p) }) {
			all = append(all, p)
		}
	}
	return all, err
}

// env returns a variable of the config.
func (b *base) env(name string) string {
	value := ""
	for _, kv := range b.config.Env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// builderMetadata is the label of a builder image that pack writes.
type builderMetadata struct {
	Stack struct {
		RunImage struct {
			Image string `json:"image"`
		} `json:"runImage"`
	} `json:"stack"`
	Images []struct {
		Image string `json:"image"`
	} `json:"images"`
	Lifecycle struct {
		APIs struct {
			Platform struct {
				Supported []string `json:"supported"`
			} `json:"platform"`
		} `json:"apis"`
	} `json:"lifecycle"`
}

// Labels of builder and lifecycle images.
const (
	labelBuilder       = "io.buildpacks.builder.metadata"
	labelLifecycleAPIs = "io.buildpacks.lifecycle.apis"
	labelDistroName    = "io.buildpacks.base.distro.name"
	labelDistroVersion = "io.buildpacks.base.distro.version"
	labelTargetID      = "io.buildpacks.base.id"
	labelRebasable     = "io.buildpacks.rebasable"
)

func (b *base) metadata() (builderMetadata, error) {
	var m builderMetadata
	label, ok := b.config.Labels[labelBuilder]
	if !ok {
		return m, nil
	}
	if err := json.Unmarshal([]byte(label), &m); err != nil {
		return m, diag.Invalidf("%s: the label %s is not the metadata of a builder: %v", b.name, labelBuilder, err)
	}
	return m, nil
}

// runImageName returns the run image that a builder image names, or "".
func (m builderMetadata) runImageName() string {
	for _, image := range m.Images {
		if image.Image != "" {
			return image.Image
		}
	}
	return m.Stack.RunImage.Image
}

// Versions of the Platform API that run extensions and that this package knows
// (Platform Interface Specification, "Platform API Version").
const (
	minPlatformAPI = 10
	maxPlatformAPI = 15
	// defaultPlatformAPI is used for a lifecycle that does not say what it
	// supports.
	defaultPlatformAPI = "0.12"
)

// platformAPI returns the Platform API for a case: the one that it names, or else
// the newest that this package and the lifecycle support. lifecycle is the image
// that has it, and supported is what its builder image says.
func platformAPI(test *extension.TestCase, supported []string, lifecycle *base) (string, error) {
	var apis struct {
		Platform struct {
			Supported []string `json:"supported"`
		} `json:"platform"`
	}
	if json.Unmarshal([]byte(lifecycle.config.Labels[labelLifecycleAPIs]), &apis) == nil && len(apis.Platform.Supported) > 0 {
		supported = apis.Platform.Supported
	}
	if named := test.PlatformAPI; named.Value != "" {
		if len(supported) > 0 && !slices.Contains(supported, named.Value) {
			var list diag.List
			list.Errorf(named.Position, "the lifecycle of %s does not support Platform API %s; it has %s", lifecycle.name, named.Value, strings.Join(supported, ", "))
			return "", list.Err()
		}
		return named.Value, nil
	}
	newest := 0
	for _, api := range supported {
		text, ok := strings.CutPrefix(api, "0.")
		if minor, err := strconv.Atoi(text); ok && err == nil && minor >= minPlatformAPI && minor <= maxPlatformAPI {
			newest = max(newest, minor)
		}
	}
	switch {
	case newest > 0:
		return fmt.Sprintf("0.%d", newest), nil
	case len(supported) > 0:
		return "", diag.WithHint(diag.Invalidf("the lifecycle of %s has Platform API %s, and extensions need 0.%d or newer", lifecycle.name, strings.Join(supported, ", "), minPlatformAPI),
			"name an image with a newer lifecycle with --lifecycle")
	}
	return defaultPlatformAPI, nil
}

// user returns the user and the group that the lifecycle runs as in a build
// image (Platform Interface Specification, "Build Image").
func (b *base) user() (uid, gid string, err error) {
	uid, gid = b.env("CNB_USER_ID"), b.env("CNB_GROUP_ID")
	for name, value := range map[string]string{"CNB_USER_ID": uid, "CNB_GROUP_ID": gid} {
		if n, err := strconv.Atoi(value); err != nil || n < 0 {
			return "", "", diag.WithHint(diag.Invalidf("%s has no %s in its environment, so it is not a build image", b.name, name),
				"name a builder image of Cloud Native Buildpacks with --builder-image")
		}
	}
	if uid == "0" {
		return "", "", diag.Invalidf("%s has CNB_USER_ID=0, and the lifecycle refuses to detect as root", b.name)
	}
	return uid, gid, nil
}

// sameImage reports whether an image has a name, with or without the digest.
func sameImage(b *base, name string) bool {
	return b.name == name || b.ref == name || strings.HasPrefix(b.name, name+"@")
}
