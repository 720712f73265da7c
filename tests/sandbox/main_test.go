package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// orphanEnv makes the test binary start a sandbox and die without stopping it.
const orphanEnv = "SANDBOX_TEST_ORPHAN"

func TestMain(m *testing.M) {
	if os.Getenv(orphanEnv) != "" {
		s, err := Start(context.Background(), Options{Log: os.Stderr})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(s.Dir(), s.registry.pid(), s.builders[0].daemon.pid())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// bringUp runs Up on a sandbox of the test, with a docker configuration of the
// test standing for the user's, and undoes it at the end.
func bringUp(t *testing.T, opts *Options) *Sandbox {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = shortDir(t)
	}
	if opts.DockerConfig == "" {
		opts.DockerConfig = filepath.Join(t.TempDir(), "docker")
	}
	t.Cleanup(func() {
		if err := Down(context.Background(), *opts); err != nil {
			t.Errorf("Down: %v", err)
		}
	})
	return upAgain(t, *opts, new(bytes.Buffer))
}

func upAgain(t *testing.T, opts Options, log *bytes.Buffer) *Sandbox {
	t.Helper()
	opts.Log = log
	s, err := Up(t.Context(), opts)
	if err != nil {
		t.Fatalf("Up: %v\n%s", err, log)
	}
	return s
}

// shortDir is a directory whose sockets fit; t.TempDir contains the test's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = removeTree(dir) })
	return dir
}

// start runs Start for the test.
func start(t *testing.T) *Sandbox {
	t.Helper()
	s, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// buildAndPush builds a scratch image with the buildx builder and pushes it.
func buildAndPush(t *testing.T, s *Sandbox, env []string, tag string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nCOPY hello.txt /\n")
	write(t, filepath.Join(dir, "hello.txt"), "hello "+tag+"\n")
	cmd := exec.CommandContext(t.Context(), s.BuildxPath(), "build", "--progress=plain",
		"--platform=linux/amd64,linux/arm64", "--push", "--tag", s.Registry()+"/test/hello:"+tag, dir)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("buildx build: %v\n%s", err, out)
	}
}

// pushed tells whether the registry contains a tag.
func pushed(t *testing.T, s *Sandbox, tag string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://"+s.Registry()+"/v2/test/hello/manifests/"+tag, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.oci.image.index.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// waitGone waits for a process of a sandbox in dir to end.
func waitGone(t *testing.T, what string, running func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); running(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s still runs", what)
		}
	}
}

func contains(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("no %q in:\n%s", want, text)
	}
}
