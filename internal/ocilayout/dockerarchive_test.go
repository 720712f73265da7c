package ocilayout

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

// TestDockerArchive: an archive with links, as engines before Docker 25 write, is
// named for what it is; a layout that happens to contain such a file is not.
func TestDockerArchive(t *testing.T) {
	t.Parallel()
	pack := func(headers ...tar.Header) string {
		var buf bytes.Buffer
		tw := tar.NewWriter(&buf)
		for _, h := range headers {
			if err := tw.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
		}
		if err := tw.Close(); err != nil {
			t.Fatal(err)
		}
		return writeTemp(t, buf.Bytes())
	}
	layer := tar.Header{Typeflag: tar.TypeSymlink, Name: "a/layer.tar", Linkname: "../b.tar"}
	manifest := tar.Header{Typeflag: tar.TypeReg, Name: "manifest.json"}
	layout := tar.Header{Typeflag: tar.TypeReg, Name: "oci-layout"}
	for _, tc := range []struct {
		name    string
		headers []tar.Header
		want    string
	}{
		{"old", []tar.Header{layer, manifest}, "is a Docker archive without an OCI layout"},
		{"without links", []tar.Header{manifest}, "is a Docker archive without an OCI layout"},
		{"both", []tar.Header{manifest, layout}, "is not an OCI layout: its oci-layout file is not valid"},
		{"neither", []tar.Header{layer}, `the entry "a/layer.tar" is a link`},
	} {
		name := pack(tc.headers...)
		_, err := Open(name)
		if err == nil || !strings.Contains(err.Error(), name+" ") || !strings.Contains(err.Error(), tc.want) || !diag.IsInvalid(err) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if hint := "skopeo copy docker-archive:" + name + " oci-archive:NAME.cnb"; strings.Contains(tc.want, "Docker archive") != strings.Contains(diag.Hint(err), hint) {
			t.Errorf("%s: the hint is %q", tc.name, diag.Hint(err))
		}
	}
}
