// Package embedded is the engine that needs no daemon: it assembles the images
// of static extensions in this process, from the files the plan lists, into
// the same OCI layouts that buildx fills, with the same diffIDs and configs.
//
// It does not know labels, checks or registries.
package embedded

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
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

	ahead ahead
}

// Build reads and compresses each layer once. Images with the same files share
// one layout with a single image; the others share one per set of images for
// distinct platforms.
func (e *Engine) Build(ctx context.Context, p *plan.Plan, dir string) (all []plan.Built, err error) {
	for _, extension := range p.Extensions {
		if extension.NeedsBuild() {
			return nil, diag.WithHint(fmt.Errorf("packing %s: %w", extension.Descriptor.Info, plan.ErrNeedsBuild), "leave out --engine, or use --engine buildx")
		}
	}
	b := &builder{engine: e}
	defer b.closeAfter(&err)
	for i, extension := range p.Extensions {
		if err := b.add(ctx, extension, nil, filepath.Join(dir, "out", strconv.Itoa(i))); err != nil {
			return nil, err
		}
	}
	return b.write(ctx)
}

// write writes all layers, and then the layouts.
func (b *builder) write(ctx context.Context) ([]plan.Built, error) {
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
	jobs    []*job
	outputs []*output
}

// output is a layout and the layers of its images.
type output struct {
	plan.Built
	jobs []*job // one per image
}

// closeAfter closes the layouts after an error. Otherwise they stay open.
func (b *builder) closeAfter(err *error) {
	if *err == nil {
		return
	}
	for _, o := range b.outputs {
		o.Layout.Close()
	}
}

// add creates the layouts of an extension, below the prefix dir, and adds the
// layers that they need. from has the files, or is nil if the extension root has
// them.
func (b *builder) add(ctx context.Context, e *plan.Extension, from *copied, dir string) error {
	var layers []shared
	if from == nil {
		layers = b.engine.ahead.take(e)
	}
	if layers == nil {
		var err error
		if layers, err = layersOf(ctx, e); err != nil {
			return err
		}
	}
	var alone []shared
	for _, l := range layers {
		l.copied = from
		if len(l.images) == 1 {
			alone = append(alone, l)
			continue
		}
		if err := b.addOutput(e, dir, l); err != nil {
			return err
		}
	}
	for _, set := range sets(e, alone) {
		if err := b.addOutput(e, dir, set...); err != nil {
			return err
		}
	}
	return nil
}

// addOutput creates a layout for the images of some layers.
func (b *builder) addOutput(e *plan.Extension, dir string, layers ...shared) error {
	o := &output{Built: plan.Built{Extension: e, Dir: dir + "-" + strconv.Itoa(len(b.outputs)), Checked: layers[0].copied == nil}}
	var err error
	if o.Layout, err = ocilayout.Stage(o.Dir); err != nil {
		return err
	}
	b.outputs = append(b.outputs, o)
	for _, l := range layers {
		j := &job{Layer: l.Layer, home: o.Layout}
		b.jobs = append(b.jobs, j)
		for _, i := range l.images {
			o.Images, o.jobs = append(o.Images, i), append(o.jobs, j)
		}
	}
	o.Shared = len(layers) == 1 && len(o.Images) > 1
	return nil
}

// maxLayers limits the number of layers that are packed at the same time, and so
// the memory of their compressors.
const maxLayers = 8

func layersAtOnce() int { return min(runtime.GOMAXPROCS(0), maxLayers) }

func (b *builder) writeLayers(ctx context.Context) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(layersAtOnce())
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
		desc, err := writeImage(ctx, o.Layout, o.jobs[n], platformOf(o.Extension.Images[i]))
		if err != nil {
			return err
		}
		index.Manifests = append(index.Manifests, desc)
		if o.Shared {
			break
		}
	}
	return o.Layout.WriteIndex(index)
}

// job is a layer to write, and the result.
type job struct {
	Layer
	home       *ocilayout.Layout
	descriptor v1.Descriptor
	diffID     digest.Digest
}

// sets divides layers of one image each so that no set has two images for one
// platform, because images are found in a layout by platform.
func sets(e *plan.Extension, layers []shared) [][]shared {
	var sets [][]shared
	count := map[[3]string]int{}
	for _, l := range layers {
		p := e.Images[l.images[0]].Platform
		key := [3]string{p.OS, p.Architecture, p.Variant}
		n := count[key]
		count[key]++
		if n == len(sets) {
			sets = append(sets, nil)
		}
		sets[n] = append(sets[n], l)
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
	desc, err := layout.PutJSON(ctx, v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
		Config: configDesc, Layers: []v1.Descriptor{j.descriptor},
	})
	desc.Platform = &p
	return desc, err
}
