package e2e_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/tests/quirks"
)

// quirky is an extension that is built without a daemon, with a layer that
// takes more than one chunk when large.
func quirky(t *testing.T, large int) string {
	t.Helper()
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/quirky", linuxTargets), "bin/detect": script})
	if large > 0 {
		writeRandom(t, filepath.Join(dir, "large"), large)
	}
	return dir
}

// client is a user with a docker configuration of their own.
type client struct{ config, xdg string }

func newClient(t *testing.T) client {
	t.Helper()
	return client{config: t.TempDir(), xdg: t.TempDir()}
}

func (c client) run(t *testing.T, args ...string) result {
	t.Helper()
	cmd := command(t.Context(), t.TempDir(), args...)
	cmd.Env = append(cmd.Env, "DOCKER_CONFIG="+c.config, "XDG_CONFIG_HOME="+c.xdg)
	return runCommand(t, cmd)
}

// push builds and pushes to a registry, and returns how that ended.
func (c client) push(t *testing.T, r *quirks.Registry, dir string) result {
	t.Helper()
	return c.run(t, "build", dir, "--engine", "embedded", "--push", "-t", r.Host()+"/acme/quirky:1")
}

// TestQuirksDoNotFailAPush: what registries do that the specification does not
// ask for, or asks for and others lack.
func TestQuirksDoNotFailAPush(t *testing.T) {
	t.Parallel()
	leaked := func(r *http.Request) { t.Errorf("credentials were sent with %s %s", r.Method, r.URL) }
	isUpload := func(r *http.Request) bool { return quirks.IsUpload(r) && r.Method == http.MethodPut }
	for name, tc := range map[string]struct {
		switches []quirks.Switch
		large    int
		says     string
	}{
		"a tag that is not there is 403":       {[]quirks.Switch{quirks.HiddenTags()}, 0, ""},
		"HEAD of a tag is 404":                 {[]quirks.Switch{quirks.NoTagHead(404)}, 0, ""},
		"credentials for writing only":         {[]quirks.Switch{quirks.WriteOnly(), quirks.NoTagList()}, 0, "could not be read back"},
		"looks for blobs fail":                 {[]quirks.Switch{quirks.BlobLook(500)}, 0, ""},
		"looks for blobs are not allowed":      {[]quirks.Switch{quirks.BlobLook(405)}, 0, ""},
		"no manifest twice":                    {[]quirks.Switch{quirks.NoRedeploy()}, 0, ""},
		"no index by digest":                   {[]quirks.Switch{quirks.NoIndexByDigest()}, 0, ""},
		"202 for a manifest":                   {[]quirks.Switch{quirks.PutStatus(202)}, 0, ""},
		"200 for a manifest":                   {[]quirks.Switch{quirks.PutStatus(200)}, 0, ""},
		"slow replicas":                        {[]quirks.Switch{quirks.Stale(3)}, 0, ""},
		"GOAWAY in an upload":                  {[]quirks.Switch{quirks.HTTP2(), quirks.GoAway(2, isUpload)}, 1 << 20, "trying again"},
		"GOAWAY at the tag":                    {[]quirks.Switch{quirks.HTTP2(), quirks.GoAway(1, quirks.IsTagPut)}, 0, ""},
		"RST_STREAM in an upload":              {[]quirks.Switch{quirks.HTTP2(), quirks.Reset(2, 1<<10, isUpload)}, 1 << 20, "trying again"},
		"HTTP/2 connection lost":               {[]quirks.Switch{quirks.HTTP2(), quirks.Hang(2, isUpload)}, 1 << 20, "trying again"},
		"403 for a rate limit":                 {[]quirks.Switch{quirks.Fail(1, isUpload, 403, "DENIED", "API rate limit exceeded", nil)}, 0, "trying again"},
		"429":                                  {[]quirks.Switch{quirks.Fail(1, isUpload, 429, "TOOMANYREQUESTS", "slow down", nil)}, 0, "trying again"},
		"client certificates":                  {[]quirks.Switch{quirks.ClientCertificates(t)}, 0, ""},
		"tokens that run out":                  {[]quirks.Switch{quirks.ShortTokens(8)}, 0, ""},
		"a blob unknown right after its push":  {[]quirks.Switch{quirks.Fail(1, quirks.IsTagPut, 404, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", nil)}, 0, "trying again"},
		"a proxy that takes 1 MiB":             {[]quirks.Switch{quirks.MaxBody(1 << 20)}, 3 << 20, ""},
		"uploads at another host":              {[]quirks.Switch{quirks.Tokens(), quirks.UploadsElsewhere(t, false, leaked)}, 0, ""},
		"uploads at another host, by redirect": {[]quirks.Switch{quirks.Tokens(), quirks.UploadsElsewhere(t, true, leaked)}, 0, ""},
		"no chunks":                            {[]quirks.Switch{quirks.NoChunks()}, 33 << 20, ""},
		"an upload session that is lost":       {[]quirks.Switch{quirks.Fail(1, isUpload, 404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown", nil)}, 0, "trying again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := quirks.New(t, tc.switches...)
			user := newClient(t)
			if r.HTTP2 {
				r.Trust(t, filepath.Join(user.config, "certs.d"))
			}
			got := user.push(t, r, quirky(t, tc.large))
			if got.code != 0 || !strings.Contains(got.stderr, tc.says) {
				t.Errorf("exit code %d\n%s", got.code, got.stderr)
			}
			if d := r.Digest("acme/quirky", "1").String(); !strings.HasSuffix(strings.TrimSpace(got.stdout), "@"+d) {
				t.Errorf("the tag is at %q, stdout %q", d, got.stdout)
			}
		})
	}
}

// TestHiddenVersion: a version that may be published, which the credentials do not
// show, is not replaced by accident.
func TestHiddenVersion(t *testing.T) {
	t.Parallel()
	r, user, dir := quirks.New(t, quirks.WriteOnly(), quirks.NoTagList()), newClient(t), quirky(t, 0)
	push := func(args ...string) result {
		return user.run(t, append([]string{"build", dir, "--engine", "embedded", "--push", "-t", r.Host() + "/acme/hidden:{{.Version}}"}, args...)...)
	}
	const want = "/acme/hidden:1.2.3 may already be published with other content: the registry does not show it\n" +
		"  log in as a user who may pull, or publish without this check with --allow-overwrite\n"
	for _, args := range [][]string{nil, {"--force"}, {"--dry-run"}} {
		if got := push(args...); got.code != 2 || !strings.Contains(got.stderr, want) || r.Digest("acme/hidden", "1.2.3") != "" {
			t.Errorf("%v: exit code %d\n%s", args, got.code, got.stderr)
		}
	}
	if got := push("--allow-overwrite"); got.code != 0 || r.Digest("acme/hidden", "1.2.3") == "" {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
}

// TestVersionWithoutHead: a published version is not replaced where HEAD does not
// find tags, whatever else a run looks at.
func TestVersionWithoutHead(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotFound, http.StatusMethodNotAllowed} {
		r, user, dir := quirks.New(t, quirks.NoTagHead(status)), newClient(t), quirky(t, 0)
		push := func(args ...string) result {
			return user.run(t, append([]string{"build", dir, "--engine", "embedded", "--push", "-t", r.Host() + "/acme/headless:{{.Version}}"}, args...)...)
		}
		if got := push(); got.code != 0 {
			t.Fatalf("exit code %d\n%s", got.code, got.stderr)
		}
		before := r.Digest("acme/headless", "1.2.3")
		writeFile(t, filepath.Join(dir, "bin", "generate"), script)
		for _, args := range [][]string{nil, {"--force"}, {"--dry-run"}, {"--force", "--dry-run"}, {"--append"}} {
			if got := push(args...); got.code != 2 || !strings.Contains(got.stderr, "is already published with different content") && !strings.Contains(got.stderr, "differs") || r.Digest("acme/headless", "1.2.3") != before {
				t.Errorf("%d %v: exit code %d\n%s", status, args, got.code, got.stderr)
			}
		}
		if got := push("--allow-overwrite"); got.code != 0 || r.Digest("acme/headless", "1.2.3") == before {
			t.Errorf("%d: exit code %d\n%s", status, got.code, got.stderr)
		}
	}
}

// TestCollectedBlobs: a package whose blobs the registry has lost, by collecting
// garbage during a push for instance, is not taken for published.
func TestCollectedBlobs(t *testing.T) {
	t.Parallel()
	r, user, dir := quirks.New(t), newClient(t), quirky(t, 0)
	ref := r.Host() + "/acme/quirky:1"
	if got := user.push(t, r, dir); got.code != 0 {
		t.Fatalf("exit code %d\n%s", got.code, got.stderr)
	}
	for name, blob := range map[string]func(v1.Manifest) v1.Descriptor{
		"layer":  func(m v1.Manifest) v1.Descriptor { return m.Layers[0] },
		"config": func(m v1.Manifest) v1.Descriptor { return m.Config },
	} {
		lost := "/v2/acme/quirky/blobs/" + blob(fetch(t, ref).images[0].manifest).Digest.String()
		w := httptest.NewRecorder()
		r.App.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, lost, nil))
		if w.Code != http.StatusAccepted {
			t.Fatalf("DELETE %s: %d", lost, w.Code)
		}
		if got := user.push(t, r, dir); got.code != 0 || strings.Contains(got.stderr, "nothing to do") {
			t.Errorf("%s: exit code %d\n%s", name, got.code, got.stderr)
		}
		if got := user.run(t, "verify", ref); got.code != 0 {
			t.Errorf("%s: verify: exit code %d\n%s", name, got.code, got.stderr)
		}
	}
}

// TestQuirksThatFail are said in the registry's words, with what to do.
func TestQuirksThatFail(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		s    quirks.Switch
		says []string
	}{
		"detail": {
			quirks.Fail(9, quirks.IsTagPut, 400, "UNKNOWN", "unknown error", "Repository does not allow updating assets"),
			[]string{"400 Bad Request: ", "Repository does not allow updating assets"},
		},
		"detail.message":    {quirks.NoOCI(), []string{"unsupported media type application/vnd.oci."}},
		"no OCI index":      {quirks.Fail(9, quirks.IsTagPut, 415, "MANIFEST_INVALID", "manifest invalid", nil), []string{"--media-types docker"}},
		"no repository":     {quirks.NoRepository(), []string{"create the repository", "repository name not known to registry"}},
		"the smallest body": {quirks.MaxBody(64), []string{"413", "a proxy in front of"}},
		"429":               {quirks.Fail(99, quirks.IsTagPut, 429, "TOOMANYREQUESTS", "slow down", nil), []string{"429", "limits the rate of requests"}},
		"rate limit":        {quirks.Fail(99, quirks.IsTagPut, 403, "DENIED", "rate limit exceeded", nil), []string{"limits the rate of requests"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := quirks.New(t, tc.s)
			got := newClient(t).push(t, r, quirky(t, 0))
			if got.code != 1 || got.stdout != "" || strings.Contains(got.stderr, "publishing: ") {
				t.Errorf("exit code %d, stdout %q", got.code, got.stdout)
			}
			for _, says := range tc.says {
				if !strings.Contains(got.stderr, says) {
					t.Errorf("%q is missing in\n%s", says, got.stderr)
				}
			}
			if strings.Count(got.stderr, r.Host()+"/v2/") > 1 && strings.Count(got.stderr, "trying again") == 0 {
				t.Errorf("the message repeats itself:\n%s", got.stderr)
			}
		})
	}
}

// TestMountIsOneTry: a registry that fails to mount gets an upload.
func TestMountIsOneTry(t *testing.T) {
	t.Parallel()
	r := quirks.New(t, quirks.Mount(500))
	if got := newClient(t).push(t, r, quirky(t, 0)); got.code != 0 {
		t.Fatal(got.stderr)
	}
	mustExtpack(t, t.TempDir(), "index", "create", "-t", r.Host()+"/acme/copy:1", r.Host()+"/acme/quirky:1")
	if mounts, blobs := len(r.Requests("POST", "/v2/acme/copy/blobs/uploads/?")), len(r.Requests("PUT", "/v2/acme/copy/blobs/")); mounts != blobs || mounts == 0 {
		t.Errorf("%d mounts were tried for %d blobs", mounts, blobs)
	}
}

// TestTokensForOneRepository: what is read within a registry that grants no
// token for two repositories is read with another token.
func TestTokensForOneRepository(t *testing.T) {
	t.Parallel()
	r := quirks.New(t, quirks.TokensForOne())
	if got := newClient(t).push(t, r, quirky(t, 0)); got.code != 0 {
		t.Fatal(got.stderr)
	}
	mustExtpack(t, t.TempDir(), "index", "create", "-t", r.Host()+"/acme/copy:1", r.Host()+"/acme/quirky:1")
	if r.Digest("acme/copy", "1") == "" {
		t.Error("there is no copy")
	}
}

// TestCertificatesAreReadLikeDocker: without the registry's authority it is not
// trusted, and the error says where to put it.
func TestCertificatesAreReadLikeDocker(t *testing.T) {
	t.Parallel()
	r := quirks.New(t, quirks.HTTP2())
	user, dir := newClient(t), quirky(t, 0)
	got := user.push(t, r, dir)
	if got.code != 1 || !strings.Contains(got.stderr, "certs.d/"+r.Host()+"/ca.crt") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
	for _, place := range []string{filepath.Join(user.config, "certs.d"), filepath.Join(user.xdg, "docker", "certs.d")} {
		r.Trust(t, place)
		if got := user.push(t, r, dir); got.code != 0 {
			t.Errorf("%s: exit code %d\n%s", place, got.code, got.stderr)
		}
		if err := os.RemoveAll(filepath.Join(place, r.Host())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestClientCertificates: without the one that the registry asks for, the push
// fails.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	r := quirks.New(t, quirks.ClientCertificates(t))
	user, dir := newClient(t), quirky(t, 0)
	certs := filepath.Join(user.config, "certs.d")
	r.Trust(t, certs)
	for _, name := range []string{"client.cert", "client.key"} {
		if err := os.Remove(filepath.Join(certs, r.Host(), name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := user.push(t, r, dir); got.code != 1 || !strings.Contains(got.stderr, "requires a client certificate") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
}

func writeRandom(t *testing.T, name string, size int) {
	t.Helper()
	data := make([]byte, size)
	_, _ = rand.Read(data) // never fails
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
