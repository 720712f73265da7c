package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	"github.com/sirupsen/logrus"
)

// loggedIn makes a docker configuration that shares builders and plugins
// with the sandbox but not its config.json.
func loggedIn(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	shared := filepath.Join(world.Dir(), "docker")
	for _, name := range []string{"buildx", "cli-plugins"} {
		if err := os.Symlink(filepath.Join(shared, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, "config.json"), config)
	return dir
}

// ownConfig makes a docker configuration without builders, with the given
// program as buildx.
func ownConfig(t *testing.T, buildx string) string {
	t.Helper()
	dir := t.TempDir()
	plugins := filepath.Join(dir, "cli-plugins")
	if err := os.Mkdir(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(buildx, filepath.Join(plugins, "docker-buildx")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// plugin prepares the plugin with more environment than the sandbox's.
func plugin(ctx context.Context, dir string, env []string, args ...string) *exec.Cmd {
	cmd := command(ctx, dir, args...)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

type check struct{ Name, Subject, State, Message, Fix string }

type diagnosis struct {
	result
	State, Builder string
	Checks         []check
}

// doctor runs "builder doctor" and reads what it says.
func doctor(t *testing.T, dir string, env []string, args ...string) diagnosis {
	t.Helper()
	args = append([]string{"builder", "doctor", "--format", "json"}, args...)
	d := diagnosis{result: runCommand(t, plugin(t.Context(), dir, env, args...))}
	if err := json.Unmarshal([]byte(d.stdout), &d); err != nil {
		t.Fatalf("%v\n%s%s", err, d.stdout, d.stderr)
	}
	want := 0
	if d.State == "error" {
		want = 2
	}
	if d.code != want {
		t.Errorf("the state is %s and the exit code %d", d.State, d.code)
	}
	for _, c := range d.Checks {
		if (c.State == "ok") != (c.Fix == "") {
			t.Errorf("%s is %s with the fix %q", c.Name, c.State, c.Fix)
		}
		if c.Message == "" || strings.ContainsAny(c.Message, "\n\x1b") {
			t.Errorf("%s: %q is not one line", c.Name, c.Message)
		}
	}
	return d
}

// find returns the checks of a name whose subject contains a text.
func (d diagnosis) find(name, subject string) []check {
	return slices.DeleteFunc(slices.Clone(d.Checks), func(c check) bool {
		return c.Name != name || !strings.Contains(c.Subject, subject)
	})
}

// says asserts that a check is in a state, with these texts in its message or
// fix.
func (d diagnosis) says(t *testing.T, name, subject, state string, texts ...string) {
	t.Helper()
	found := d.find(name, subject)
	if len(found) == 0 {
		t.Errorf("no check %s %s in %+v", name, subject, d.Checks)
		return
	}
	for _, c := range found {
		if c.State != state {
			t.Errorf("%s %s is %s, want %s: %s", name, subject, c.State, state, c.Message)
		}
		for _, text := range texts {
			if !strings.Contains(c.Message+"\n"+c.Fix, text) {
				t.Errorf("%s %s does not say %q: %q, fix %q", name, subject, text, c.Message, c.Fix)
			}
		}
	}
}

// healthy asserts that nothing was found.
func (d diagnosis) healthy(t *testing.T) {
	t.Helper()
	for _, c := range d.Checks {
		if c.State != "ok" {
			t.Errorf("%s %s: %s: %s", c.Name, c.Subject, c.State, c.Message)
		}
	}
}

// registryServer is a real registry of this process.
type registryServer struct {
	host string

	mu       sync.Mutex
	requests []string
	date     func() time.Time // what it takes for the time, nil for the truth
}

// password is what the user "user" of a registry with users has.
const (
	password = "open-sesame"
	htpasswd = "user:$2b$04$TJK8PHqSv8H3UPWZPmyTlOUZ01WO8Mcr53pi9spoXaQK9hbNlqhzW\n"
)

// startRegistry starts distribution; with users it needs a password, with TLS
// its certificate is not trusted.
func startRegistry(t *testing.T, users, tls bool, listen string) *registryServer {
	t.Helper()
	config := registryConfig()
	if users {
		file := filepath.Join(t.TempDir(), "htpasswd")
		writeFile(t, file, htpasswd)
		config.Auth = configuration.Auth{"htpasswd": configuration.Parameters{"realm": "test", "path": file}}
	}
	return serveRegistry(t, config, tls, listen)
}

func registryConfig() *configuration.Configuration {
	config := &configuration.Configuration{Storage: configuration.Storage{
		"inmemory":    configuration.Parameters{},
		"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
	}}
	config.HTTP.Secret = "secret"
	return config
}

func serveRegistry(t *testing.T, config *configuration.Configuration, tls bool, listen string) *registryServer {
	t.Helper()
	logrus.SetOutput(io.Discard)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	app := handlers.NewApp(ctx, config)
	r := &registryServer{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.requests = append(r.requests, req.Method+" "+req.URL.Path)
		date := r.date
		r.mu.Unlock()
		if date != nil {
			w.Header().Set("Date", date().UTC().Format(http.TimeFormat))
		}
		app.ServeHTTP(w, req)
	}))
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	server.Listener.Close()
	server.Listener = l
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	r.host = l.Addr().String()
	return r
}

// begun reports whether an upload was begun, and cancelled.
func (r *registryServer) begun() (begun, cancelled int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.requests {
		if strings.HasPrefix(line, "POST ") {
			begun++
		} else if strings.HasPrefix(line, "DELETE ") {
			cancelled++
		}
	}
	return begun, cancelled
}

// credentials returns the config.json that logs in to a registry.
func credentials(host, password string) string {
	return fmt.Sprintf(`{"auths":{%q:{"username":"user","password":%q}}}`, host, password)
}

// startBuildKit starts a BuildKit daemon with its own root and returns its
// address. It ends with the test.
func startBuildKit(t *testing.T, bin, root string, env ...string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "extpack-") // sockets want short paths
	if err != nil {
		t.Fatal(err)
	}
	if root == "" {
		root = filepath.Join(dir, "root")
	}
	socket := filepath.Join(dir, "sock")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "buildkitd.toml"), "")
	cmd := exec.Command(bin, "--config", filepath.Join(dir, "buildkitd.toml"), "--root", root, "--addr", "unix://"+socket,
		"--oci-worker=true", "--containerd-worker=false", "--otel-socket-path", filepath.Join(dir, "otel"), "--cdi-disabled")
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		_ = log.Close()
		_ = os.RemoveAll(dir)
	})
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("unix", socket); err == nil {
			_ = conn.Close()
			return "unix://" + socket
		}
	}
	data, err := os.ReadFile(log.Name())
	t.Fatalf("BuildKit does not listen: %s (%v)", data, err)
	return ""
}

