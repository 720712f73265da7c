package e2e_test

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/layertest"
	"github.com/extpack/extpack/tests/plugintest"
)

// verified is the JSON of verify as far as tests look at it.
type verified struct {
	Name      string
	Digest    string
	Extension *struct{ ID, Version, API string }
	Platforms []struct{ Platform, Digest string }
	Checks    []string
	// Attestations is how many there are.
	Attestations int
	Findings     []struct{ ID, Severity, Platform, Subject, Message string }
}

// ids returns "severity id" of every finding.
func (v verified) ids() []string {
	var out []string
	for _, f := range v.Findings {
		out = append(out, f.Severity+" "+f.ID)
	}
	slices.Sort(out)
	return out
}

func verifyJSON(t *testing.T, code int, args ...string) verified {
	t.Helper()
	r := extpack(t, t.TempDir(), append([]string{"verify", "--format", "json"}, args...)...)
	if r.code != code {
		t.Fatalf("verify %v: exit code %d, want %d\n%s%s", args, r.code, code, r.stdout, r.stderr)
	}
	return parse[verified](t, []byte(r.stdout))
}

// TestVerifyWhatBuildMakes: what build publishes has nothing to find, wherever
// it is and however it was made.
func TestVerifyWhatBuildMakes(t *testing.T) {
	t.Parallel()
	for name, platforms := range map[string]int{"hello": 4, "platform-roots": 4} {
		work := t.TempDir()
		ref := tag(t, name)
		mustExtpack(t, work, "build", example(name), "--push", "-t", ref, "-o", "p.cnb", "-o", "layout/", "-q")
		for _, from := range []string{ref, "p.cnb", "layout"} {
			for _, more := range [][]string{nil, {"--no-layers"}} {
				r := extpack(t, work, append([]string{"verify", from}, more...)...)
				if want := fmt.Sprintf(" checks on %d platforms", platforms); r.code != 0 || strings.Count(r.stdout, "\n") != 1 || !strings.Contains(r.stdout, want) || r.stderr != "" {
					t.Errorf("verify %s %v: exit code %d\n%s%s", from, more, r.code, r.stdout, r.stderr)
				}
			}
		}
	}
	for _, args := range [][]string{{"--single", "--target", "linux/arm64"}, {"--media-types", "docker"}} {
		ref := tag(t, "other")
		mustExtpack(t, t.TempDir(), append([]string{"build", example("hello"), "--push", "-t", ref}, args...)...)
		got := verifyJSON(t, 0, ref)
		for _, id := range got.ids() {
			// The one image does not serve all targets, which is allowed.
			if args[0] != "--single" || id != "warning target-missing" {
				t.Errorf("%v: %s", args, id)
			}
		}
	}
}

