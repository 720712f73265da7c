package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/text"
)

// Load loads the package into the engine under every name and returns the
// resulting references. note is called with what an engine without the
// containerd image store does not get.
func (e *Engine) Load(ctx context.Context, pkg *annotate.Package, names []Name, note func(string)) ([]string, error) {
	refs, err := e.put(ctx, pkg, names, note)
	if err != nil {
		return nil, fmt.Errorf("loading into the Docker Engine: %w", err)
	}
	return refs, nil
}

func (e *Engine) put(ctx context.Context, pkg *annotate.Package, names []Name, note func(string)) ([]string, error) {
	if e.keepsIndexes {
		err := e.send(ctx, func(w io.Writer) error {
			return ocilayout.WriteTar(ctx, w, pkg.Layout, namedIndex(pkg.Root, names))
		})
		if err != nil {
			return nil, err
		}
		return e.check(ctx, names, pkg.Root.Digest, "@"+pkg.Root.Digest.String())
	}
	image, err := e.own(pkg)
	if err != nil {
		return nil, err
	}
	if len(pkg.Images) > 1 {
		note(fmt.Sprintf("without the containerd image store, the Docker Engine keeps only one platform: loading %s, leaving out the other %d",
			platform.Format(image.Platform), len(pkg.Images)-1))
	}
	manifest, _, err := oci.ReadManifest(ctx, pkg.Layout, image.Descriptor)
	if err != nil {
		return nil, err
	}
	err = e.send(ctx, func(w io.Writer) error { return writeDockerArchive(ctx, w, pkg.Layout, manifest, names) })
	if err != nil {
		return nil, err
	}
	// Such an engine identifies images by their config and has no digest of a
	// manifest.
	return e.check(ctx, names, manifest.Config.Digest, "")
}

// namedIndex lists root once for each name, as containerd's importer requires
// (containerd, core/images/archive: AnnotationImageName overrides ref.name).
func namedIndex(root v1.Descriptor, names []Name) v1.Index {
	var index v1.Index
	for _, name := range names {
		named := root
		named.Annotations = map[string]string{"io.containerd.image.name": name.full(), v1.AnnotationRefName: name.tagged.Tag()}
		index.Manifests = append(index.Manifests, named)
	}
	return index
}

// own returns the image that fits the platform of the engine best.
func (e *Engine) own(pkg *annotate.Package) (annotate.Image, error) {
	matcher := platforms.Only(e.platform)
	var best *annotate.Image
	var have []string
	for i, image := range pkg.Images {
		if image.Any {
			return image, nil
		}
		have = append(have, platform.Format(image.Platform))
		// The version of a distro is not that of the engine.
		offered := image.Platform
		offered.OSVersion = ""
		if matcher.Match(offered) && (best == nil || matcher.Less(offered, best.Platform)) {
			best = &pkg.Images[i]
		}
	}
	if best == nil {
		return annotate.Image{}, diag.WithHint(
			fmt.Errorf("it keeps only one platform, its own (%s), and the package has %s", platform.Format(e.platform), strings.Join(have, ", ")),
			"add --target "+platform.Format(e.platform)+`, or turn on the containerd image store: "features": {"containerd-snapshotter": true} in the engine's daemon.json`)
	}
	return *best, nil
}

// send streams the output of write to the engine.
func (e *Engine) send(ctx context.Context, write func(io.Writer) error) error {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(w)
		w.CloseWithError(err)
		written <- err
	}()
	err := e.load(ctx, r)
	r.CloseWithError(errUnread)
	if writeErr := <-written; writeErr != nil && !errors.Is(writeErr, errUnread) {
		return writeErr
	}
	return err
}

func (e *Engine) load(ctx context.Context, archive io.Reader) error {
	result, err := e.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	defer result.Close()
	return loaded(result)
}

// loaded reads the engine's response to a load. The status is sent before the
// outcome is known, so failures are part of the message stream.
func loaded(r io.Reader) error {
	for dec := json.NewDecoder(r); ; {
		var message struct {
			Stream string `json:"stream"`
			Error  string `json:"error"`
		}
		switch err := dec.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading its response: %w", err)
		case message.Error != "":
			return errors.New(text.Line(message.Error))
		// The engine has loaded the image but cannot run it (moby,
		// daemon/containerd, LoadImage).
		case strings.HasPrefix(message.Stream, "Error "):
			return errors.New(text.Line(strings.TrimSpace(message.Stream)))
		}
	}
}

// check verifies that the engine has the images. suffix is added to each name.
func (e *Engine) check(ctx context.Context, names []Name, want digest.Digest, suffix string) ([]string, error) {
	var refs []string
	for _, name := range names {
		result, err := e.api.ImageInspect(ctx, name.String())
		if err != nil {
			return nil, fmt.Errorf("looking for %s after loading it: %w", name, err)
		}
		if result.ID != want.String() {
			return nil, fmt.Errorf("%s is %s after loading %s", name, result.ID, want)
		}
		refs = append(refs, name.String()+suffix)
	}
	return refs, nil
}
