package buildx

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/diag"
)

// environment returns what DockerEnviron makes of docker's global flags.
func environment(t *testing.T, args ...string) (map[string]string, error) {
	t.Helper()
	before := config.Dir()
	t.Cleanup(func() { config.SetDir(before) })
	dockerCLI, err := command.NewDockerCli()
	if err != nil {
		t.Fatal(err)
	}
	root, opts := &cobra.Command{Use: "docker"}, flags.NewClientOptions()
	opts.InstallFlags(root.Flags())
	if err := root.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	opts.SetDefaultOptions(root.Flags())
	if err := dockerCLI.Initialize(opts); err != nil {
		t.Fatal(err)
	}
	env, err := DockerEnviron(dockerCLI, root)
	got := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if old, ok := got[name]; ok && old != value {
			t.Errorf("%s is both %q and %q", name, old, value)
		}
		got[name] = value
	}
	return got, err
}

func TestDockerEnv(t *testing.T) {
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		args string
		env  map[string]string
		want map[string]string
	}{
		"nothing": {"", nil, nil},
		"host":    {"--host tcp://h:2376", nil, map[string]string{"DOCKER_HOST": "tcp://h:2376", "DOCKER_CONTEXT": ""}},
		"host short, over the environment": {
			"-H unix:///x",
			map[string]string{"DOCKER_CONTEXT": "other"},
			map[string]string{"DOCKER_HOST": "unix:///x", "DOCKER_CONTEXT": ""},
		},
		"context": {"--context c", nil, map[string]string{"DOCKER_CONTEXT": "c", "DOCKER_HOST": ""}},
		"context over the environment": {
			"-c c",
			map[string]string{"DOCKER_HOST": "tcp://h"},
			map[string]string{"DOCKER_CONTEXT": "c", "DOCKER_HOST": ""},
		},
		"context of the environment": {
			"",
			map[string]string{"DOCKER_CONTEXT": "e"},
			map[string]string{"DOCKER_CONTEXT": "e", "DOCKER_HOST": ""},
		},
		"default context over the environment's": {
			"--context default",
			map[string]string{"DOCKER_CONTEXT": "e"},
			map[string]string{"DOCKER_CONTEXT": "default"},
		},
		"verified":        {"--tlsverify", nil, map[string]string{"DOCKER_TLS_VERIFY": "1"}},
		"TLS":             {"--tls", nil, map[string]string{"DOCKER_TLS": "1"}},
		"no TLS":          {"--tls=false", nil, map[string]string{"DOCKER_TLS": ""}},
		"TLS, unverified": {"--tlsverify=false", nil, map[string]string{"DOCKER_TLS": "1", "DOCKER_TLS_VERIFY": ""}},
		"CA": {
			"--tlsverify --tlscacert /certs/ca.pem", nil,
			map[string]string{"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"},
		},
		"all certificates": {
			"--tlsverify --tlscacert /certs/ca.pem --tlscert /certs/cert.pem --tlskey /certs/key.pem", nil,
			map[string]string{"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DOCKER_HOST", tc.env["DOCKER_HOST"])
			t.Setenv("DOCKER_CONTEXT", tc.env["DOCKER_CONTEXT"])
			got, err := environment(t, append(strings.Fields(tc.args), "--config", dir)...)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"DOCKER_CONFIG": dir}
			maps.Copy(want, tc.want)
			for k := range want {
				got[k], want[k] = filepath.ToSlash(got[k]), filepath.ToSlash(want[k])
			}
			if !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// What the environment cannot say is refused, not dropped.
func TestDockerEnvRefusesOtherCertificates(t *testing.T) {
	for _, args := range []string{
		"--tlscacert /certs/root.pem",
		"--tlscert /certs/client.pem",
		"--tlscacert /a/ca.pem --tlskey /b/key.pem",
	} {
		if env, err := environment(t, append(strings.Fields(args), "--tlsverify", "--config", t.TempDir())...); !diag.IsInvalid(err) {
			t.Errorf("%s: %v %v", args, env, err)
		}
	}
}

// Standalone there are no global flags: the environment is passed on as it is.
func TestDockerEnvStandalone(t *testing.T) {
	t.Setenv("DOCKER_CONTEXT", "")
	t.Setenv("DOCKER_HOST", "tcp://h")
	dockerCLI, err := command.NewDockerCli()
	if err != nil {
		t.Fatal(err)
	}
	if err := dockerCLI.Initialize(flags.NewClientOptions()); err != nil {
		t.Fatal(err)
	}
	env, err := DockerEnviron(dockerCLI, &cobra.Command{Use: "docker-extpack"})
	if err != nil || len(env) != 1 || env[0] != "DOCKER_CONFIG="+config.Dir() {
		t.Errorf("%v, %v", env, err)
	}
}