// builderConfig is a docker configuration with one builder. buildx locks its
// configuration while it waits for a builder that does not respond, which would
// stop all other tests.
type builderConfig struct {
	t    *testing.T
	name string
	// env selects the configuration.
	env []string
}

// remoteBuilder returns a configuration with a builder for a BuildKit.
func remoteBuilder(t *testing.T, name, endpoint string) *builderConfig {
	t.Helper()
	c := &builderConfig{t: t, name: name, env: []string{"DOCKER_CONFIG=" + ownConfig(t, world.BuildxPath()), "BUILDX_BUILDER="}}
	c.create("--driver", "remote", endpoint)
	return c
}

// create runs "buildx create" for the builder, or for a node of it.
func (c *builderConfig) create(args ...string) {
	c.t.Helper()
	cmd := in(exec.CommandContext(c.t.Context(), world.BuildxPath(), append([]string{"create", "--timeout", "1s", "--name", c.name}, args...)...), "")
	cmd.Env = append(cmd.Env, c.env...)
	if r := runCommand(c.t, cmd); r.code != 0 {
		c.t.Fatalf("buildx create %q: %s", args, r.stderr)
	}
}

// doctor runs "builder doctor" on the builder.
func (c *builderConfig) doctor(dir string, args ...string) diagnosis {
	c.t.Helper()
	return doctor(c.t, dir, c.env, append([]string{"--builder", c.name}, args...)...)
}

// tmpfs mounts a small file system for as long as the test runs.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "extpack-tmpfs-")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
		_ = os.Remove(dir)
	})
	return dir
}

// fill writes until a file system is full.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); ; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
