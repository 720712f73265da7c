// Package unpack extracts untrusted archives into one folder and within limits:
// no file and no link points out of the folder, and a small archive cannot fill a
// disk.
//
// It reads tar, also compressed with gzip, and does not depend on extensions.
package unpack

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/safefile"
)

// Limits on what an archive may expand to.
const (
	maxBytes   = 1 << 30
	maxEntries = 100_000
	// maxPath is the length of the longest path in an archive. With that of the
	// folder it stays below what systems take.
	maxPath = 2048
)

// Archive extracts the archive in the file name into dir, an empty folder. An
// archive that is damaged, too large, or contains what a package cannot contain is a
// [*diag.InvalidError]; what was written by then stays.
func Archive(ctx context.Context, name, dir string) error {
	f, err := safefile.OpenNamed(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := plain(f)
	if err != nil {
		return diag.Invalidf("the archive is damaged: %v", err)
	}
	return extract(ctx, r, dir, false)
}

// Output extracts the tar file name, which a builder wrote, into dir, an empty
// folder. Unlike [Archive], it keeps permission bits and links that lead out of
// the folder, which are never followed; the owner of files is lost. Read the
// files through an [os.Root].
func Output(ctx context.Context, name, dir string) error {
	f, err := safefile.OpenNamed(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return extract(ctx, f, dir, true)
}

func extract(ctx context.Context, r io.Reader, dir string, verbatim bool) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := (&extractor{root: root, left: maxBytes, verbatim: verbatim}).extract(ctx, tar.NewReader(r)); err != nil {
		return err
	}
	if verbatim {
		return nil
	}
	if err := CheckLinks(root, "."); err != nil {
		return diag.Invalidf("the archive cannot be extracted: %v", err)
	}
	return nil
}

// CheckLinks returns a [*diag.InvalidError] if a link in the folder dir of root
// leads out of root. It follows every link as the system would: where a link is
// behind another one, its text alone does not tell where it leads.
func CheckLinks(root *os.Root, dir string) error {
	return fs.WalkDir(root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return err
		}
		if _, err := root.Stat(filepath.FromSlash(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return diag.Invalidf("the link %s points outside of it", name)
		}
		return nil
	})
}

// plain returns what r holds, expanded when it is compressed.
func plain(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	if magic, _ := buffered.Peek(2); string(magic) != "\x1f\x8b" {
		return buffered, nil
	}
	return gzip.NewReader(buffered)
}

type extractor struct {
	root *os.Root
	left int64 // bytes that may still be written
	// verbatim keeps modes and links as they are.
	verbatim bool
}

func (x *extractor) extract(ctx context.Context, tr *tar.Reader) error {
	for n := 0; ; n++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		header, err := tr.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return diag.Invalidf("the archive is damaged: %v", err)
		case n >= maxEntries:
			return diag.Invalidf("the archive has more than %d entries", maxEntries)
		}
		if err := x.entry(header, tr); err != nil {
			return err
		}
	}
}

// entry writes one entry. Root refuses every way out of the folder, also through
// links that were written before.
func (x *extractor) entry(header *tar.Header, r io.Reader) error {
	name := path.Clean(header.Name)
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\\\x00") {
		return diag.Invalidf("the archive contains the path %q, which is outside of it", header.Name)
	}
	if len(name) > maxPath {
		return diag.Invalidf("the archive contains a path of %d bytes, %.80q…; the limit is %d", len(name), name, maxPath)
	}
	if header.Typeflag == tar.TypeXGlobalHeader || name == "." {
		return nil
	}
	local := filepath.FromSlash(name)
	if err := x.root.MkdirAll(filepath.Dir(local), 0o755); err != nil {
		return written(name, err)
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if err := x.root.MkdirAll(local, 0o755); err != nil || !x.verbatim {
			return written(name, err)
		}
		// Its files are still to be written.
		return x.root.Chmod(local, header.FileInfo().Mode().Perm()|0o700)
	case tar.TypeReg:
		return x.file(local, header, r)
	case tar.TypeSymlink:
		if !x.verbatim && (path.IsAbs(header.Linkname) || !filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(name), header.Linkname)))) { //nolint:gosec // this is the check
			return diag.Invalidf("the archive contains the link %s to %q, which is outside of it", name, header.Linkname)
		}
		return written(name, x.root.Symlink(filepath.FromSlash(header.Linkname), local))
	case tar.TypeLink:
		target := path.Clean(header.Linkname)
		if !filepath.IsLocal(filepath.FromSlash(target)) {
			return diag.Invalidf("the archive contains the link %s to %q, which is outside of it", name, header.Linkname)
		}
		return written(name, x.root.Link(filepath.FromSlash(target), local))
	}
	return diag.Invalidf("the archive contains %s, which is neither a file, a directory nor a link", name)
}

func (x *extractor) file(name string, header *tar.Header, r io.Reader) error {
	if x.left -= header.Size; x.left < 0 {
		return diag.Invalidf("the archive expands to more than %d bytes", int64(maxBytes))
	}
	mode := fs.FileMode(0o644)
	if header.FileInfo().Mode()&0o111 != 0 {
		mode = 0o755
	}
	if x.verbatim {
		mode = header.FileInfo().Mode().Perm()
	}
	f, err := x.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return written(name, err)
	}
	_, err = io.CopyN(f, r, header.Size)
	if err := errors.Join(f.Chmod(mode), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) {
		return diag.Invalidf("the archive is damaged: %s: %v", name, err)
	}
	return err
}

// written makes a conflict among the entries of an archive, or a link that leads
// out, what it is: wrong input.
func written(name string, err error) error {
	var failed *fs.PathError
	var link *os.LinkError
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) || errors.As(err, &failed) || errors.As(err, &link) {
		return diag.Invalidf("the archive cannot be extracted: %s: %v", name, err)
	}
	return err
}