// TestVerifyWhatPackMakes has the documents that pack 0.40.5 wrote
// (testdata/pack-labels.json) around a layer of pack's shape.
func TestVerifyWhatPackMakes(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/pack-labels.json")
	if err != nil {
		t.Fatal(err)
	}
	toml, err := os.ReadFile("testdata/samples-curl.toml")
	if err != nil {
		t.Fatal(err)
	}
	var facts struct {
		Index    v1.Index
		Manifest v1.Manifest
		Config   json.RawMessage
	}
	if err := json.Unmarshal(raw, &facts); err != nil {
		t.Fatal(err)
	}
	packDiffID := parse[v1.Image](t, facts.Config).RootFS.DiffIDs[0].String()
	ref := tag(t, "1")
	for i := range facts.Index.Manifests {
		child := &facts.Index.Manifests[i]
		layer := layertest.Headers(t, []tar.Header{
			{Name: "/cnb/extensions/samples_curl", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: "/cnb/extensions/samples_curl/0.0.1", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: "/cnb/extensions/samples_curl/0.0.1/bin", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: "/cnb/extensions/samples_curl/0.0.1/bin/detect", Mode: 0o755, Linkname: script},
			{Name: "/cnb/extensions/samples_curl/0.0.1/bin/generate", Mode: 0o755, Linkname: script},
			{Name: "/cnb/extensions/samples_curl/0.0.1/extension.toml", Mode: 0o644, Linkname: string(toml)},
		}...)
		config := strings.ReplaceAll(string(facts.Config), packDiffID, "sha256:"+sha(layer))
		config = strings.Replace(config, `"architecture": "amd64"`, `"architecture": "`+child.Platform.Architecture+`"`, 1)
		m := facts.Manifest
		m.Layers = []v1.Descriptor{pushBlob(t, ref, m.Layers[0].MediaType, layertest.Gzip(t, layer))}
		m.Config = pushBlob(t, ref, m.Config.MediaType, []byte(config))
		platform := child.Platform
		*child = pushManifest(t, ref, "", m.MediaType, m)
		child.Platform = platform
	}
	pushManifest(t, ref, "1", facts.Index.MediaType, facts.Index)
	got := verifyJSON(t, 0, ref)
	if want := []string{"warning annotation-missing", "warning path-absolute", "warning path-absolute"}; !slices.Equal(got.ids(), want) {
		t.Errorf("findings %+v", got.Findings)
	}
	if r := extpack(t, t.TempDir(), "verify", ref); r.code != 0 || r.stderr != "" || !strings.Contains(r.stdout, "on 2 platforms, with 3 warnings\n") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestVerifyFindsWhatBuildRefuses: build and verify judge alike.
func TestVerifyFindsWhatBuildRefuses(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/broken", linuxTargets), "bin/detect": script, "bin/generate": script,
	})
	goBinary(t, "amd64", filepath.Join(dir, "bin/tool"))
	ref := tag(t, "1")
	if r := extpack(t, dir, "build", "--push", "-t", ref); r.code != 2 || !strings.Contains(r.stderr, "[binary-platform]") || exists(t, ref) {
		t.Fatalf("build: exit code %d\n%s", r.code, r.stderr)
	}
	mustExtpack(t, dir, "build", "--push", "-t", ref, "--allow-platform-mismatch")
	got := verifyJSON(t, 2, ref)
	if len(got.Findings) != 1 || got.Findings[0].ID != "binary-platform" || got.Findings[0].Platform != "linux/arm64" || got.Findings[0].Subject != "bin/tool" {
		t.Errorf("findings %+v", got.Findings)
	}
	r := extpack(t, t.TempDir(), "verify", ref)
	const message = "bin/tool is built for amd64 (x86-64), but this image is linux/arm64 (AArch64)"
	if r.code != 2 || strings.Count(r.stdout, message) != 1 || r.stderr != ref+": 1 error\n" {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	r = extpack(t, t.TempDir(), "verify", ref, "--format", "sarif")
	log := parse[struct {
		Runs []struct {
			Results []struct {
				RuleID, Level string
				Locations     []struct {
					PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
				}
			}
		}
	}](t, []byte(r.stdout))
	if len(log.Runs) != 1 || len(log.Runs[0].Results) != 1 || log.Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI != "oci://"+ref {
		t.Errorf("SARIF %+v", log)
	}
	if got := verifyJSON(t, 0, ref, "--allow-platform-mismatch"); !slices.Equal(got.ids(), []string{"warning binary-platform"}) {
		t.Errorf("allowed: %v", got.ids())
	}
	verifyJSON(t, 0, ref, "--no-layers")
}

