package e2e_test

import (
	"strings"
	"testing"

	"github.com/extpack/extpack/tests/quirks"
)

// TestPushIsTriedBeforeABuild: what is certain to fail the push of a build stage
// fails before the stage is built.
func TestPushIsTriedBeforeABuild(t *testing.T) {
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/preflight", linuxTargets+"\n[metadata.extpack.build]\ndockerfile = \"Dockerfile\"\n"),
		"Dockerfile":     "FROM scratch\nRUN [\"no-such-program\"]\n",
	})
	r := quirks.New(t, quirks.NoRepository())
	for ref, says := range map[string]string{
		r.Host() + "/acme/x:1": "create the repository", "127.0.0.1:1/acme/x:1": "connection refused", "registry.invalid/acme/x:1": "check the spelling of",
	} {
		got := extpack(t, t.TempDir(), "build", dir, "--push", "-t", ref)
		if got.code != 1 || !strings.Contains(got.stderr, says) || strings.Contains(got.stderr, "no-such-program") {
			t.Errorf("%s: exit code %d\n%s", ref, got.code, got.stderr)
		}
	}
}
