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

// Image is the image that a platform gets.
type Image struct {
	// Name is the floating name, which may point elsewhere tomorrow.
	Name string `json:"name"`
	// Index is the digest behind the name; empty when that is a single image.
	Index digest.Digest `json:"index,omitempty"`
	// Target is the platform that was asked for; empty when every platform was.
	Target string `json:"target,omitempty"`
	// Platform is the one the image is listed for.
	Platform string `json:"platform"`
	// Digest is that of the image manifest.
	Digest digest.Digest `json:"digest"`
	// TopLayer is the diffID of the last layer.
	TopLayer digest.Digest `json:"topLayerDiffID"`
	// Config is what the image says about itself.
	Config Config `json:"config"`
}

// Config is the part of an image config that a run image is chosen by.
type Config struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
	OSVersion    string `json:"os.version,omitempty"`
	// User is empty for root.
	User string `json:"user"`
}

// Platform gives the config's platform as "os/arch[/variant]".
func (c Config) Platform() string {
	return platforms.Format(v1.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant})
}

// parallel is how many images of an index are read at once.
const parallel = 4

// Resolve gives the image of each wanted platform, which are in normal form, or
// of every platform there is when none is wanted. The problems say, one
// sentence each, what is missing or wrong; an image with a problem is left out.
// The error is a failure to read.
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
	said := map[string]bool{} // two targets may get the same broken image
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

// read reads one image and checks it against what it is listed for.
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
		return fault("is no image: its config is of type %q", manifest.Config.MediaType)
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
		return fault("has the top layer %q, which is no diffID: %v", image.TopLayer, err)
	}
	image.Config = Config{
		OS: config.OS, Architecture: config.Architecture, Variant: config.Variant, OSVersion: config.OSVersion, User: config.Config.User,
	}
	return image, "", nil
}

// contradiction says how a config contradicts the index, or "". The OCI
// image-spec requires os and arch of a config; variant and os.version may be
// left out, and what is left out contradicts nothing.
func contradiction(e entry, config v1.Platform) string {
	switch {
	case !e.listed && !isReal(&config):
		return "has a config that names no platform"
	case !e.listed:
		return ""
	case !isReal(&config):
		return "has a config that names no platform"
	}
	index := platforms.Normalize(e.platform)
	own := platforms.Normalize(config)
	fits := index.OS == own.OS && index.Architecture == own.Architecture
	if fits && config.Variant != "" {
		if e.platform.Variant != "" {
			fits = index.Variant == own.Variant
		} else {
			// Without a variant the index promises what runs on the common one.
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

// best gives the image a platform gets, by containerd's order: its own variant,
// else the nearest one that runs on it. The first of equals wins.
//
// containerd goes on to other architectures (386 for amd64, arm for arm64).
// That may run, but a lifecycle asks for the target's architecture and is told
// that there is no such image.
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

// bare leaves out what only Windows images have.
func bare(p v1.Platform) v1.Platform {
	return v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}
