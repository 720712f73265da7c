package registry

import (
	"context"
	"sync"

	"github.com/docker/cli/cli/config/configfile"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// dockerHubKey is the key of Docker Hub's credential in docker's
// configuration and credential helpers, for historical reasons.
const dockerHubKey = "https://index.docker.io/v1/"

// DockerCredentials returns the credentials of the docker CLI: those in the
// configuration file, its credential helpers and DOCKER_AUTH_CONFIG. A host
// without an entry is accessed anonymously. A helper that fails is an error,
// because anonymous access would result in a misleading "access denied".
//
// Each host is looked up once, because a helper is a process that may prompt
// the user.
func DockerCredentials(cfg *configfile.ConfigFile) auth.CredentialFunc {
	var (
		mu    sync.Mutex
		known = map[string]auth.Credential{}
	)
	return func(_ context.Context, host string) (auth.Credential, error) {
		mu.Lock()
		defer mu.Unlock()
		if cred, ok := known[host]; ok {
			return cred, nil
		}
		key := host
		switch host {
		case dockerHub, "index.docker.io", "registry-1.docker.io":
			key = dockerHubKey
		}
		entry, err := cfg.GetAuthConfig(key)
		if err != nil {
			return auth.EmptyCredential, err
		}
		cred := auth.Credential{
			Username: entry.Username, Password: entry.Password,
			RefreshToken: entry.IdentityToken, AccessToken: entry.RegistryToken,
		}
		known[host] = cred
		return cred, nil
	}
}
