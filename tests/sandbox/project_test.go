package sandbox

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// The project's own bake file needs a base image from the internet, so tests
// only evaluate it; `make bake` runs it.
func TestProjectBakeFile(t *testing.T) {
	s := start(t)
	cmd := exec.CommandContext(t.Context(), s.BuildxPath(), "bake", "--print")
	cmd.Dir = "../.."
	cmd.Env = append(append(os.Environ(), s.Env()...), "VERSION=v9.9.9", "GO_IMAGE=mirror/golang", "GOPROXY=direct")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Target map[string]struct {
			Args     map[string]string
			Contexts map[string]string
			Inline   string `json:"dockerfile-inline"`
		}
	}
	if err := json.Unmarshal(out, &file); err != nil {
		t.Fatal(err)
	}
	target := file.Target["release"]
	for _, os := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			contains(t, target.Args["PLATFORMS"], os+"/"+arch)
		}
	}
	if image := target.Contexts["go"]; image != "docker-image://mirror/golang" {
		t.Errorf("the base image is %q", image)
	}
	for name, want := range map[string]string{"VERSION": "v9.9.9", "GOPROXY": "direct"} {
		if target.Args[name] != want {
			t.Errorf("%s is %q", name, target.Args[name])
		}
		contains(t, target.Inline, "ARG "+name)
	}
}
