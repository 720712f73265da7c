package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// getJSON reads a document of the registry.
func getJSON(t *testing.T, url string, v any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, resp.Status, err, data)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v\n%s", url, err, data)
	}
}

// TestTestImages makes the test images and runs what is in the builder image.
func TestTestImages(t *testing.T) {
	s := start(t)
	images, err := s.TestImages(t.Context())
	if errors.Is(err, ErrNoPackages) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	repository, tag, _ := strings.Cut(strings.TrimPrefix(images.Builder, s.Registry()+"/"), ":")
	url := "http://" + s.Registry() + "/v2/" + repository
	var index struct {
		Manifests []struct {
			Digest   string
			Platform struct{ OS, Architecture string }
		}
	}
	getJSON(t, url+"/manifests/"+tag, &index)
	var platforms []string
	for _, m := range index.Manifests {
		platforms = append(platforms, m.Platform.OS+"/"+m.Platform.Architecture)
		var manifest struct{ Config struct{ Digest string } }
		getJSON(t, url+"/manifests/"+m.Digest, &manifest)
		var config struct {
			Config struct {
				User   string
				Env    []string
				Labels map[string]string
			}
		}
		getJSON(t, url+"/blobs/"+manifest.Config.Digest, &config)
		if config.Config.User != "1001:1000" {
			t.Errorf("the user is %q", config.Config.User)
		}
		contains(t, strings.Join(config.Config.Env, "\n"), "CNB_USER_ID=1001\nCNB_GROUP_ID=1000")
		contains(t, config.Config.Labels["io.buildpacks.builder.metadata"], images.Run)
		contains(t, config.Config.Labels["io.buildpacks.builder.metadata"], `"0.12"`)
	}
	if got := strings.Join(platforms, ","); got != strings.Join(TestPlatforms, ",") {
		t.Errorf("the builder image is for %s", got)
	}

	dir := t.TempDir()
	dockerfile := "FROM " + images.Builder + " AS run\nUSER root\n" +
		`RUN (id -u cnb; stat -c "%u:%g %a" /layers /tmp; env CNB_PLATFORM_API=0.12 /cnb/lifecycle/lifecycle -version; readlink /cnb/lifecycle/detector) >/out` +
		"\nFROM scratch\nCOPY --from=run /out /\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.runBuildx(t.Context(), "build", "--builder", s.Builder(), "--platform", "linux/"+runtime.GOARCH, "--output", dir, dir); err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "1001\n1001:1000 755\n0:0 1777\n0.21.0\nlifecycle\n"; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
}
