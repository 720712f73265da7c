package ocilayout

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
)

func FuzzOpenTar(f *testing.F) {
	f.Add([]byte("hello"))
	f.Add([]byte("\x1f\x8b"))
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for name, content := range map[string][]byte{"oci-layout": layoutFile(), "index.json": []byte(`{"manifests":[]}`)} {
		if err := writeTarBytes(tw, name, content); err != nil {
			f.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "p.cnb")
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open(name)
		if err != nil {
			if !diag.IsInvalid(err) {
				t.Errorf("hostile input is not called invalid: %v", err)
			}
			return
		}
		defer s.Close()
		for file, at := range s.(*tarStore).files {
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
