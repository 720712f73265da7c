package embedded

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/ocilayout"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/safefile"
)

// Layer is a layer that has not been written yet.
type Layer struct {
	// Extension and Image are the first that the layer is written for.
	Extension *plan.Extension
	Image     plan.Image

	dir, dest string
	files     []*content.File // of Image.Files, in the order of a walk
	size      int64
	// copied has the content of the files, or is nil if dir has it.
	copied *copied
	packed *packed // nil before it is packed
}

// Entry is one tar entry.
type Entry struct {
	// Name is the name in the tar, without a leading "/".
	Name string
	// Source is relative to the extension root; empty for the folders above
	// the extension's own.
	Source string
	Mode   fs.FileMode
	Size   int64
	// ModTime is the modification time of the file when the build was planned,
	// in nanoseconds since 1970.
	ModTime int64
	// Target is the target of a symbolic link, or the Name that a hard link
	// refers to.
	Target string
	Hard   bool
	// Text is the content if it differs from that of Source.
	Text []byte
}

// NewLayer returns the layer of an image.
func NewLayer(e *plan.Extension, image int) Layer {
	l := Layer{Extension: e, Image: e.Images[image], dir: e.Dir, dest: strings.Trim(e.Dest(), "/")}
	l.files = make([]*content.File, 0, len(l.Image.Files))
	for _, f := range l.Image.Files {
		l.files = append(l.files, f)
	}
	slices.SortFunc(l.files, func(a, b *content.File) int { return compareWalk(a.Path, b.Path) })
	for e := range l.Entries() {
		l.size += e.Size
	}
	return l
}

// Entries returns the entries of the layer: the folders above the extension's,
// then every file in the order of a walk.
func (l Layer) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		var parents []string
		for parent := l.dest; parent != "."; parent = path.Dir(parent) {
			parents = append(parents, parent)
		}
		for _, parent := range slices.Backward(parents) {
			if !yield(Entry{Name: parent, Mode: fs.ModeDir}) {
				return
			}
		}
		first := map[string]string{} // link group → name of its first entry
		for _, f := range l.files {
			e := Entry{Name: path.Join(l.dest, f.Path), Source: f.Source, Mode: f.Mode, Size: f.Size, ModTime: f.ModTime, Target: f.Target(), Text: f.Text()}
			if group := f.Group(); f.Mode.IsRegular() && group != "" {
				if target, ok := first[group]; ok {
					e.Target, e.Hard, e.Size = target, true, 0
				} else {
					first[group] = e.Name
				}
			}
			if !yield(e) {
				return
			}
		}
	}
}

