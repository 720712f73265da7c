// Package layertest writes layers for tests: tar archives, compressed as
// engines and registries compress them. The plugin does not link it.
package layertest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Entry is an entry of an archive. With a zero Typeflag it is a regular file,
// whose size is that of its content.
type Entry struct {
	tar.Header
	Content string
}

// File returns a regular file.
func File(name, content string, mode int64) Entry {
	return Entry{tar.Header{Name: name, Mode: mode}, content}
}

// Link returns a link of a kind, such as [tar.TypeSymlink].
func Link(kind byte, name, target string) Entry {
	return Entry{Header: tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777}}
}

// Tar returns an archive of entries.
func Tar(tb testing.TB, entries ...Entry) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		Write(tb, w, e.Header, strings.NewReader(e.Content), int64(len(e.Content)))
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// Headers returns an archive of entries without content of their own: one with a
// zero Typeflag is a regular file with the content of its Linkname.
func Headers(tb testing.TB, headers ...tar.Header) []byte {
	tb.Helper()
	entries := make([]Entry, len(headers))
	for i, h := range headers {
		entries[i].Header = h
		if h.Typeflag == 0 {
			entries[i].Linkname, entries[i].Content = "", h.Linkname
		}
	}
	return Tar(tb, entries...)
}

// Write writes an entry whose content is read, which may be larger than memory.
// With a zero Typeflag it is a regular file of that size.
func Write(tb testing.TB, w *tar.Writer, h tar.Header, content io.Reader, size int64) {
	tb.Helper()
	if h.Typeflag == 0 {
		h.Typeflag, h.Size = tar.TypeReg, size
	}
	if err := w.WriteHeader(&h); err != nil {
		tb.Fatal(err)
	}
	if _, err := io.Copy(w, content); err != nil {
		tb.Fatal(err)
	}
}

// Gzip returns compressed data.
func Gzip(tb testing.TB, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// Zstd returns compressed data.
func Zstd(tb testing.TB, data []byte) []byte {
	tb.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}
