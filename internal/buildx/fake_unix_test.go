//go:build unix

package buildx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/filetest"
)

// fakeBuildx writes a shell script in place of buildx: for faults only, which
// a real one cannot be brought to.
func fakeBuildx(t *testing.T, dir, name, script string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// plugin answers as a CLI plugin of that version does.
func plugin(version string) string {
	return fmt.Sprintf("echo '{\"SchemaVersion\":\"0.1.0\",\"Vendor\":\"x\",\"Version\":%q}'\n", version)
}

type provider struct{ file *configfile.ConfigFile }

func (p provider) ConfigFile() *configfile.ConfigFile { return p.file }

// find runs Find with an empty PATH but for pathDir, in a DOCKER_CONFIG that
// holds the plugin script, if any.
func find(t *testing.T, script, pathDir string) (*Client, []string, error) {
	t.Helper()
	dir := t.TempDir()
	before := config.Dir()
	config.SetDir(dir)
	t.Cleanup(func() { config.SetDir(before) })
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("PATH", pathDir)
	if script != "" {
		fakeBuildx(t, filepath.Join(dir, "cli-plugins"), "docker-buildx", script)
	}
	var warnings []string
	b, err := locate(provider{configfile.New("")}, &cobra.Command{Use: "docker"}, func(s string) { warnings = append(warnings, s) })
	return b, warnings, err
}

func TestFind(t *testing.T) {
	tests := []struct{ name, version, wantErr, wantWarning string }{
		{"fine", "v0.37.2", "", ""},
		{"the oldest", "v0.20.0", "", ""},
		{"too old", "v0.19.3", "buildx v0.19.3 at PATH is too old, v0.20.0 or newer is required\n  " + InstallHint, ""},
		{"a candidate of the oldest", "v0.20.0-rc1", "buildx v0.20.0-rc1 at PATH is too old, v0.20.0 or newer is required\n  " + InstallHint, ""},
		{"built without a version", "v0.0.0+unknown", "", `PATH does not report its version ("v0.0.0+unknown"); v0.20.0 or newer is required`},
		{"no version", "", "", `PATH does not report its version (""); v0.20.0 or newer is required`},
		{"a distribution's version", "0.13.1+ds1-0ubuntu1", "", `PATH does not report its version ("0.13.1+ds1-0ubuntu1"); v0.20.0 or newer is required`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, warnings, err := find(t, plugin(tt.version), "")
			path := filepath.Join(config.Dir(), "cli-plugins", "docker-buildx")
			if tt.wantErr != "" {
				var hint *diag.HintError
				if !errors.As(err, &hint) || diag.Text(err) != strings.ReplaceAll(tt.wantErr, "PATH", path) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || b.Path != path || b.Version != tt.version {
				t.Errorf("got %+v, %v", b, err)
			}
			if want := strings.ReplaceAll(tt.wantWarning, "PATH", path); strings.Join(warnings, "\n") != want {
				t.Errorf("got the warnings %q, want %q", warnings, want)
			}
		})
	}
}

func TestFindABrokenPlugin(t *testing.T) {
	_, _, err := find(t, "echo no JSON", "")
	if err == nil || !strings.HasPrefix(diag.Text(err), "using the buildx plugin at ") || !strings.HasSuffix(diag.Text(err), InstallHint) {
		t.Errorf("got %v", err)
	}
}

func TestFindOnPath(t *testing.T) {
	if b, _, err := find(t, "", ""); err == nil {
		t.Skipf("buildx is installed for all users, in %s", b.Path)
	} else if want := "finding buildx: no docker-buildx in the docker CLI's plugin folders or on PATH\n  " + InstallHint; diag.Text(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	tests := []struct{ name, output, version, wantErr string }{
		{"docker-buildx", "github.com/docker/buildx v0.37.2 f6c3b9d", "v0.37.2", ""},
		{"buildx", "github.com/docker/buildx v0.37.2 f6c3b9d", "v0.37.2", ""},
		{"buildx", "github.com/docker/buildx v0.19.3 x", "", "too old"},
		{"buildx", "github.com/docker/buildx", "", ""},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		path := fakeBuildx(t, dir, tt.name, "echo '"+tt.output+"'\n")
		b, _, err := find(t, "", dir)
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(diag.Text(err), tt.wantErr) {
				t.Errorf("%s: got %v", tt.output, err)
			}
			continue
		}
		if err != nil || b.Path != path || b.Version != tt.version {
			t.Errorf("%s: got %+v, %v", tt.output, b, err)
		}
	}
	dir := t.TempDir()
	fakeBuildx(t, dir, "buildx", "exit 1\n")
	if _, _, err := find(t, "", dir); err == nil || !strings.Contains(diag.Text(err), "for its version: exit status 1\n  "+InstallHint) {
		t.Errorf("got %v", err)
	}
}

func TestRunKeepsWhatBuildxSays(t *testing.T) {
	script := "echo 'progress' >&2; echo 'ERROR: no builder \"x\" found' >&2; exit 1\n"
	b := &Client{Path: fakeBuildx(t, t.TempDir(), "buildx", script), Env: os.Environ()}
	for _, quiet := range []bool{false, true} {
		var stderr bytes.Buffer
		err := b.Run(t.Context(), nil, Options{Stderr: &stderr, Quiet: quiet})
		var failed *BuildError
		var exit *exec.ExitError
		if !errors.As(err, &failed) || !errors.As(err, &exit) || exit.ExitCode() != 1 || diag.IsInvalid(err) {
			t.Errorf("quiet %v: got %v", quiet, err)
		}
		if !strings.HasSuffix(diag.Text(err), "\n  run \"docker buildx ls\" to list the builders, or \"docker context ls\" if x should be a docker context") {
			t.Errorf("quiet %v: no hint in %v", quiet, err)
		}
		if want := "progress\nERROR: no builder \"x\" found\n"; stderr.String() != want {
			t.Errorf("quiet %v: got %q, want %q", quiet, stderr.String(), want)
		}
	}
}

func TestRunQuietSucceedsInSilence(t *testing.T) {
	b := &Client{Path: fakeBuildx(t, t.TempDir(), "buildx", "echo out; echo progress >&2\n")}
	var stderr bytes.Buffer
	if err := b.Run(t.Context(), nil, Options{Stderr: &stderr, Quiet: true}); err != nil || stderr.Len() > 0 {
		t.Errorf("got %v and %q", err, stderr.String())
	}
}

func TestRunWithoutBuildx(t *testing.T) {
	b := &Client{Path: filepath.Join(t.TempDir(), "gone")}
	var failed *BuildError
	if err := b.Run(t.Context(), nil, Options{Stderr: io.Discard}); !errors.As(err, &failed) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// buildx stops on the first interrupt. It must get that signal, and the error
// must give the cause instead of its exit code.
func TestRunInterrupted(t *testing.T) {
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready")
	script := "trap 'echo interrupted >&2; exit 130' INT\necho $$ > " + ready + ".tmp; mv " + ready + ".tmp " + ready + "\nwhile :; do sleep 0.05; done\n"
	b := &Client{Path: fakeBuildx(t, dir, "buildx", script), Env: os.Environ()}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var stderr bytes.Buffer
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, nil, Options{Stderr: &stderr}) }()
	pid := waitForPID(t, ready)
	cause := errors.New("interrupted by the test")
	start := time.Now()
	cancel(cause)
	err := <-done
	if took := time.Since(start); took > waitDelay/2 {
		t.Errorf("took %s", took)
	}
	if !errors.Is(err, cause) || !strings.Contains(stderr.String(), "interrupted\n") {
		t.Errorf("got %v, buildx said %q", err, stderr.String())
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there (%v)", pid, err)
	}
}

