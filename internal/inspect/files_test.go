package inspect

import (
	"archive/tar"
	"bytes"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
)

func archive(t *testing.T, headers ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReadFiles(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	shared := archive(t,
		tar.Header{Typeflag: tar.TypeDir, Name: "cnb/", Mode: 0o755},
		tar.Header{Typeflag: tar.TypeReg, Name: "cnb/run", Mode: 0o755, Size: 7},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "cnb/link", Linkname: "run", Mode: 0o777},
	)
	r := b.report(b.index(nil, b.image(amd64, nil, shared), b.image(arm64, nil, shared)))
	if r.Platforms[0].Files != nil {
		t.Error("the layers were read without need")
	}
	if err := r.ReadFiles(t.Context(), b.Layout); err != nil {
		t.Fatal(err)
	}
	want := []File{
		{Path: "cnb/", Mode: "drwxr-xr-x"}, {Path: "cnb/run", Mode: "-rwxr-xr-x", Size: 7}, {Path: "cnb/link", Mode: "Lrwxrwxrwx", Link: "run"},
	}
	for _, p := range r.Platforms {
		if !reflect.DeepEqual(p.Files, want) {
			t.Errorf("got %+v, want %+v", p.Files, want)
		}
	}
	broken := b.report(b.image(amd64, nil, "no archive, as it is much too short"))
	if err := broken.ReadFiles(t.Context(), b.Layout); !diag.IsInvalid(err) || !strings.Contains(err.Error(), "reading the name: layer sha256:") {
		t.Errorf("got %v", err)
	}
}

// Labels cannot leave their node.
func TestMermaid(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	layer := archive(t)
	hostile := v1.Platform{OS: "linux", Architecture: "amd64", OSVersion: "\"] --> x\n<script>&#"}
	r := b.report(b.index(nil, b.image(hostile, nil, layer), b.image(arm64, nil, layer)))
	var out bytes.Buffer
	if err := r.Mermaid(&out); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if !strings.Contains(got, `(os.version #quot;] --#gt; x<br>#lt;script#gt;#amp;#35;)<br>`) || strings.Contains(got, "<script") {
		t.Errorf("got\n%s", got)
	}
	if strings.Count(got, "layer1[(") != 1 || !strings.Contains(got, "image1 --> layer1\n") || !strings.Contains(got, "image2 --> layer1\n") {
		t.Errorf("the shared layer is not one node:\n%s", got)
	}
}
