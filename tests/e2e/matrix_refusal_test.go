package e2e_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/layertest"
)

// badSource is input that no command can use.
type badSource struct {
	name string
	code int
	says string
}

// badFiles writes files that are not packages into dir.
func badFiles(t *testing.T, dir string) []badSource {
	t.Helper()
	mustExtpack(t, dir, "build", example("hello"), "-o", "good.cnb", "-q")
	good := readFile(t, filepath.Join(dir, "good.cnb"))
	layout := []tar.Header{
		{Name: "oci-layout", Mode: 0o644, Linkname: `{"imageLayoutVersion":"1.0.0"}`},
		{Name: "index.json", Mode: 0o644, Linkname: `{"schemaVersion":2,"manifests":[]}`},
	}
	and := func(h tar.Header) []byte { return layertest.Headers(t, append(slices.Clone(layout), h)...) }
	large := fmt.Sprintf(`{"schemaVersion":2,"manifests":[],"annotations":{"x":%q}}`, strings.Repeat("x", 5<<20))
	var all []badSource
	for name, f := range map[string]struct {
		data []byte
		says string
	}{
		"truncated": {good[:len(good)/2], "is truncated: it ends in the middle of the tar"},
		"gzip":      {layertest.Gzip(t, good), "is gzip compressed; expected an uncompressed tar of an OCI layout"},
		"zstd":      {[]byte("\x28\xb5\x2f\xfdrest"), "is zstd compressed"},
		"zip":       {[]byte("PK\x03\x04rest"), "is a zip archive; expected an uncompressed tar of an OCI layout"},
		"empty":     {nil, "is empty"},
		"rubbish":   {bytes.Repeat([]byte("rubbish "), 200), "is not a tar file"},
		"dots":      {and(tar.Header{Name: "blobs/../../x", Mode: 0o644}), `the entry "blobs/../../x" has ".." in its path`},
		"symlink":   {and(tar.Header{Name: "blobs/x", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), `the entry "blobs/x" is a link`},
		"hardlink":  {and(tar.Header{Name: "blobs/x", Typeflag: tar.TypeLink, Linkname: "index.json"}), `the entry "blobs/x" is a link`},
		"large":     {layertest.Headers(t, layout[0], tar.Header{Name: "index.json", Mode: 0o644, Linkname: large}), "its index.json is larger than 4194304 bytes"},
	} {
		file := "bad-" + name + ".cnb"
		if err := os.WriteFile(filepath.Join(dir, file), f.data, 0o644); err != nil {
			t.Fatal(err)
		}
		all = append(all, badSource{"./" + file, 2, f.says})
	}
	mustMkdir(t, filepath.Join(dir, "folder"))
	return append(all,
		badSource{"./folder", 2, "folder is not an OCI layout"},
		badSource{"./missing.cnb", 2, "missing.cnb does not exist"},
		badSource{example("hello"), 2, "is the directory of an extension, not a package"},
		badSource{"Not/A/Reference", 2, "is not an image reference"},
	)
}

// badRegistry serves manifests that no registry takes, and returns sources in it.
func badRegistry(t *testing.T) []badSource {
	t.Helper()
	large := fmt.Sprintf(`{"schemaVersion":2,"manifests":[],"annotations":{"x":%q}}`, strings.Repeat("x", 5<<20))
	listed := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		v1.MediaTypeImageIndex, v1.MediaTypeImageIndex, digest.FromString(large), len(large))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
		switch r.URL.Path {
		case "/v2/x/manifests/large":
			fmt.Fprint(w, large)
		case "/v2/x/manifests/listed":
			fmt.Fprint(w, listed)
		case "/v2/x/manifests/other":
			w.Header().Set("Docker-Content-Digest", digest.FromString("other").String())
			fmt.Fprint(w, `{"schemaVersion":2,"manifests":[]}`)
		case "/v2/x/manifests/nonsense":
			fmt.Fprint(w, "nonsense")
		case "/v2/x/manifests/refused":
			http.Error(w, "no", http.StatusForbidden)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	at := strings.TrimPrefix(server.URL, "http://") + "/x:"
	return []badSource{
		{at + "large", 2, "is longer than the limit of 4194304 bytes"},
		{at + "other", 1, "has different content, with digest sha256:"},
		{at + "nonsense", 2, "index is not valid: invalid character"},
		{at + "refused", 1, "403 Forbidden"},
		{at + "gone", 1, "404 Not Found"},
		{"127.0.0.1:1/x:1", 1, "connection refused"},
	}
}

// snapshot lists the files below a directory with their content.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			out[name] = "directory"
			return err
		}
		out[name] = sha(readFile(t, name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// refused runs a command that must fail with one error, and write nothing.
func refused(t *testing.T, dir string, want badSource, args ...string) {
	t.Helper()
	r := extpack(t, dir, args...)
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	one := len(lines) == 1 || len(lines) == 2 && strings.HasPrefix(lines[1], "  ")
	if r.code != want.code || r.stdout != "" || !strings.Contains(lines[0], want.says) || !one || strings.HasPrefix(lines[0], "ERROR: ") != (want.code == 1) {
		t.Errorf("%v: exit code %d, want %d with %q\nstdout %q, stderr\n%s", args, r.code, want.code, want.says, r.stdout, r.stderr)
	}
}

// TestBadInput passes every bad source to every command that takes one.
func TestBadInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ref, none := tag(t, "1"), tag(t, "none")
	storeTwo(t, ref)
	before, _ := get(t, ref, "manifests")
	served := badRegistry(t)
	bad := append(badFiles(t, dir), served...)
	bad = append(bad, badSource{tag(t, "gone"), 1, "404 Not Found"})
	files := snapshot(t, dir)
	for _, s := range bad {
		t.Run(strings.NewReplacer("/", "_", ":", "_").Replace(s.name), func(t *testing.T) {
			for _, args := range [][]string{
				{"inspect", s.name},
				{"inspect", "--raw", s.name},
				{"verify", s.name},
				{"verify", "--format", "sarif", s.name},
				{"annotate", s.name},
				{"annotate", s.name, "-t", none, "-o", "new.cnb"},
				{"annotate", "--dry-run", s.name},
				{"index", "create", "-t", none, "-o", "new/", s.name},
				{"index", "create", "--dry-run", ref, s.name},
				{"index", "add", ref, s.name},
				{"index", "add", "./good.cnb", s.name},
				{"index", "remove", s.name, "linux/amd64"},
				{"index", "annotate", s.name, "--index-annotation", "a=b"},
				{"run-image", s.name},
			} {
				refused(t, dir, s, args...)
			}
		})
	}
	listed := strings.Replace(served[0].name, ":large", ":listed", 1)
	for _, args := range [][]string{{"inspect", listed}, {"annotate", listed, "-t", none}, {"index", "create", "-t", none, listed}} {
		refused(t, dir, badSource{"", 2, "the limit is 4194304"}, args...)
	}
	if after := snapshot(t, dir); len(after) != len(files) {
		t.Errorf("files are %v, were %v", after, files)
	} else {
		for name, sum := range files {
			if after[name] != sum {
				t.Errorf("%s was written", name)
			}
		}
	}
	if after, _ := get(t, ref, "manifests"); sha(after) != sha(before) || exists(t, none) {
		t.Error("a failing command published something")
	}
}

// putExtensions makes an image with the descriptors of extensions in its layers.
func putExtensions(t *testing.T, ref, arch string, layers ...[]string) v1.Descriptor {
	t.Helper()
	config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: arch}, RootFS: v1.RootFS{Type: "layers"}}
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Layers: []v1.Descriptor{}}
	m.SchemaVersion = 2
	for _, ids := range layers {
		var files []tar.Header
		for _, id := range ids {
			files = append(files, tar.Header{Name: "cnb/extensions/" + id + "/1.2.3/extension.toml", Mode: 0o644, Linkname: descriptor(id, "")})
		}
		plain := layertest.Headers(t, files...)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(plain))
		m.Layers = append(m.Layers, pushBlob(t, ref, v1.MediaTypeImageLayerGzip, layertest.Gzip(t, plain)))
	}
	m.Config = pushBlob(t, ref, v1.MediaTypeImageConfig, marshal(t, config))
	desc := pushManifest(t, ref, "", m.MediaType, m)
	desc.Platform = &config.Platform
	return desc
}

