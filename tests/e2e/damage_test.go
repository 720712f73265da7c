package e2e_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/layertest"
)

// damaged is a layout whose documents are written by hand, so that they can be
// wrong: oci-layout, index.json and blobs by digest.
type damaged struct {
	index fields
	blobs map[string][]byte
}

func (d *damaged) put(mediaType string, data []byte) fields {
	sum := digest.FromBytes(data).String()
	d.blobs[sum] = data
	return fields{"mediaType": mediaType, "digest": sum, "size": len(data)}
}

func (d *damaged) putJSON(mediaType string, doc any) fields {
	data, err := json.Marshal(doc)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return d.put(mediaType, data)
}

// parts are the descriptors of one image.
type parts struct{ manifest, config, layer fields }

// damages are kinds of damage to a package, each with the clause that reports
// it. They change the image before its manifest is written (early) or after.
var damages = []struct {
	name        string
	early, late func(d *damaged, p *parts)
	says        string
	// read is the clause of a command that reads the content, if it differs.
	read string
}{
	{name: "missing layer", late: func(d *damaged, p *parts) { delete(d.blobs, p.layer["digest"].(string)) }, says: "layer LAYER is missing"},
	{name: "missing config", late: func(d *damaged, p *parts) { delete(d.blobs, p.config["digest"].(string)) }, says: "config CONFIG is missing"},
	{name: "missing manifest", late: func(d *damaged, p *parts) { delete(d.blobs, p.manifest["digest"].(string)) }, says: "manifest MANIFEST is missing"},
	{name: "short layer", late: func(d *damaged, p *parts) { d.blobs[p.layer["digest"].(string)] = []byte("lay") }, says: "layer LAYER has 3 bytes, not the SIZE in its descriptor"},
	{name: "long layer", late: func(d *damaged, p *parts) { d.blobs[p.layer["digest"].(string)] = append(extensionLayer(), 0) }, says: "layer LAYER has more than the SIZE bytes in its descriptor"},
	{name: "other layer", late: func(d *damaged, p *parts) { d.blobs[p.layer["digest"].(string)] = otherLayer() }, says: "layer LAYER has different content, with digest " + digest.FromBytes(otherLayer()).String()},
	{name: "other manifest", late: func(d *damaged, p *parts) {
		sum := p.manifest["digest"].(string)
		d.blobs[sum] = []byte(strings.Replace(string(d.blobs[sum]), "schemaVersion", "SchemaVersion", 1))
	}, says: "manifest MANIFEST has different content, with digest sha256:"},
	{name: "manifest that is not JSON", late: func(d *damaged, p *parts) { p.manifest = d.put(v1.MediaTypeImageManifest, []byte("nonsense")) }, says: "manifest MANIFEST is not valid: invalid character"},
	{name: "manifest that is an index too", late: func(d *damaged, p *parts) {
		p.manifest = d.putJSON(v1.MediaTypeImageManifest, fields{"schemaVersion": 2, "mediaType": v1.MediaTypeImageManifest, "config": p.config, "layers": []fields{p.layer}, "manifests": []fields{}})
	}, says: `manifest MANIFEST is ambiguous: it has the field "manifests" of another document type`},
	{name: "large manifest", late: func(d *damaged, p *parts) {
		p.manifest = d.putJSON(v1.MediaTypeImageManifest, fields{"schemaVersion": 2, "mediaType": v1.MediaTypeImageManifest, "annotations": fields{"x": strings.Repeat("x", 4<<20)}})
	}, says: "bytes long; the limit is 4194304"},
	{name: "digest that is none", early: func(_ *damaged, p *parts) { p.layer["digest"] = "sha256:../../etc/passwd" }, says: `layer "sha256:../../etc/passwd" has a descriptor with an unusable digest`},
	{name: "negative size", early: func(_ *damaged, p *parts) { p.layer["size"] = -1 }, says: "layer LAYER has a descriptor with size -1"},
	{name: "two sizes", early: func(_ *damaged, p *parts) { p.layer["size"] = 7 }, says: "layer LAYER has descriptors with different sizes", read: "layer LAYER has more than the 7 bytes in its descriptor"},
}

// extensionLayer returns the layer of both images.
func extensionLayer() []byte {
	var b bytes.Buffer
	w, text := tar.NewWriter(&b), descriptor("acme/damaged", "")
	headerErr := w.WriteHeader(&tar.Header{Name: "cnb/extensions/acme_damaged/1.2.3/extension.toml", Mode: 0o644, Size: int64(len(text))})
	_, writeErr := w.Write([]byte(text))
	if err := errors.Join(headerErr, writeErr, w.Close()); err != nil {
		panic(err) // it is a buffer
	}
	return b.Bytes()
}

// otherLayer returns another archive of the same size.
func otherLayer() []byte {
	return bytes.Replace(extensionLayer(), []byte("damaged"), []byte("changed"), 1)
}

