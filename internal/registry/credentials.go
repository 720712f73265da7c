package registry

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/diag"
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
// the user. log, which may be nil, is called while one is waited for.
func DockerCredentials(cfg *configfile.ConfigFile, log func(format string, args ...any)) auth.CredentialFunc {
	var (
		mu    sync.Mutex
		known = map[string]auth.Credential{}
	)
	return func(ctx context.Context, host string) (auth.Credential, error) {
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
		helper := cfg.CredentialHelpers[key]
		if helper == "" {
			helper = cfg.CredentialsStore
		}
		entry, err := waitFor(ctx, helper, log, func() (types.AuthConfig, error) { return cfg.GetAuthConfig(key) })
		if err != nil {
			return auth.EmptyCredential, helperError(err, helper, key, cfg.Filename)
		}
		cred := auth.Credential{
			Username: entry.Username, Password: entry.Password,
			RefreshToken: entry.IdentityToken, AccessToken: entry.RegistryToken,
		}
		known[host] = cred
		return cred, nil
	}
}

// waitFor returns the result of f, which runs a credential helper, or the cause
// of the end of ctx: docker's configuration cannot end a helper.
func waitFor[T any](ctx context.Context, helper string, log func(string, ...any), f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	notice := time.NewTicker(noticeAfter)
	defer notice.Stop()
	for {
		select {
		case r := <-done:
			return r.value, r.err
		case <-ctx.Done():
			var zero T
			return zero, context.Cause(ctx)
		case <-notice.C:
			if log != nil {
				log("still waiting for the credential helper docker-credential-%s", helper)
			}
		}
	}
}

// helperError returns the error of a credential helper with a hint.
func helperError(err error, helper, key, file string) error {
	program := "docker-credential-" + helper
	switch {
	case helper == "" || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case strings.Contains(err.Error(), exec.ErrNotFound.Error()):
		return diag.WithHint(err, fmt.Sprintf("install %s, or remove %q from credsStore or credHelpers in %s", program, helper, file))
	}
	return diag.WithHint(err, fmt.Sprintf("see its output: echo %s | %s get", key, program))
}