// TestNoPackages: indexes that can be read, and are not what a command is for.
func TestNoPackages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	refs := map[string]string{}
	put := func(name string, children ...v1.Descriptor) {
		refs[name] = tag(t, name)
		index := v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: children}
		index.SchemaVersion = 2
		pushManifest(t, refs[name], name, index.MediaType, index)
	}
	ref := tag(t, "x")
	put("plain", putExtensions(t, ref, "amd64", []string{}), putExtensions(t, ref, "arm64", []string{}))
	put("half", putExtensions(t, ref, "amd64", []string{"a"}), putExtensions(t, ref, "arm64", []string{}))
	put("two", putExtensions(t, ref, "amd64", []string{"a", "b"}))
	put("layers", putExtensions(t, ref, "amd64", []string{"a"}, nil, []string{"b"}))
	put("split", putExtensions(t, ref, "amd64", []string{"a"}, []string{"a", "a"}))
	put("mixed", putExtensions(t, ref, "amd64", []string{"a"}), putExtensions(t, ref, "arm64", []string{"b"}))
	put("nothing")
	put("good", putExtensions(t, ref, "amd64", []string{"a"}), putExtensions(t, ref, "arm64", []string{"a"}))
	raw, _ := get(t, refs["good"], "manifests")
	put("nested", v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw))})
	image := parse[v1.Index](t, raw).Manifests[0]
	single := tag(t, "single")
	rawImage, _ := get(t, single[:strings.LastIndex(single, ":")]+"@"+image.Digest.String(), "manifests")
	pushRaw(t, single, "single", image.MediaType, rawImage)
	digests := map[string]string{}
	for name, ref := range refs {
		raw, _ := get(t, ref, "manifests")
		digests[name] = sha(raw)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"annotate", refs["plain"]}, "linux/amd64 (sha256:"},
		{[]string{"annotate", refs["plain"]}, "the image contains no extension: no layer has cnb/extensions/ID/VERSION/extension.toml"},
		{[]string{"annotate", refs["half"]}, "linux/arm64 (sha256:"},
		{[]string{"annotate", refs["two"]}, "the image contains two extensions, a@1.2.3 and b@1.2.3"},
		{[]string{"annotate", refs["layers"]}, "the image contains two extensions, a@1.2.3 and b@1.2.3"},
		{[]string{"annotate", refs["split"]}, "the image contains a@1.2.3 in two layers, of which readers use only one"},
		{[]string{"annotate", refs["mixed"]}, "the image contains b@1.2.3, others contain a@1.2.3"},
		{[]string{"annotate", refs["nothing"]}, "the index has no images"},
		{[]string{"annotate", refs["good"] + "@sha256:" + digests["good"]}, "cannot be modified"},
		{[]string{"annotate", single}, "is not an index but a single manifest"},
		{[]string{"index", "add", single, refs["good"]}, "is not an index but a single manifest"},
		{[]string{"index", "remove", single, "linux/amd64"}, "is not an index but a single manifest"},
		{[]string{"index", "annotate", single, "--index-annotation", "a=b"}, "is not an index but a single manifest"},
		{[]string{"index", "annotate", refs["good"], "linux/s390x", "--variant", "v1"}, "linux/s390x is not in the index, which has linux/amd64, linux/arm64"},
		{[]string{"index", "remove", refs["nested"], "linux/amd64"}, "linux/amd64 is not in the index, which lists only other indexes"},
		{[]string{"index", "annotate", refs["good"], "linux/arm64", "--arch", "arm46"}, "arm46"},
		{[]string{"index", "create", "-t", tag(t, "none"), "--platform", single + "=linux/none", single}, `"linux/none"`},
		{[]string{"index", "create", "-t", tag(t, "none"), refs["nothing"]}, "the index would be empty"},
		{[]string{"run-image", refs["good"], "--platform", "linux/s390x"}, "has no image for linux/s390x; it has linux/amd64, linux/arm64"},
		{[]string{"run-image", refs["good"], "--platform", "linux/none"}, `"linux/none"`},
		{[]string{"run-image", refs["nothing"]}, "has no image for any platform; its index is empty"},
	} {
		refused(t, dir, badSource{"", 2, c.says}, c.args...)
	}
	for name, ref := range refs {
		if raw, _ := get(t, ref, "manifests"); sha(raw) != digests[name] {
			t.Errorf("%s was written", name)
		}
	}
	if files := snapshot(t, dir); len(files) != 1 || exists(t, tag(t, "none")) {
		t.Errorf("files are %v", files)
	}
	// inspect also shows an image that is not a package.
	if out := mustExtpack(t, dir, "inspect", refs["plain"]); !strings.Contains(out, "none: no image has the labels") {
		t.Errorf("inspect says %s", out)
	}
	if got := verifyJSON(t, 2, refs["two"]); !slices.Contains(got.ids(), "error label-missing") {
		t.Errorf("verify finds %v", got.ids())
	}
	mustExtpack(t, dir, "annotate", refs["nested"])
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