// damagedPackage makes a package of two images, the second one damaged.
func damagedPackage(early, late func(*damaged, *parts)) (*damaged, string, *parts) {
	d := &damaged{index: fields{"schemaVersion": 2, "mediaType": v1.MediaTypeImageIndex}, blobs: map[string][]byte{}}
	var list []fields
	var last *parts
	for _, arch := range []string{"amd64", "arm64"} {
		p := &parts{
			config: d.putJSON(v1.MediaTypeImageConfig, fields{
				"os": "linux", "architecture": arch, "rootfs": fields{"type": "layers", "diff_ids": []string{digest.FromBytes(extensionLayer()).String()}},
			}),
			layer: d.put(v1.MediaTypeImageLayer, extensionLayer()),
		}
		if arch == "arm64" && early != nil {
			early(d, p)
		}
		p.manifest = d.putJSON(v1.MediaTypeImageManifest, fields{
			"schemaVersion": 2, "mediaType": v1.MediaTypeImageManifest, "config": p.config, "layers": []fields{p.layer}, "annotations": fields{"arch": arch},
		})
		if arch == "arm64" && late != nil {
			late(d, p)
		}
		p.manifest["platform"] = fields{"os": "linux", "architecture": arch}
		list = append(list, p.manifest)
		last = p
	}
	d.index["manifests"] = list
	raw, err := json.Marshal(d.index)
	if err != nil {
		panic(err)
	}
	return d, string(raw), last
}

// sources stores the package in every form that a command reads: a layout, a
// file and a registry.
func (d *damaged) sources(t *testing.T, dir, index string) []string {
	t.Helper()
	layout := filepath.Join(dir, "layout")
	writeFile(t, filepath.Join(layout, "oci-layout"), `{"imageLayoutVersion":"1.0.0"}`)
	writeFile(t, filepath.Join(layout, "index.json"), index)
	entries := []tar.Header{
		{Name: "oci-layout", Mode: 0o644, Linkname: `{"imageLayoutVersion":"1.0.0"}`},
		{Name: "index.json", Mode: 0o644, Linkname: index},
	}
	for sum, data := range d.blobs {
		name := "blobs/" + strings.Replace(sum, ":", "/", 1)
		writeFile(t, filepath.Join(layout, name), string(data))
		entries = append(entries, tar.Header{Name: name, Mode: 0o644, Linkname: string(data)})
	}
	file := filepath.Join(dir, "file.cnb")
	if err := os.WriteFile(file, layertest.Headers(t, entries...), 0o644); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		data, ok := d.blobs[name]
		w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
		if name == "1" {
			w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
			data, ok = []byte(index), true
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(data)
		}
	}))
	t.Cleanup(server.Close)
	return []string{layout, file, strings.TrimPrefix(server.URL, "http://") + "/x:1"}
}

// TestDamagedContentIsReportedAlike: for damaged content, every command and
// destination has the same exit code and one sentence that names the source, and
// nothing is written. The code is 2, except for a response of a registry that
// does not match its digest: such a response was damaged on its way.
func TestDamagedContentIsReportedAlike(t *testing.T) {
	t.Parallel()
	for _, damage := range damages {
		t.Run(strings.ReplaceAll(damage.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			d, index, p := damagedPackage(damage.early, damage.late)
			dir := t.TempDir()
			names := strings.NewReplacer(
				"SIZE", fmt.Sprint(len(extensionLayer())), "LAYER", fmt.Sprint(p.layer["digest"]), "CONFIG", fmt.Sprint(p.config["digest"]), "MANIFEST", fmt.Sprint(p.manifest["digest"]),
			)
			for _, source := range d.sources(t, dir, index) {
				ref := tag(t, "1")
				before := snapshot(t, dir)
				first := map[string]string{} // by clause
				for _, to := range [][]string{
					{"index", "create", source, "-o", "out.cnb"},
					{"index", "create", source, "-o", "out/"},
					{"index", "create", source, "-t", ref},
					{"annotate", source, "-o", "out.cnb"},
					{"annotate", source, "-t", ref},
				} {
					r := extpack(t, dir, to...)
					says := names.Replace(damage.says)
					if to[0] == "annotate" && damage.read != "" {
						says = names.Replace(damage.read)
					}
					if first[says] == "" {
						first[says] = tell(r)
					}
					code := 2
					if (strings.Contains(r.stderr, " in its descriptor") || strings.Contains(r.stderr, " has different content")) && strings.HasSuffix(source, "/x:1") {
						code = 1
					}
					if r.code != code || r.stdout != "" || tell(r) != first[says] || !strings.HasPrefix(tell(r), source+": ") || !strings.Contains(tell(r), says) {
						t.Errorf("%v: exit code %d, want %d with\n%s: %s\nstdout %q, stderr\n%s", to, r.code, code, source, says, r.stdout, r.stderr)
					}
				}
				if after := snapshot(t, dir); len(after) != len(before) {
					t.Errorf("%s: left %d files, there were %d", source, len(after), len(before))
				}
				if exists(t, ref) {
					t.Errorf("%s: %s was written", source, ref)
				}
			}
		})
	}
}

// tell returns the error of a command, without what was said of trying again.
func tell(r result) string {
	var message strings.Builder
	for line := range strings.Lines(r.stderr) {
		if !strings.Contains(line, "; trying again in ") {
			message.WriteString(strings.TrimPrefix(line, "ERROR: "))
		}
	}
	return message.String()
}
