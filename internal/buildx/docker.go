package buildx

import (
	"path/filepath"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/internal/diag"
)

// Docker is the docker CLI of the user.
type Docker interface {
	config.Provider
	CurrentContext() string
	ContextStore() store.Store
}

// DockerEnviron returns variables for the global flags of the docker CLI, whose
// command is root. Another plugin that is run directly knows them from the
// environment only.
func DockerEnviron(cli Docker, root *cobra.Command) ([]string, error) {
	env := []string{"DOCKER_CONFIG=" + config.Dir()}
	global := root.Flags()
	changed := func(name string) (string, bool) {
		f := global.Lookup(name)
		if f == nil || !f.Changed {
			return "", false
		}
		return f.Value.String(), true
	}
	host, hostGiven := changed("host")
	contextName, contextGiven := changed("context")
	switch current := cli.CurrentContext(); {
	case hostGiven:
		env = append(env, "DOCKER_HOST="+host, "DOCKER_CONTEXT=")
	case contextGiven && contextName == command.DefaultContextName:
		// The default context uses DOCKER_HOST.
		env = append(env, "DOCKER_CONTEXT="+contextName)
	case current != command.DefaultContextName:
		env = append(env, "DOCKER_CONTEXT="+current, "DOCKER_HOST=")
	}
	// --tlsverify=false means TLS without verification. Any non-empty value
	// enables the variable.
	if verify, ok := changed("tlsverify"); ok && verify == "false" {
		env = append(env, "DOCKER_TLS=1", "DOCKER_TLS_VERIFY=")
	} else if ok {
		env = append(env, "DOCKER_TLS_VERIFY=1")
	} else if tls, ok := changed("tls"); ok && tls == "false" {
		env = append(env, "DOCKER_TLS=")
	} else if ok {
		env = append(env, "DOCKER_TLS=1")
	}
	certs, err := certPath(changed)
	if certs != "" {
		env = append(env, "DOCKER_CERT_PATH="+certs)
	}
	return env, err
}

// contextsOf returns the docker contexts and the addresses of their engines. It
// leaves out contexts that cannot be read, which buildx reports.
func contextsOf(cli Docker) Contexts {
	all := Contexts{Current: cli.CurrentContext(), Hosts: map[string]string{}}
	list, err := cli.ContextStore().List()
	if err != nil {
		return all
	}
	for _, c := range list {
		if endpoint, err := docker.EndpointFromContext(c); err == nil {
			all.Hosts[c.Name] = endpoint.Host
		}
	}
	return all
}

// certPath returns the folder of the certificates of flags: the variable names
// a folder with fixed file names, flags name any files.
func certPath(changed func(string) (string, bool)) (string, error) {
	const hint = "put ca.pem, cert.pem and key.pem into one folder and set DOCKER_CERT_PATH to it"
	dir, by := "", ""
	for _, c := range []struct{ flag, name string }{
		{"tlscacert", flags.DefaultCaFile}, {"tlscert", flags.DefaultCertFile}, {"tlskey", flags.DefaultKeyFile},
	} {
		file, ok := changed(c.flag)
		switch {
		case !ok:
			continue
		case filepath.Base(file) != c.name:
			return "", diag.WithHint(diag.Invalidf("passing docker --%s %s on to buildx: the file must be called %s", c.flag, file, c.name), hint)
		case dir != "" && filepath.Dir(file) != dir:
			return "", diag.WithHint(diag.Invalidf("passing docker --%s and --%s on to buildx: the files are in different folders", by, c.flag), hint)
		}
		dir, by = filepath.Dir(file), c.flag
	}
	return dir, nil
}
