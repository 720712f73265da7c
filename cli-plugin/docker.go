package main

import (
	"fmt"
	"path/filepath"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/version"
)

// dockerEnv carries the docker CLI's global flags to another plugin: run
// directly, it knows them from the environment only.
func dockerEnv(dockerCLI command.Cli, cmd *cobra.Command) ([]string, error) {
	env := []string{"DOCKER_CONFIG=" + config.Dir()}
	global := cmd.Root().Flags()
	changed := func(name string) (string, bool) {
		f := global.Lookup(name)
		if f == nil || !f.Changed {
			return "", false
		}
		return f.Value.String(), true
	}
	if host, ok := changed("host"); ok {
		env = append(env, "DOCKER_HOST="+host, "DOCKER_CONTEXT=")
	} else if name := dockerCLI.CurrentContext(); name != command.DefaultContextName {
		env = append(env, "DOCKER_CONTEXT="+name, "DOCKER_HOST=")
	}
	if _, ok := changed("tlsverify"); ok {
		env = append(env, "DOCKER_TLS_VERIFY=1")
	} else if _, ok := changed("tls"); ok {
		env = append(env, "DOCKER_TLS=1")
	}
	// The environment knows one folder with fixed names, the flags any file.
	certs := map[string]string{"tlscacert": "ca.pem", "tlscert": "cert.pem", "tlskey": "key.pem"}
	for flag, name := range certs {
		file, ok := changed(flag)
		if !ok {
			continue
		}
		if filepath.Base(file) != name {
			return nil, fmt.Errorf("passing docker --%s on to buildx: the file must be called %s; put the three files into one folder and set DOCKER_CERT_PATH", flag, name)
		}
		env = append(env, "DOCKER_CERT_PATH="+filepath.Dir(file))
	}
	return env, nil
}

func newRegistryClient(dockerCLI command.Cli, insecure bool, log func(string, ...any)) *registry.Client {
	v, _ := version.Get()
	return registry.New(registry.Options{
		Credentials: registry.DockerCredentials(dockerCLI.ConfigFile()),
		Insecure:    insecure,
		UserAgent:   "docker-extpack/" + v,
		Log:         log,
	})
}
