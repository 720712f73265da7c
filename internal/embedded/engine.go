// Package embedded is the engine that needs no daemon: it assembles the images
// of static extensions in this process, from the files the plan lists, into
// the same OCI layouts that buildx fills, with the same diffIDs and configs.
//
// It does not know labels, checks or registries.
package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/platform"
)

// Engine builds plans in this process.
type Engine struct {
	// Progress, if not nil, is called with the number of bytes of a layer's
	// files that have been packed. It is called from several goroutines.
	Progress func(layer Layer, total int64)
}

// Build writes one layout for each set of images with distinct platforms.
// Images with the same files share one layer, which is read and compressed
// once.
func (e *Engine) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	for _, extension := range p.Extensions {
		if extension.NeedsBuild() {
			return nil, diag.WithHint(fmt.Errorf("packing %s: %w", extension.Descriptor.Info, plan.ErrNeedsBuild), "leave out --engine, or use --engine buildx")
		}
	}
	b := &builder{engine: e, jobs: map[string]*job{}}
	defer b.close()
	for i, extension := range p.Extensions {
		for n, images := range sets(extension) {
			name := filepath.Join(dir, "out", strconv.Itoa(i)+"-"+strconv.Itoa(n))
			if err := b.add(ctx, plan.Built{Extension: extension, Images: images, Dir: name, Checked: true}); err != nil {
				return nil, err
			}
		}
	}
	if err := b.writeLayers(ctx); err != nil {
		return nil, err
	}
	built := make([]plan.Built, len(b.outputs))
	for i, o := range b.outputs {
		if err := o.write(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Extension.Descriptor.Info, err)
		}
		built[i] = o.Built
	}
	return built, nil
}

// builder is one run of the engine.
type builder struct {
	engine  *Engine
	jobs    map[string]*job // by key
	outputs []*output
}

// output is a layout and the layers of its images.
type output struct {
	plan.Built
	layout *ocilayout.Layout
	jobs   []*job // one per image
}

func (b *builder) close() {
	for _, o := range b.outputs {
		o.layout.Close()
	}
}

// add creates the layout of an output and adds the layers that it needs. A
// layer is written to the first layout that needs it.
func (b *builder) add(ctx context.Context, built plan.Built) error {
	layout, err := ocilayout.Create(built.Dir)
	if err != nil {
		return err
	}
	o := &output{Built: built, layout: layout}
	b.outputs = append(b.outputs, o)
	for _, i := range built.Images {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		layer := NewLayer(built.Extension, i)
		key, err := layer.key()
		if err != nil {
			return err
		}
		if b.jobs[key] == nil {
			b.jobs[key] = &job{Layer: layer, home: layout}
		}
		o.jobs = append(o.jobs, b.jobs[key])
	}
	o.Shared = len(o.jobs) > 1 && len(slices.Compact(slices.Clone(o.jobs))) == 1
	return nil
}

func (b *builder) writeLayers(ctx context.Context) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, j := range b.jobs {
		group.Go(func() (err error) {
			j.descriptor, j.diffID, err = b.engine.writeLayer(groupCtx, j.home, j.Layer)
			return err
		})
	}
	return group.Wait()
}

// write writes the images of a layout. An image that is the same on every
// platform is written once.
func (o *output) write(ctx context.Context) error {
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	for n, i := range o.Images {
		desc, err := writeImage(ctx, o.layout, o.jobs[n], platformOf(o.Extension.Images[i]))
		if err != nil {
			return err
		}
		index.Manifests = append(index.Manifests, desc)
		if o.Shared {
			break
		}
	}
	return o.layout.WriteIndex(index)
}

// job is a layer to write, and the result.
type job struct {
	Layer
	home       *ocilayout.Layout
	descriptor v1.Descriptor
	diffID     digest.Digest
}

// sets divides the images of an extension so that no set has two images for one
// platform, because images are found in a layout by platform.
func sets(e *plan.Extension) [][]int {
	var sets [][]int
	for i, image := range e.Images {
		n := 0
		for _, earlier := range e.Images[:i] {
			if platform.Equal(earlier.Platform, image.Platform) {
				n++
			}
		}
		if n == len(sets) {
			sets = append(sets, nil)
		}
		sets[n] = append(sets[n], i)
	}
	return sets
}

// platformOf returns the platform of an image. If the builder decides, it is
// the platform of containers on this machine.
func platformOf(image plan.Image) v1.Platform {
	if !platform.IsZero(image.Platform) {
		return image.Platform
	}
	p := platforms.Normalize(v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	return v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}

func writeImage(ctx context.Context, layout *ocilayout.Layout, j *job, p v1.Platform) (v1.Descriptor, error) {
	config := v1.Image{
		Platform: v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant},
		RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{j.diffID}},
		History:  []v1.History{{}},
	}
	configDesc, err := layout.PutJSON(ctx, v1.MediaTypeImageConfig, config)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if layout != j.home {
		if err := layout.Import(ctx, j.home, j.descriptor); err != nil {
			return v1.Descriptor{}, err
		}
	}
	desc, err := layout.PutJSON(ctx, v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
		Config: configDesc, Layers: []v1.Descriptor{j.descriptor},
	})
	desc.Platform = &p
	return desc, err
}

// key identifies the content of a layer before it is read: two images with the
// same key have the same files.
func (l Layer) key() (string, error) {
	raw, err := json.Marshal(struct {
		Dir, Dest string
		Entries   []Entry
	}{l.dir, l.dest, l.entries})
	return string(digest.FromBytes(raw)), err
}
