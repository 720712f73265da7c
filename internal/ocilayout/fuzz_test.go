package ocilayout

import (
	"archive/tar"
	"bytes"
	"strconv"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

// Longer inputs reach nothing more.
const maxScript, maxTail = 96, 64

// FuzzOpenTar makes a tar of a script, three bytes an entry, and appends raw
// bytes to it. A short script reaches what mutations of a whole tar, with their
// checksums, hardly ever do.
func FuzzOpenTar(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 1}, []byte{})
	f.Add([]byte{0, 2, 0, 0, 3, 1, 1, 4, 0, 0, 5, 2, 0, 6, 3}, []byte{})
	f.Add([]byte{0, 0, 0, 0, 1, 1, 5, 7, 4, 6, 5, 2}, make([]byte, 64))
	f.Add([]byte{}, []byte("hello"))
	f.Add([]byte{}, []byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, script, tail []byte) {
		if len(script) > maxScript || len(tail) > maxTail {
			t.Skip("minimizing takes runs in the square of the length")
		}
		data := append(scriptedTar(script), tail...)
		s, err := newTarStore("p.cnb", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if !diag.IsInvalid(err) {
				t.Errorf("hostile input is not called invalid: %v", err)
			}
			return
		}
		for file, at := range s.files {
			if at.offset < 0 || at.size < 0 || at.offset+at.size > int64(len(data)) {
				t.Errorf("%s lies outside the file: %+v", file, at)
			}
		}
		root, err := Root(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := oci.ReadGraph(t.Context(), s, root); err != nil && !diag.IsInvalid(err) {
			t.Errorf("hostile blobs are not called invalid: %v", err)
		}
	})
}

// scriptedTar writes an entry for every three bytes: its type, name and content.
func scriptedTar(script []byte) []byte {
	if len(script) == 0 {
		return nil
	}
	config, layer := []byte(`{"os":"linux"}`), []byte("layer")
	manifest := []byte(`{"schemaVersion":2,"config":{"digest":"` + digest.FromBytes(config).String() + `","size":14},"layers":[]}`)
	index := []byte(`{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + digest.FromBytes(manifest).String() + `","size":` + strconv.Itoa(len(manifest)) + `}]}`)
	contents := [][]byte{layoutFile(), index, manifest, config, layer, {}, []byte(`{"manifests":null,"Manifests":[]}`)}
	names := []string{
		"oci-layout", "index.json", "/oci-layout", "./index.json", "blobs",
		blobName(manifest), blobName(config), "/" + blobName(manifest), "blobs/../x", "", "a//b", "//index.json",
	}
	types := []byte{tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeFifo, tar.TypeXGlobalHeader, tar.TypeReg, tar.TypeReg}
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for ; len(script) >= 3; script = script[3:] {
		kind := script[0] % byte(len(types))
		content := contents[int(script[2])%len(contents)]
		h := &tar.Header{Typeflag: types[kind], Name: names[int(script[1])%len(names)], Mode: 0o644, Linkname: "x"}
		switch {
		case h.Typeflag == tar.TypeXGlobalHeader:
			h = &tar.Header{Typeflag: h.Typeflag, PAXRecords: map[string]string{"path": names[int(script[1])%len(names)]}}
		case h.Typeflag == tar.TypeReg:
			h.Size, h.Linkname = int64(len(content)), ""
			if kind == 6 {
				h.PAXRecords = map[string]string{"GNU.sparse.major": "1"}
			}
		}
		if tw.WriteHeader(h) == nil && h.Typeflag == tar.TypeReg {
			_, _ = tw.Write(content)
		}
	}
	_ = tw.Flush()
	buf.Write(make([]byte, 2*tarBlock))
	return buf.Bytes()
}

func blobName(data []byte) string { return "blobs/sha256/" + digest.FromBytes(data).Encoded() }
