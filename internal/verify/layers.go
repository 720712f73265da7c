package verify

import (
	"archive/tar"
	"errors"
	"io"
	"path"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"

	"github.com/extpack/extpack/internal/lint"
	"github.com/extpack/extpack/internal/oci"
)

// scanJobs is the number of layers that are read concurrently. Each uses a
// processor to decompress and a connection to the registry.
const scanJobs = 4

// layerKey is the key of a layer. Two descriptors that differ only in size or
// media type cannot both be correct, so these are part of it.
type layerKey struct {
	digest, mediaType string
	size              int64
}

func keyOfLayer(desc v1.Descriptor) layerKey {
	return layerKey{desc.Digest.String(), desc.MediaType, desc.Size}
}

// scanLayers reads every layer of every image once, shared ones too.
func (c *checker) scanLayers(p *pkg) error {
	type job struct {
		desc   v1.Descriptor
		wanted map[string]bool
		scan   *scan
	}
	jobs := map[layerKey]*job{}
	for _, i := range p.images {
		if i.manifest == nil {
			continue
		}
		for n, desc := range i.manifest.Layers {
			if !oci.IsLayer(desc.MediaType) {
				continue // was reported
			}
			j := jobs[keyOfLayer(desc)]
			if j == nil {
				j = &job{desc: desc, wanted: map[string]bool{}}
				jobs[keyOfLayer(desc)] = j
			}
			if n == i.layer {
				for _, name := range lint.Texts {
					j.wanted[i.dir+"/"+name] = true
				}
			}
		}
	}
	group, ctx := errgroup.WithContext(c.ctx)
	group.SetLimit(scanJobs)
	for _, j := range jobs {
		group.Go(func() (err error) {
			j.scan, err = scanLayer(ctx, c.src, j.desc, j.wanted, c.opts.Promise != nil)
			if err != nil && isAtFault(err) {
				j.scan, err = &scan{problem: idContent, message: err.Error()}, nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	type place struct {
		scan *scan
		dir  string
	}
	trees := map[place]*tree{}
	for _, i := range p.images {
		if i.manifest == nil {
			continue
		}
		for n, desc := range i.manifest.Layers {
			var s *scan
			if j := jobs[keyOfLayer(desc)]; j != nil {
				s = j.scan
			}
			i.scans = append(i.scans, s)
			if n == i.layer && s != nil && s.problem == "" {
				at := place{s, i.dir}
				if trees[at] == nil {
					trees[at] = newTree(s.entries, i.dir)
				}
				i.tree = trees[at]
			}
		}
	}
	return nil
}

// checkLayers reports layers that could not be read, and layers whose diffID
// differs from the config.
func (c *checker) checkLayers(i *image) {
	for n, s := range i.scans {
		subject := i.manifest.Layers[n].Digest.String()
		switch {
		case s == nil:
		case s.problem != "":
			c.report(s.problem, i, subject, "%s", s.message)
		case i.config != nil && len(i.config.RootFS.DiffIDs) == len(i.scans) && i.config.RootFS.DiffIDs[n] != s.diffID:
			c.report(idDiffIDMismatch, i, subject, "layer %s expands to %s, but its diffID is %s", subject, s.diffID, i.config.RootFS.DiffIDs[n])
		}
	}
}

// checkOtherLayers checks that no other layer has files of the extension:
// readers only copy the labelled layer.
func (c *checker) checkOtherLayers(i *image) {
	if i.layer < 0 {
		return
	}
	const extensions = "cnb/extensions/"
	for n, s := range i.scans {
		if n == i.layer || s == nil || s.problem != "" || s.diffID == i.labels.diffID {
			continue
		}
		subject := i.manifest.Layers[n].Digest.String()
		for _, e := range s.entries {
			if e.kind != tar.TypeDir && strings.HasPrefix(e.name, extensions) {
				c.report(idLayerOther, i, subject, "layer %s contains /%s, but the label names another layer", subject, e.name)
				break // one finding suffices
			}
			if words := i.hides(e); words != "" {
				c.report(idLayerOther, i, subject, "layer %s contains /%s, which %s", subject, e.name, words)
				break
			}
		}
	}
}

// hides returns how an entry of another layer changes the extension's
// directory, if it does, as the rest of a sentence.
func (i *image) hides(e *entry) string {
	dir, base := path.Split(e.name)
	dir = strings.TrimSuffix(dir, "/")
	deleted, isWhiteout := strings.CutPrefix(base, whiteout)
	switch {
	case isWhiteout && base == whiteout+whiteout+".opq":
		deleted = dir
	case isWhiteout:
		deleted = path.Join(dir, deleted)
	case e.kind == tar.TypeDir || !above(e.name, i.dir):
		return ""
	default:
		return "is " + kindWords(e.kind) + " where the extension's directory is"
	}
	if deleted == "" || above(deleted, i.dir) || strings.HasPrefix(deleted+"/", i.dir+"/") {
		return "deletes files of the extension"
	}
	return ""
}

// above reports whether name is dir or a parent of it.
func above(name, dir string) bool { return strings.HasPrefix(dir+"/", name+"/") }

// findBlobs checks whether the layers and other blobs that are not read exist.
func (c *checker) findBlobs(p *pkg) error {
	store, ok := c.src.(content.ReadOnlyStorage)
	if !ok {
		return nil
	}
	type blob struct {
		desc  v1.Descriptor
		image *image
		err   error
	}
	var blobs []*blob
	seen := map[layerKey]bool{}
	add := func(i *image, desc v1.Descriptor) {
		if key := keyOfLayer(desc); !seen[key] {
			seen[key] = true
			blobs = append(blobs, &blob{desc: desc, image: i})
		}
	}
	for _, i := range p.images {
		if i.manifest != nil {
			for _, desc := range i.manifest.Layers {
				add(i, desc)
			}
		}
	}
	for _, a := range p.attestations {
		if a.manifest != nil {
			for _, desc := range append([]v1.Descriptor{a.manifest.Config}, a.manifest.Layers...) {
				add(nil, desc)
			}
		}
	}
	group, ctx := errgroup.WithContext(c.ctx)
	group.SetLimit(scanJobs)
	for _, b := range blobs {
		group.Go(func() error {
			found, err := store.Exists(ctx, b.desc)
			switch {
			case err != nil && !isAtFault(err):
				return err
			case err == nil && !found:
				err = errors.New("blob " + b.desc.Digest.String() + " is missing")
			}
			b.err = err
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, b := range blobs {
		if b.err != nil {
			c.report(idContent, b.image, b.desc.Digest.String(), "%v", b.err)
		}
	}
	return nil
}

// drain reads a blob completely to verify its size and digest.
func (c *checker) drain(desc v1.Descriptor) error {
	rc, err := oci.FetchVerified(c.ctx, c.src, desc)
	if err == nil {
		_, err = io.Copy(io.Discard, rc)
		rc.Close()
	}
	if err != nil {
		return c.unusable(err, nil, desc)
	}
	return nil
}
