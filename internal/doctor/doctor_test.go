package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/buildx"
)

// failing is a buildx whose builds end like this.
type failing string

func (f failing) Output(context.Context, ...string) ([]byte, error) {
	return nil, &buildx.RunError{Args: []string{"build"}, Stderr: string(f), Err: errors.New("exit status 1")}
}

// What no daemon of these tests can be brought to say.
func TestTrialExplains(t *testing.T) {
	for said, want := range map[string]string{
		"ERROR: dockerfile parse error: unknown flag: --exclude":                                  "BuildKit to 0.25",
		"ERROR: Multi-platform build is not supported for the docker driver.":                     "containerd image store",
		"ERROR: failed to solve: exec: \"runc\": executable file not found in $PATH":              "install runc",
		"ERROR: write /x: no space left on device":                                                "docker buildx prune --builder b",
		"#1 [internal] waiting for connection\nERROR: failed to build: context deadline exceeded": "remove unreachable ones",
	} {
		e := &examination{
			Subject: Subject{Buildx: failing(said), Free: func(string) (uint64, error) { return 1 << 40, nil }},
			builder: &buildx.Builder{Name: "b", Nodes: []buildx.Node{{}}},
		}
		c, _ := e.trial(t.Context(), t.TempDir())
		if c.State != Error || !strings.Contains(c.Fix, want) || !strings.HasPrefix(c.Message, "a trial build fails: buildx build: ") {
			t.Errorf("%q: %+v", said, c)
		}
	}
}

// A node may have been given a platform that its machine is not of.
func TestRunOnANodeOfAnotherKind(t *testing.T) {
	nodes := []buildx.Node{{Platforms: []string{"linux/amd64"}}, {Platforms: []string{"linux/s390x", "linux/amd64"}}}
	e := &examination{
		Subject: Subject{Buildx: failing("#5 0.1 exec /first: exec format error\nERROR: process \"/first\" did not complete successfully: exit code: 1")},
		builder: &buildx.Builder{Name: "b", Driver: buildx.DriverRemote, Nodes: nodes},
	}
	c := e.checkRun(t.Context(), v1.Platform{OS: "linux", Architecture: "s390x"}, nodes)
	if c.State != Error || !strings.Contains(c.Message, "QEMU is missing") || !strings.Contains(c.Fix, "docker extpack builder ensure b --native s390x=ssh://") {
		t.Errorf("%+v", c)
	}
}

// A name without a registry is one of Docker Hub.
func TestHosts(t *testing.T) {
	for image, want := range map[string]string{
		"golang:1.26": "docker.io", "acme/base": "docker.io", "h:5000/base:1": "h:5000", "h/${BASE}": "",
	} {
		if got := imageHost(image); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]State{
		"v0.25.0": OK, "v0.33.1": OK, "0.26.2": OK, "v0.25.0-rc1": Error, "v0.24.9": Error, "v0.12.5+abc": Error,
		"": Warning, "v0.0.0+unknown": Warning, "latest": Warning,
	} {
		e := &examination{builder: &buildx.Builder{Driver: buildx.DriverContainer, Name: "b"}}
		if c := e.checkVersion(buildx.Node{Version: version}); c.State != want || (c.Fix == "") != (want == OK) {
			t.Errorf("%q: %+v", version, c)
		}
	}
}

func TestDiskOfAnUnknownSystem(t *testing.T) {
	e := &examination{Subject: Subject{Free: func(string) (uint64, error) { return 0, errors.ErrUnsupported }}}
	if c := e.checkDisk(); len(c) != 1 || c[0].State != OK {
		t.Errorf("%+v", c)
	}
}
