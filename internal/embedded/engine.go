// Package embedded is the engine that needs no daemon: it assembles the images
// of static extensions in this process, from the files the plan lists, into
// the same OCI layouts that buildx fills, with the same diffIDs and configs.
//
// It knows how a layer is written and nothing of labels, checks or registries.
package embedded

import (
	"context"
	"encoding/json"
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
	// Progress is told how many bytes of a layer's files were packed; nil
	// means nobody wants to know. It is called from several goroutines.
	Progress func(layer Layer, bytes int64)
}

// Build fills a layout for each set of images whose platforms differ. Images
// with the same files share one layer, which is read and compressed once.
func (e *Engine) Build(ctx context.Context, p *plan.Plan, dir string) ([]plan.Built, error) {
	for _, extension := range p.Extensions {
		if extension.NeedsBuild() {
			return nil, diag.WithHint(fmt.Errorf("packing %s: %w", extension.Descriptor.Info, plan.ErrNeedsBuild), "leave out --engine, or use --engine buildx")
		}
	}
	jobs, err := e.jobs(p)
	if err != nil {
		return nil, err
	}
	pool, err := ocilayout.Create(filepath.Join(dir, "layers"))
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, job := range jobs {
		group.Go(func() (err error) {
			job.descriptor, job.diffID, err = e.writeLayer(groupCtx, pool, job.Layer)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var built []plan.Built
	for i, extension := range p.Extensions {
		for n, images := range sets(extension) {
			b := plan.Built{Extension: extension, Images: images, Dir: filepath.Join(dir, "out", strconv.Itoa(i)+"-"+strconv.Itoa(n))}
			if err := writeLayout(ctx, b, pool, jobs); err != nil {
				return nil, fmt.Errorf("%s: %w", extension.Descriptor.Info, err)
			}
			built = append(built, b)
		}
	}
	return built, nil
}

// job is a layer to write, and what became of it.
type job struct {
	Layer
	descriptor v1.Descriptor
	diffID     digest.Digest
}

// jobs gives the layers of a plan, each once, by key.
func (e *Engine) jobs(p *plan.Plan) (map[string]*job, error) {
	jobs := map[string]*job{}
	for _, extension := range p.Extensions {
		for i := range extension.Images {
			layer := NewLayer(extension, i)
			key, err := layer.key()
			if err != nil {
				return nil, err
			}
			if jobs[key] == nil {
				jobs[key] = &job{Layer: layer}
			}
		}
	}
	return jobs, nil
}

// sets divides the images of an extension so that no platform stands in a set
// twice, as a layout is searched by platform.
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

func writeLayout(ctx context.Context, b plan.Built, pool *ocilayout.Layout, jobs map[string]*job) error {
	layout, err := ocilayout.Create(b.Dir)
	if err != nil {
		return err
	}
	defer layout.Close()
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	for _, i := range b.Images {
		key, err := NewLayer(b.Extension, i).key()
		if err != nil {
			return err
		}
		desc, err := writeImage(ctx, layout, pool, jobs[key], platformOf(b.Extension.Images[i]))
		if err != nil {
			return err
		}
		index.Manifests = append(index.Manifests, desc)
	}
	return layout.WriteIndex(index)
}

// platformOf gives an image's platform; left to the builder, which is this
// machine, it is the one whose containers run here.
func platformOf(image plan.Image) v1.Platform {
	if !platform.IsZero(image.Platform) {
		return image.Platform
	}
	p := platforms.Normalize(v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
	return v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}

func writeImage(ctx context.Context, layout, pool *ocilayout.Layout, j *job, p v1.Platform) (v1.Descriptor, error) {
	config := v1.Image{
		Platform: v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant},
		RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{j.diffID}},
		History:  []v1.History{{}},
	}
	configDesc, err := layout.PutJSON(ctx, v1.MediaTypeImageConfig, config)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if err := layout.Import(ctx, pool, j.descriptor); err != nil {
		return v1.Descriptor{}, err
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
		Entries   []entry
	}{l.dir, l.dest, l.entries})
	return string(digest.FromBytes(raw)), err
}
