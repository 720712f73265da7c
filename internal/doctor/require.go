package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
)

// HasExtension reports whether there is an extension in dir, even one that cannot
// be read. Without one, only the machine is examined.
func HasExtension(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, extension.DescriptorFile))
	return !errors.Is(err, fs.ErrNotExist)
}

// Add adds an extension to examine. asked are the platforms that the builder has
// to build. smoke is the image that its programs are run in, or "". What cannot be
// read of it becomes ExtensionErr.
func (s *Subject) Add(e *plan.Extension, asked []v1.Platform, smoke string) {
	x, err := require(e, asked)
	if err != nil {
		s.ExtensionErr = errors.Join(s.ExtensionErr, err)
		return
	}
	if smoke != "" {
		x.Smoke, x.Runs = true, x.Platforms
		if host := imageHost(smoke); host != "" && !slices.Contains(x.Pulls, host) {
			x.Pulls = append(x.Pulls, host)
		}
	}
	s.Extensions = append(s.Extensions, x)
}

// require returns what building e requires. asked are the platforms that the
// builder has to build.
func require(e *plan.Extension, asked []v1.Platform) (Extension, error) {
	x := Extension{Name: e.Descriptor.Info.String(), Compiles: e.NeedsBuild(), Copied: e.CopiesDir(), Asked: asked}
	pulls := func(host string) {
		if host != "" && !slices.Contains(x.Pulls, host) {
			x.Pulls = append(x.Pulls, host)
		}
	}
	for _, image := range e.Images {
		x.Platforms = append(x.Platforms, image.Platform)
		for _, f := range image.Files {
			x.Size += f.Size
		}
		if !image.NeedsBuild() {
			continue
		}
		needs, err := e.BuildNeeds(image)
		if err != nil {
			return x, err
		}
		x.Runs = append(x.Runs, needs.Platforms...)
		for _, ref := range needs.Images {
			pulls(imageHost(ref))
		}
		for _, name := range needs.Contexts {
			if ref, ok := strings.CutPrefix(e.Build.Contexts[name], "docker-image://"); ok {
				pulls(imageHost(ref))
			}
		}
	}
	for _, cache := range slices.Concat(e.CacheFrom, e.CacheTo) {
		if cache.Get("type") == "registry" {
			pulls(imageHost(cache.Get("ref")))
		}
	}
	for _, tag := range e.Tags {
		ref, err := registry.ParseTag(tag)
		if err != nil {
			return x, err
		}
		x.Tags = append(x.Tags, ref)
	}
	return x, nil
}