// compareWalk orders names as a walk finds them: what is in "a/" before "a.b".
func compareWalk(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		switch {
		case x == y:
		case x == '/':
			return -1
		case y == '/':
			return 1
		default:
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}

// writeLayer writes a layer to layout.
func (e *Engine) writeLayer(ctx context.Context, layout *ocilayout.Layout, l Layer) (v1.Descriptor, digest.Digest, error) {
	mediaType := v1.MediaTypeImageLayerGzip
	if l.Extension.Compression.Zstd() {
		mediaType = v1.MediaTypeImageLayerZstd
	}
	if l.size > smallLayer {
		return e.streamLayer(ctx, layout, mediaType, l)
	}
	switch {
	case l.packed == nil:
		if err := l.pack(ctx, e.Progress); err != nil {
			return v1.Descriptor{}, "", packing(l, err)
		}
	case e.Progress != nil:
		e.Progress(l, l.size)
	}
	desc, err := layout.PutBytes(ctx, mediaType, l.packed.stored)
	return desc, l.packed.diffID, err
}

// packing adds the layer to an error.
func packing(l Layer, err error) error {
	return fmt.Errorf("packing %s of %s: %w", l.Image, l.Extension.Descriptor.Info, err)
}

// streamLayer streams a layer into layout: files are hashed, compressed and
// written in one pass.
func (e *Engine) streamLayer(ctx context.Context, layout *ocilayout.Layout, mediaType string, l Layer) (v1.Descriptor, digest.Digest, error) {
	pr, pw := io.Pipe()
	diffID := sha256.New()
	done := make(chan error, 1)
	zw := layer.NewCompressor(pw, l.Extension.Compression)
	go func() {
		err := l.writeTar(ctx, io.MultiWriter(zw, diffID), e.Progress)
		err = errors.Join(err, zw.Close())
		done <- err
		pw.CloseWithError(err)
	}()
	desc, err := layout.Put(ctx, mediaType, pr)
	pr.CloseWithError(err) // lets the writer end when the layout cannot be written
	if tarErr := <-done; tarErr != nil {
		return v1.Descriptor{}, "", packing(l, tarErr)
	}
	return desc, digest.NewDigest(digest.SHA256, diffID), err
}

// Size is the total size of the layer's files. It is read on every write and
// therefore computed once.
func (l Layer) Size() int64 { return l.size }

// Copy writes the content of the file e below root, the extension root. It
// returns [ErrChanged] if the file has changed since it was planned.
func (e Entry) Copy(w io.Writer, root *safefile.Root) error { return copyFile(w, root, e) }

// String returns the name of the first image that the layer is written for.
func (l Layer) String() string { return l.Extension.Descriptor.Info.ID + " " + l.Image.String() }

// writeTar writes the entries as BuildKit does with rewrite-timestamp and
// SOURCE_DATE_EPOCH=0: nothing in a header depends on the machine.
func (l Layer) writeTar(ctx context.Context, w io.Writer, progress func(Layer, int64)) error {
	tw := tar.NewWriter(w)
	packed := &counter{w: tw, ctx: ctx, report: func(n int64) {
		if progress != nil {
			progress(l, n)
		}
	}}
	copyContent, closeContent, err := l.openContent()
	if err != nil {
		return err
	}
	defer closeContent()
	for e := range l.Entries() {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := tw.WriteHeader(e.header()); err != nil {
			return fmt.Errorf("%s: %w", e.Source, err)
		}
		if !e.Mode.IsRegular() || e.Hard {
			continue
		}
		if err := copyContent(packed, e); err != nil {
			return err
		}
	}
	return tw.Close()
}

// openContent returns a function that writes the content of an entry.
func (l Layer) openContent() (write func(io.Writer, Entry) error, closer func(), err error) {
	if l.copied != nil {
		return l.copied.copyFile, func() {}, nil
	}
	root, err := safefile.OpenRoot(l.dir)
	if err != nil {
		return nil, nil, err
	}
	return func(w io.Writer, e Entry) error { return copyFile(w, root, e) }, func() { root.Close() }, nil
}

// counter counts the bytes written, and stops the copying of a large file when
// the context is done.
type counter struct {
	w      io.Writer
	ctx    context.Context
	total  int64
	report func(total int64)
}

func (c *counter) Write(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	c.total += int64(n)
	c.report(c.total)
	return n, err
}

func (e Entry) header() *tar.Header {
	h := &tar.Header{Name: e.Name, ModTime: time.Unix(0, 0).UTC()}
	switch {
	case e.Mode.IsDir():
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, e.Name+"/", 0o755
	case e.Mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.Target, 0o777
	default:
		h.Typeflag, h.Mode, h.Size = tar.TypeReg, 0o644, e.Size
		if e.Mode&0o111 != 0 {
			h.Mode = 0o755
		}
		if e.Hard {
			h.Typeflag, h.Linkname = tar.TypeLink, e.Target
		}
	}
	return h
}

// ErrChanged is returned for a file that has changed since the build was
// planned.
var ErrChanged = errors.New("changed during the build")

// copyFile writes the content of a file. It returns [ErrChanged] if the file
// differs from the planned one before or after it is read.
func copyFile(w io.Writer, root *safefile.Root, e Entry) error {
	if e.Text != nil {
		_, err := w.Write(e.Text)
		return err
	}
	name := filepath.Join(root.Name(), filepath.FromSlash(e.Source))
	f, err := root.Open(e.Source)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, safefile.ErrNotRegular) || errors.Is(err, safefile.ErrOutside) {
			err = ErrChanged // it was a file
		}
		return fmt.Errorf("%s: %w", name, safefile.Cause(err))
	}
	defer f.Close()
	if _, err = io.CopyN(w, f, e.Size); err == nil || errors.Is(err, io.EOF) {
		err = e.compare(f)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// compare compares the open file with the plan.
func (e Entry) compare(f *os.File) error {
	info, err := f.Stat()
	if err == nil && (info.Size() != e.Size || info.ModTime().UnixNano() != e.ModTime) {
		return ErrChanged
	}
	return err
}
