package registry

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/diag"
)

func TestCredentialFailureIsNotAnonymous(t *testing.T) {
	t.Parallel()
	s := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	broken := errors.New("keychain is locked")
	client, _ := newTestClient(Options{Credentials: func(context.Context, string) (auth.Credential, error) {
		return auth.EmptyCredential, broken
	}})
	if _, err := client.Resolve(t.Context(), s.ref(t, "a/b:1")); !errors.Is(err, broken) || !strings.Contains(diag.Text(err), s.host()) {
		t.Errorf("error is %v", err)
	}
}

func TestDockerCredentials(t *testing.T) {
	t.Setenv("DOCKER_AUTH_CONFIG", "")
	dir := t.TempDir()
	helper := "#!/bin/sh\nread host\n" +
		`case "$host" in token.example) echo '{"Username":"<token>","Secret":"id"}';;` +
		` empty.example) echo 'credentials not found in native keychain'; exit 1;;` +
		` *) echo 'keychain is locked'; exit 1;; esac` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-test"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	cfg := configfile.New(filepath.Join(dir, "config.json"))
	cfg.AuthConfigs = map[string]types.AuthConfig{
		dockerHubKey:                 {Username: "hub", Password: "p"},
		"ghcr.io":                    {Username: "gh", Password: "p"},
		"https://legacy.example/v1/": {Username: "old", Password: "p"},
		"registry-token.example":     {RegistryToken: "reg"},
	}
	cfg.CredentialHelpers = map[string]string{
		"token.example": "test", "empty.example": "test", "locked.example": "test", "absent.example": "no-such-helper",
	}
	lookup := DockerCredentials(cfg, nil)
	for host, want := range map[string]auth.Credential{
		"registry-1.docker.io":   {Username: "hub", Password: "p"},
		"docker.io":              {Username: "hub", Password: "p"},
		"ghcr.io":                {Username: "gh", Password: "p"},
		"ghcr.io:8443":           {},
		"legacy.example":         {Username: "old", Password: "p"},
		"registry-token.example": {AccessToken: "reg"},
		"token.example":          {RefreshToken: "id"},
		"empty.example":          {},
		"unknown.example":        {},
	} {
		for range 2 {
			if got, err := lookup(t.Context(), host); err != nil || got != want {
				t.Errorf("%s: %+v, %v, want %+v", host, got, err, want)
			}
		}
	}
	for host, hint := range map[string]string{
		"locked.example": "echo locked.example | docker-credential-test get",
		"absent.example": `install docker-credential-no-such-helper, or remove "no-such-helper" from credsStore or credHelpers`,
	} {
		if got, err := lookup(t.Context(), host); err == nil || !strings.Contains(diag.Hint(err), hint) {
			t.Errorf("%s: a failing helper returned %+v, %v, hint %q", host, got, err, diag.Hint(err))
		}
	}
}

// A helper may wait for the user for ever.
func TestHelperThatHangs(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	defer close(hang)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := waitFor(ctx, "hangs", nil, func() (struct{}, error) { <-hang; return struct{}{}, nil })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