func waitForPID(t *testing.T, file string) int {
	t.Helper()
	for range 200 {
		if data, err := os.ReadFile(file); err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the script did not start")
	return 0
}

// Only a builder of which some address does not respond costs a question to buildx.
func TestNoBuilder(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go http.Serve(listener, http.NotFoundHandler()) //nolint:errcheck // it ends with the listener
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	quiet := "tcp://" + mute.Addr().String()
	live, gone := "tcp://"+listener.Addr().String(), "unix://"+filepath.Join(t.TempDir(), "gone.sock")
	node := func(endpoint string) string { return `{"Driver":"remote","Nodes":[{"Endpoint":"` + endpoint + `"}]}` }
	nodes := func(a, b string) string {
		return `{"Driver":"remote","Nodes":[{"Endpoint":"` + a + `"},{"Endpoint":"` + b + `"}]}`
	}
	ls := func(name, driver, endpoint, status, fault string) string {
		return fmt.Sprintf("cat <<E\n{\"Name\":%q,\"Driver\":%q,\"Current\":true,\"Nodes\":[{\"Endpoint\":%q,\"Status\":%q,\"Err\":%q}]}\nE\n", name, driver, endpoint, status, fault)
	}
	const never = "echo asked >&2; exit 1"
	for name, tc := range map[string]struct {
		notes    map[string]string
		selected string
		host     string
		script   string
		want     string
	}{
		"a live builder":        {map[string]string{"instances/a": node(live)}, "a", gone, never, ""},
		"a live engine":         {nil, "", live, never, ""},
		"a cluster":             {map[string]string{"instances/a": node("kubernetes:///a")}, "a", gone, never, ""},
		"a container":           {map[string]string{"instances/a": node("default")}, "a", live, never, ""},
		"a dead builder":        {map[string]string{"instances/a": node(gone)}, "a", live, never, "the builder a does not respond at " + gone},
		"a silent builder":      {map[string]string{"instances/a": node(quiet)}, "a", live, never, "the builder a accepts connections at " + quiet + " and does not respond"},
		"one of two nodes":      {map[string]string{"instances/a": nodes(gone, live)}, "a", live, ls("a", "remote", live, "running", ""), ""},
		"none of two nodes":     {map[string]string{"instances/a": nodes(gone, gone)}, "a", live, never, "the builder a does not respond at " + gone},
		"not the one":           {map[string]string{"instances/a": node(gone), "current": `{"Name":"a"}`}, "", live, never, ""},
		"the selected one":      {map[string]string{"instances/a": node(gone), "current": `{"Name":"a","Global":true}`}, "", live, never, "the builder a does not respond at " + gone},
		"a context":             {map[string]string{"instances/a": node("far")}, "a", live, never, "the builder a does not respond at " + gone},
		"a context by its name": {nil, "far", live, never, "no Docker Engine responds at " + gone},
		"an unknown context":    {map[string]string{"instances/a": node("lost")}, "a", live, ls("a", "docker-container", "lost", "running", ""), ""},
		"a dead engine":         {nil, "", gone, never, "no Docker Engine responds at " + gone},
		"a container without":   {map[string]string{"instances/a": node("default")}, "a", gone, never, "the builder a does not respond at " + gone},
		"one that is not there": {nil, "a", gone, ls("b", "docker", live, "running", ""), `builder "a" not found`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filetest.Dir(t, tc.notes)
			b := &Client{Path: fakeBuildx(t, t.TempDir(), "buildx", tc.script), Env: []string{"BUILDX_CONFIG=" + dir, "BUILDX_BUILDER=" + tc.selected, "PATH=" + os.Getenv("PATH")}}
			b.Contexts = Contexts{Hosts: map[string]string{"default": tc.host, "far": gone}}
			got, err := b.NoBuilder(t.Context(), "")
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
			// A silent builder may be busy.
			refuses := tc.script == never && strings.Contains(tc.want, gone)
			var failed *BuildError
			if err := b.CheckAnswers(t.Context(), ""); errors.As(err, &failed) != refuses || refuses && (!failed.NoBuilder || err.Error() != "building: "+tc.want) {
				t.Errorf("CheckAnswers returns %v", err)
			}
		})
	}
}
