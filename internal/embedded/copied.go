package embedded

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

// BuildCopied is like Build, with the files of extensions from copies instead of
// their directories. It divides each copy by the steps of the plan, so a file
// that was added or removed since the plan was made is in the layer or not, and
// the caller has to compare the layers with the plan.
func (e *Engine) BuildCopied(ctx context.Context, p *plan.Plan, copies []plan.Copy, dir string) (all []plan.Built, err error) {
	b := &builder{engine: e}
	defer b.closeAfter(&err)
	for _, c := range copies {
		files, err := openCopied(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("reading copied files: %w", err)
		}
		defer files.Close()
		for i, extension := range p.Extensions {
			folder, ok := c.Folders[extension]
			if !ok {
				continue
			}
			images, err := files.images(extension, folder)
			if err != nil {
				return nil, diag.WithHint(fmt.Errorf("%s: %w: %w", extension.Dir, ErrChanged, err), changedHint+extension.Dir)
			}
			found := *extension
			found.Images = images
			before := len(b.outputs)
			if err := b.add(ctx, &found, &copied{files, folder}, filepath.Join(dir, "out", strconv.Itoa(i))); err != nil {
				return nil, err
			}
			for _, o := range b.outputs[before:] {
				o.Extension = extension
			}
		}
	}
	return b.write(ctx)
}

const changedHint = "build again without changing the files of "

// copied is the folder of an extension in a tar file.
type copied struct {
	*copiedFiles
	folder string
}

// copyFile writes the content of an entry.
func (c *copied) copyFile(w io.Writer, e Entry) error {
	if e.Text != nil {
		_, err := w.Write(e.Text)
		return err
	}
	at := c.at[path.Join(c.folder, e.Source)]
	n, err := io.Copy(w, io.NewSectionReader(c.tar, at.offset, at.size))
	if err == nil && n != e.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("reading the copy of %s: %w", e.Source, err)
	}
	return nil
}

// copiedFiles are the entries of a tar file, whose content is read in the order
// of the layers and not in that of the tar file.
type copiedFiles struct {
	tar *os.File
	at  map[string]section
	// files are the entries below the folder of each extension, relative to it.
	files map[string][]*content.File
}

// section is the position of the content of a file, and of its entry among those
// of its extension.
type section struct {
	offset, size int64
	index        int
}

// Close closes the tar file.
func (c *copiedFiles) Close() { c.tar.Close() }

func openCopied(ctx context.Context, copied plan.Copy) (*copiedFiles, error) {
	f, err := os.Open(copied.Tar)
	if err != nil {
		return nil, err
	}
	c := &copiedFiles{tar: f, at: map[string]section{}, files: map[string][]*content.File{}}
	for _, folder := range copied.Folders {
		c.files[folder] = nil
	}
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			err = c.add(h)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
	}
}

// add adds an entry whose header was just read.
func (c *copiedFiles) add(h *tar.Header) error {
	name := strings.Trim(h.Name, "/")
	folder, rel, ok := c.folderOf(name)
	if !ok {
		return nil // above the extensions
	}
	f := &content.File{Source: rel, Mode: h.FileInfo().Mode(), Size: h.Size}
	switch h.Typeflag {
	case tar.TypeDir:
		f.Mode, f.Size = fs.ModeDir|0o755, 0
	case tar.TypeSymlink:
		f.SetTarget(h.Linkname)
	case tar.TypeLink:
		// A hard link to a file of another extension is a separate file here.
		first := strings.Trim(h.Linkname, "/")
		c.at[name] = c.at[first]
		f.Mode, f.Size = f.Mode.Perm(), c.at[first].size
		f.SetGroup(first)
		if own, _, ok := c.folderOf(first); ok && own == folder {
			c.files[folder][c.at[first].index].SetGroup(first)
		}
	case tar.TypeReg:
		offset, err := c.tar.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		c.at[name] = section{offset, h.Size, len(c.files[folder])}
		if content.NoModes {
			if f.Mode, err = content.ModeOf(io.NewSectionReader(c.tar, offset, h.Size)); err != nil {
				return err
			}
		}
	default:
		// A FIFO or device. The plan refuses those that a step would copy.
		return nil
	}
	c.files[folder] = append(c.files[folder], f)
	return nil
}

// folderOf returns the folder of the extension that a file belongs to, and its
// name there.
func (c *copiedFiles) folderOf(name string) (folder, rel string, ok bool) {
	if name == "" || name == "." {
		return "", "", false
	}
	if _, ok := c.files["."]; ok {
		return ".", name, true
	}
	for i := range name {
		if name[i] == '/' {
			if _, ok := c.files[name[:i]]; ok {
				return name[:i], name[i+1:], true
			}
		}
	}
	return "", "", false
}

// images returns the images of an extension with the files that were copied.
func (c *copiedFiles) images(e *plan.Extension, folder string) ([]plan.Image, error) {
	tree := content.NewTree(c.files[folder])
	found := map[uintptr]content.Files{} // images with the same steps share the map
	images := append([]plan.Image(nil), e.Images...)
	for i := range images {
		planned := reflect.ValueOf(images[i].Files).Pointer()
		if found[planned] == nil {
			files, err := tree.Apply(images[i].Steps)
			if err != nil {
				return nil, err
			}
			found[planned] = files
		}
		images[i].Files = found[planned]
	}
	return images, nil
}
