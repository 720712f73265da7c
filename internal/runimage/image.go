package runimage

import (
	"context"
	"fmt"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/text"
)

// Image is the image for a platform.
type Image struct {
	// Name is the mutable name.
	Name string `json:"name"`
	// Index is the digest of the index at the name. It is empty for a single
	// image.
	Index digest.Digest `json:"index,omitempty"`
	// Target is the requested platform. It is empty if all platforms were
	// requested.
	Target string `json:"target,omitempty"`
	// Platform is the platform that the image is listed for.
	Platform string `json:"platform"`
	// Digest is the digest of the image manifest.
	Digest digest.Digest `json:"digest"`
	// TopLayer is the diffID of the last layer.
	TopLayer digest.Digest `json:"topLayerDiffID"`
	// Config is the config of the image.
	Config Config `json:"config"`
}

// Config is the part of an image config that matters for run images.
type Config struct {
	// OS is the operating system.
	OS string `json:"os"`
	// Architecture is the architecture.
	Architecture string `json:"architecture"`
	// Variant is the variant of the architecture.
	Variant string `json:"variant,omitempty"`
	// OSVersion is the version of the operating system, for Windows.
	OSVersion string `json:"os.version,omitempty"`
	// User is the user of the image. It is empty for root.
	User string `json:"user"`
	// Env and Labels are not part of the report.
	Env    []string          `json:"-"`
	Labels map[string]string `json:"-"`
}

// Platform returns the platform as "os/arch[/variant]".
func (c Config) Platform() string {
	return platforms.Format(v1.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant})
}

// parallel is the number of images of an index that are read concurrently.
const parallel = 4

// Resolve returns the image for each of the wanted platforms, which must be
// normalized, or for all platforms if wanted is empty. Images with problems are
// omitted; problems are one sentence each. It returns an error if the images
// cannot be read.
func (r *RunImage) Resolve(ctx context.Context, wanted []v1.Platform) (images []Image, problems []string, err error) {
	problems = append(problems, r.problems...)
	type choice struct {
		entry
		target string
	}
	var chosen []choice
	for _, p := range wanted {
		e, ok := r.best(p)
		if !ok {
			problems = append(problems, fmt.Sprintf("%s has no image for %s; %s", r.name, show(p), r.has()))
			continue
		}
		chosen = append(chosen, choice{e, show(p)})
	}
	if len(wanted) == 0 {
		for _, e := range r.entries {
			chosen = append(chosen, choice{entry: e})
		}
		if len(chosen) == 0 {
			problems = append(problems, fmt.Sprintf("%s has no image for any platform; %s", r.name, r.has()))
		}
	}
	read := make([]Image, len(chosen))
	faults := make([]string, len(chosen))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, c := range chosen {
		group.Go(func() (err error) {
			read[i], faults[i], err = r.read(ctx, c.entry)
			read[i].Target = c.target
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, problems, oci.Wrap(err, "reading "+r.name)
	}
	said := map[string]bool{} // two targets may have the same broken image
	for i, fault := range faults {
		switch {
		case fault == "":
			images = append(images, read[i])
		case !said[fault]:
			said[fault] = true
			problems = append(problems, fault)
		}
	}
	return images, problems, nil
}

// read reads one image and compares it with its entry.
func (r *RunImage) read(ctx context.Context, e entry) (Image, string, error) {
	image := Image{Name: r.name, Index: r.index, Platform: platforms.Format(e.platform), Digest: e.descriptor.Digest}
	fault := func(format string, args ...any) (Image, string, error) {
		what := r.name
		if e.listed {
			what = fmt.Sprintf("the image of %s for %s (%s)", r.name, show(e.platform), e.descriptor.Digest)
		}
		return image, what + " " + fmt.Sprintf(format, args...), nil
	}
	manifest, _, err := oci.ReadManifest(ctx, r.src, e.descriptor)
	if s, ok := problem(err); ok {
		return fault("cannot be read: %s", s)
	} else if err != nil {
		return image, "", err
	}
	if !oci.IsConfig(manifest.Config.MediaType) {
		return fault("is not an image: its config is of type %q", manifest.Config.MediaType)
	}
	config, _, err := oci.ReadConfig(ctx, r.src, manifest.Config)
	if s, ok := problem(err); ok {
		return fault("cannot be read: %s", s)
	} else if err != nil {
		return image, "", err
	}
	if s := contradiction(e, config.Platform); s != "" {
		return fault("%s", s)
	}
	layers, diffIDs := len(manifest.Layers), config.RootFS.DiffIDs
	switch {
	case layers == 0 && len(diffIDs) == 0:
		return fault("has no layers")
	case layers != len(diffIDs):
		return fault("has %s but %s in its config", text.Count(layers, "layer"), text.Count(len(diffIDs), "diffID"))
	}
	image.TopLayer = diffIDs[len(diffIDs)-1]
	if err := image.TopLayer.Validate(); err != nil {
		return fault("has the top layer %q, which is not a diffID: %v", image.TopLayer, err)
	}
	image.Config = Config{
		OS: config.OS, Architecture: config.Architecture, Variant: config.Variant, OSVersion: config.OSVersion, User: config.Config.User,
		Env: config.Config.Env, Labels: config.Config.Labels,
	}
	return image, "", nil
}

// contradiction returns how a config contradicts the index, or "". The OCI
// image-spec requires os and arch of a config. Missing variant and os.version
// do not contradict the index.
func contradiction(e entry, config v1.Platform) string {
	switch {
	case !e.listed && !isReal(&config):
		return "has a config without a platform"
	case !e.listed:
		return ""
	case !isReal(&config):
		return "has a config without a platform"
	}
	index := platforms.Normalize(e.platform)
	own := platforms.Normalize(config)
	fits := index.OS == own.OS && index.Architecture == own.Architecture
	if fits && config.Variant != "" {
		if e.platform.Variant != "" {
			fits = index.Variant == own.Variant
		} else {
			// An entry without a variant has the default variant.
			fits = platforms.Only(bare(index)).Match(bare(own))
		}
	}
	if fits && config.OSVersion != "" && e.platform.OSVersion != "" {
		fits = config.OSVersion == e.platform.OSVersion
	}
	if fits {
		return ""
	}
	config.OSFeatures = nil
	return "has a config for " + show(config)
}

// best returns the image for a platform in containerd's order: the same
// variant, or else the nearest one that runs on it. The first of equal images
// is used.
//
// containerd also accepts other architectures (386 for amd64, arm for arm64).
// They may run, but lifecycles request the architecture of the target, and
// would not find an image.
func (r *RunImage) best(want v1.Platform) (entry, bool) {
	matcher := platforms.Only(want)
	want = platforms.Normalize(want)
	found := -1
	for i, e := range r.entries {
		if !isReal(&e.platform) {
			continue
		}
		p := platforms.Normalize(e.platform)
		if p.OS != want.OS || p.Architecture != want.Architecture || !matcher.Match(e.platform) {
			continue
		}
		if found < 0 || matcher.Less(e.platform, r.entries[found].platform) {
			found = i
		}
	}
	if found < 0 {
		return entry{}, false
	}
	return r.entries[found], true
}

// bare returns a platform without the fields of Windows images.
func bare(p v1.Platform) v1.Platform {
	return v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}
