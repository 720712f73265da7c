package registration

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/sirupsen/logrus"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/registry"
)

// serve starts a registry and returns its host. Of this machine's addresses,
// 127.0.0.11 has the form that the buildpack registry accepts.
func serve(t *testing.T) string {
	t.Helper()
	logrus.SetOutput(io.Discard)
	config := &configuration.Configuration{Storage: configuration.Storage{
		"inmemory": {}, "maintenance": {"uploadpurging": map[any]any{"enabled": false}},
	}}
	config.HTTP.Secret = "secret"
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.11:0")
	if err != nil {
		t.Skip(err) // not on every system
	}
	server := httptest.NewUnstartedServer(handlers.NewApp(ctx, config))
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return listener.Addr().String()
}

// made is an image that a test makes.
type made struct {
	arch, id, version string
	layers            string // the label, else that of id and version
}

// publish publishes an index of the images.
func publish(t *testing.T, ref string, images ...made) {
	t.Helper()
	layout := layouttest.New(t)
	var entries []v1.Descriptor
	for _, i := range images {
		if i.layers == "" {
			i.layers = fmt.Sprintf(`{%q:{%q:{"api":"0.10"}}}`, i.id, i.version)
		}
		labels := map[string]string{extension.LabelLayers: i.layers}
		if i.id != "" {
			labels[extension.LabelMetadata] = fmt.Sprintf(`{"id":%q,"version":%q,"stacks":null}`, i.id, i.version)
		}
		entries = append(entries, layout.Image(v1.Image{
			Platform: v1.Platform{OS: "linux", Architecture: i.arch}, Config: v1.ImageConfig{Labels: labels}, RootFS: v1.RootFS{Type: "layers"},
		}))
	}
	root := layout.Index(entries...)
	tag, err := registry.ParseTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := registry.New(registry.Options{}).Publish(t.Context(), layout, root, []registry.Reference{tag}); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, ref string) (Entry, error) {
	t.Helper()
	parsed, err := registry.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	return Check(t.Context(), registry.New(registry.Options{}), parsed)
}

func TestCheck(t *testing.T) {
	host := serve(t)
	publish(t, host+"/acme/curl:1", made{arch: "amd64", id: "acme/curl", version: "1.2.3"}, made{arch: "arm64", id: "acme/curl", version: "1.2.3"})
	e, err := check(t, host+"/acme/curl:1")
	if err != nil {
		t.Fatal(err)
	}
	digest := strings.TrimPrefix(e.Address, host+"/acme/curl@sha256:")
	if e.ID != "acme/curl" || e.Version != "1.2.3" || len(digest) != 64 {
		t.Errorf("the entry is %+v", e)
	}
	u, err := url.Parse(e.URL())
	if err != nil || u.Host != "github.com" || u.Path != "/buildpacks/registry-index/issues/new" {
		t.Errorf("the URL is %s, %v", e.URL(), err)
	}
	if q := u.Query(); q.Get("title") != "ADD acme/curl@1.2.3" || q.Get("body") != "id = \"acme/curl\"\nversion = \"1.2.3\"\naddr = \""+e.Address+"\"\n" {
		t.Errorf("the fields are %v", q)
	}
}

func TestCheckRefuses(t *testing.T) {
	host := serve(t)
	good := made{arch: "amd64", id: "acme/curl", version: "1.2.3"}
	for want, images := range map[string][]made{
		`id "curl" is not NAMESPACE/NAME`:                                                                          {{arch: "amd64", id: "curl", version: "1.2.3"}},
		`id "samples/curl": the namespace "samples" is reserved`:                                                   {{arch: "amd64", id: "samples/curl", version: "1.2.3"}},
		`version "1.2" is not a semantic version`:                                                                  {{arch: "amd64", id: "acme/curl", version: "1.2"}},
		`no label io.buildpacks.buildpackage.metadata`:                                                             {{arch: "amd64"}},
		`linux/arm64: label io.buildpacks.buildpackage.metadata is of "acme/curl@1.2.4", not of "acme/curl@1.2.3"`: {good, {arch: "arm64", id: "acme/curl", version: "1.2.4"}},
		`label io.buildpacks.extension.layers does not name acme/curl@1.2.3`:                                       {{arch: "amd64", id: "acme/curl", version: "1.2.3", layers: `{"acme/curl":{"1.0.0":{}}}`}},
		`label io.buildpacks.extension.layers is not valid: the field "1.2.3"`:                                     {{arch: "amd64", id: "acme/curl", version: "1.2.3", layers: `{"acme/curl": {"1.2.3": {}, "1.2.3": {}}}`}},
		`label io.buildpacks.extension.layers is not valid`:                                                        {{arch: "amd64", id: "acme/curl", version: "1.2.3", layers: `[]`}},
		`the package has no image for linux/amd64`:                                                                 {{arch: "arm64", id: "acme/curl", version: "1.2.3"}},
	} {
		publish(t, host+"/refused:1", images...)
		if _, err := check(t, host+"/refused:1"); !diag.IsInvalid(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", images, err, want)
		}
	}
	local := strings.Replace(host, "127.0.0.11", "localhost", 1)
	e := Entry{ID: good.id, Version: good.version, Address: local + "/curl@sha256:" + strings.Repeat("0", 64)}
	var list diag.List
	e.check(&list)
	if err := list.Err(); err == nil || !strings.Contains(err.Error(), "HOST.DOMAIN/REPOSITORY") {
		t.Errorf("%s: %v", e.Address, err)
	}
}

func TestCheckPrivate(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	if _, err := check(t, strings.TrimPrefix(server.URL, "http://")+"/acme/curl:1"); !diag.IsInvalid(err) || !strings.Contains(err.Error(), "cannot be pulled without credentials") {
		t.Errorf("got %v", err)
	}
}

func TestAddress(t *testing.T) {
	root := v1.Descriptor{Digest: "sha256:abc"}
	for name, want := range map[string]string{
		"curl":                        "docker.io/library/curl@sha256:abc",
		"acme/curl:1":                 "docker.io/acme/curl@sha256:abc",
		"ghcr.io/acme/curl:1":         "ghcr.io/acme/curl@sha256:abc",
		"registry.example.com:5000/a": "registry.example.com:5000/a@sha256:abc",
	} {
		ref, err := registry.ParseReference(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := address(ref, root); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