// TestVerifyAttestations: BuildKit's own pass once build has moved them to the
// images it annotated; one that is listed as another's does not.
func TestVerifyAttestations(t *testing.T) {
	t.Parallel()
	ref := tag(t, "1")
	mustExtpack(t, t.TempDir(), "build", example("hello"), "--push", "-t", ref, "--set", "*.attest=type=provenance,mode=min")
	if got := verifyJSON(t, 0, ref); len(got.Findings) != 0 || got.Attestations != 4 {
		t.Fatalf("%d attestations, findings %+v", got.Attestations, got.Findings)
	}
	raw, _ := get(t, ref, "manifests")
	index := parse[v1.Index](t, raw)
	first, second := index.Manifests[4].Annotations, index.Manifests[5].Annotations
	const about = "vnd.docker.reference.digest"
	first[about], second[about] = second[about], first[about]
	pushManifest(t, ref, "1", index.MediaType, index)
	if got := verifyJSON(t, 2, ref); !slices.Equal(got.ids(), slices.Repeat([]string{"error attestation-subject"}, 4)) { // two manifests, two statements
		t.Errorf("findings %+v", got.Findings)
	}
}

// TestVerifyNoLayersMovesLittle: 500 MB in the registry, less than 1 MB over
// the wire; and when the layers are read, memory does not grow with them.
func TestVerifyNoLayersMovesLittle(t *testing.T) {
	ref := tag(t, "1")
	const dir = "cnb/extensions/e2e_large/1.2.3/"
	layer, diffID := pushLarge(t, ref, func(w io.Writer) {
		tw := tar.NewWriter(w)
		put := func(name, content string) {
			layertest.Write(t, tw, tar.Header{Name: dir + name, Mode: 0o755}, strings.NewReader(content), int64(len(content)))
		}
		put("bin/generate", script)
		layertest.Write(t, tw, tar.Header{Name: dir + "data", Mode: 0o644}, noise(largeSize), largeSize)
		put("extension.toml", descriptor("e2e/large", ""))
		if err := tw.Close(); err != nil {
			t.Error(err)
		}
	})
	pushLargeIndex(t, ref, layer, diffID, map[string]string{
		"io.buildpacks.buildpackage.metadata": `{"id":"e2e/large","version":"1.2.3","stacks":null}`,
		"io.buildpacks.extension.layers":      fmt.Sprintf(`{"e2e/large":{"1.2.3":{"api":"0.10","layerDiffID":%q}}}`, diffID),
	})

	proxy := newCountingProxy(t)
	through := proxy.through(ref)
	r := extpack(t, t.TempDir(), "verify", "--no-layers", through)
	if r.code != 0 || !strings.Contains(r.stdout, "on 2 platforms") {
		t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if n := proxy.bytes.Load(); n == 0 || n >= 1<<20 {
		t.Errorf("verify --no-layers moved %d bytes", n)
	} else {
		t.Logf("verify --no-layers moved %d bytes", n)
	}

	whole, memory := plugintest.Measure(t, command(t.Context(), t.TempDir(), "verify", through))
	if whole.Code != 0 {
		t.Fatalf("exit code %d\n%s%s", whole.Code, whole.Stdout, whole.Stderr)
	}
	if n := proxy.bytes.Load(); n < 500<<20 || n > 600<<20 {
		t.Errorf("verify moved %d bytes; both images have the same layer", n)
	}
	if memory > 128 {
		t.Errorf("verify took %d MiB of memory", memory)
	}
	t.Logf("verify took %d MiB of memory", memory)
}

// TestVerifyBadInput: one clear error each, and never a result.
func TestVerifyBadInput(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	mustExtpack(t, work, "build", example("hello"), "-o", "good.cnb", "-q")
	good, err := os.ReadFile(filepath.Join(work, "good.cnb"))
	if err != nil {
		t.Fatal(err)
	}
	layout := []tar.Header{
		{Name: "oci-layout", Mode: 0o644, Linkname: `{"imageLayoutVersion":"1.0.0"}`},
		{Name: "index.json", Mode: 0o644, Linkname: `{"schemaVersion":2,"manifests":[]}`},
	}
	with := func(h tar.Header) []byte { return layertest.Headers(t, append(slices.Clone(layout), h)...) }
	huge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", v1.MediaTypeImageIndex)
		if strings.Contains(r.URL.Path, "/manifests/") {
			fmt.Fprintf(w, `{"schemaVersion":2,"manifests":[],"annotations":{"x":%q}}`, strings.Repeat("x", 5<<20))
		}
	}))
	defer huge.Close()
	ref := tag(t, "plain")
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: pushBlob(t, ref, v1.MediaTypeImageConfig, []byte(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`)), Layers: []v1.Descriptor{}}
	m.SchemaVersion = 2
	pushManifest(t, ref, "plain", m.MediaType, m)

	for name, c := range map[string]struct {
		file []byte
		ref  string
		code int
		want string
	}{
		"truncated":        {good[:len(good)/2], "", 2, "is truncated"},
		"gzip":             {layertest.Gzip(t, good), "", 2, "is gzip compressed"},
		"zip":              {[]byte("PK\x03\x04rest"), "", 2, "is a zip archive"},
		"empty":            {[]byte{}, "", 2, "is empty"},
		"dots":             {with(tar.Header{Name: "blobs/../../x", Mode: 0o644}), "", 2, `has ".." in its path`},
		"symlink":          {with(tar.Header{Name: "blobs/x", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), "", 2, "is a link"},
		"hard link":        {with(tar.Header{Name: "blobs/x", Typeflag: tar.TypeLink, Linkname: "index.json"}), "", 2, "is a link"},
		"no such tag":      {nil, tag(t, "nowhere"), 1, "manifest unknown"},
		"no such registry": {nil, "127.0.0.1:1/x:1", 1, "connection refused"},
		"manifest too big": {nil, strings.TrimPrefix(huge.URL, "http://") + "/x:1", 2, "is longer than the limit of 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			target := c.ref
			if c.file != nil {
				target = filepath.Join(t.TempDir(), "x.cnb")
				if err := os.WriteFile(target, c.file, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			r := extpack(t, t.TempDir(), "verify", target)
			if r.code != c.code || r.stdout != "" || !strings.Contains(r.stderr, c.want) || strings.Contains(r.stderr, "Usage:") {
				t.Errorf("exit code %d, stdout %q, stderr\n%s", r.code, r.stdout, r.stderr)
			}
		})
	}
	if got := verifyJSON(t, 2, ref); !slices.Equal(got.ids(), []string{"error label-missing"}) {
		t.Errorf("an image that is not an extension: %+v", got.Findings)
	}
}

// TestVerifyDamagedRegistry: a blob that the registry lost, or serves wrong, is
// a finding and no failure.
func TestVerifyDamagedRegistry(t *testing.T) {
	t.Parallel()
	ref := tag(t, "1")
	mustExtpack(t, t.TempDir(), "build", example("hello"), "--push", "-t", ref)
	image := fetch(t, ref).images[0]
	layer, config := image.manifest.Layers[0].Digest.String(), image.manifest.Config.Digest.String()
	for name, damage := range map[string]struct {
		blob  string
		serve func(w http.ResponseWriter)
		args  []string
		want  int
	}{
		"lost layer":        {layer, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, nil, 4},
		"lost layer, asked": {layer, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, []string{"--no-layers"}, 1},
		"other config":      {config, func(w http.ResponseWriter) { fmt.Fprint(w, `{"os":"linux"}`) }, []string{"--no-layers"}, 1},
		"other layer":       {layer, func(w http.ResponseWriter) { fmt.Fprint(w, "something else") }, nil, 4},
	} {
		t.Run(name, func(t *testing.T) {
			upstream := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: world.Registry()})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/blobs/"+damage.blob) {
					damage.serve(w)
					return
				}
				upstream.ServeHTTP(w, r)
			}))
			defer server.Close()
			through := strings.Replace(ref, world.Registry(), strings.TrimPrefix(server.URL, "http://"), 1)
			got := verifyJSON(t, 2, append(damage.args, through)...)
			if len(got.Findings) != damage.want {
				t.Errorf("findings %+v", got.Findings)
			}
			for _, f := range got.Findings {
				if f.ID != "content" || f.Subject != damage.blob {
					t.Errorf("finding %+v", f)
				}
			}
		})
	}
}
