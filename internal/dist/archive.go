package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is a file of an archive.
type file struct {
	name string
	mode fs.FileMode
	data []byte
}

// archive writes the archive of a platform: zip for Windows, else tar.gz.
func (r *release) archive(p platform, binary string) error {
	files, err := r.files(p, binary)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	if p.os == "windows" {
		err = writeZip(&buf, files, r.epoch)
	} else {
		err = writeTar(&buf, files, r.epoch)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, r.archiveName(p)), buf.Bytes(), 0o644)
}

func (r *release) archiveName(p platform) string {
	if p.os == "windows" {
		return r.fileName(p, ".zip")
	}
	return r.fileName(p, ".tar.gz")
}

// files returns the content of an archive in lexical order.
func (r *release) files(p platform, binary string) ([]file, error) {
	data, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	files := []file{{p.binary(), 0o755, data}}
	for _, name := range []string{"LICENSE", "README.md"} {
		if data, err = os.ReadFile(filepath.Join(r.root, name)); err != nil {
			return nil, err
		}
		files = append(files, file{name, 0o644, data})
	}
	docs := os.DirFS(filepath.Join(r.out, "docs"))
	err = fs.WalkDir(docs, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(docs, name)
		files = append(files, file{name, 0o644, data})
		return err
	})
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return files, err
}

func writeTar(w io.Writer, files []file, epoch time.Time) error {
	zw, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(zw)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: epoch, Format: tar.FormatUSTAR}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := tw.Write(f.data); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return zw.Close()
}

func writeZip(w io.Writer, files []file, epoch time.Time) error {
	zw := zip.NewWriter(w)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: epoch}
		h.SetMode(f.mode)
		fw, err := zw.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := fw.Write(f.data); err != nil {
			return err
		}
	}
	return zw.Close()
}

// checksums returns the SHA-256 of each file of the release by name.
func checksums(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if sums[e.Name()], err = sum(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// writeChecksums writes the file that "sha256sum --check" reads.
func writeChecksums(dir string) error {
	sums, err := checksums(dir)
	if err != nil {
		return err
	}
	var lines []string
	for name, sum := range sums {
		lines = append(lines, fmt.Sprintf("%s  %s\n", sum, name))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	return os.WriteFile(filepath.Join(dir, "checksums.txt"), []byte(strings.Join(lines, "")), 0o644)
}
