package remote

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/git"
)

func runGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// origin is a bare repository below a folder to serve.
type origin struct {
	root          string
	first, second string // commits
}

// newOrigin makes x.git with two commits on main, the first with the tag v1, and
// a branch that contains a submodule and links.
func newOrigin(t *testing.T) origin {
	t.Helper()
	o := origin{root: t.TempDir()}
	work := t.TempDir()
	runGit(t, work, "init", "-q")
	commit := func(message string) string {
		t.Helper()
		runGit(t, work, "add", "-A")
		runGit(t, work, "commit", "-qm", message)
		return runGit(t, work, "rev-parse", "HEAD")
	}
	write(t, filepath.Join(work, "curl", "extension.toml"), "first")
	o.first = commit("first")
	runGit(t, work, "tag", "-am", "v1", "v1")
	write(t, filepath.Join(work, "curl", "extension.toml"), "second")
	if err := os.Symlink("/etc/passwd", filepath.Join(work, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	o.second = commit("second")
	runGit(t, work, "checkout", "-qb", "odd")
	for link, target := range map[string]string{"out": "../../../../etc/passwd", "in": "../curl/extension.toml"} {
		write(t, filepath.Join(work, link, "extension.toml"), "x")
		if err := os.Symlink(target, filepath.Join(work, link, "link")); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(work, ".gitmodules"), "[submodule \"m\"]\n\tpath = in/m\n\turl = ext::sh -c touch% "+filepath.Join(o.root, "ran")+"\n")
	runGit(t, work, "add", "-A")
	runGit(t, work, "update-index", "--add", "--cacheinfo", "160000,"+o.first+",in/m")
	runGit(t, work, "commit", "-qm", "odd")
	runGit(t, work, "clone", "-q", "--bare", ".", filepath.Join(o.root, "x.git"))
	runGit(t, filepath.Join(o.root, "x.git"), "symbolic-ref", "HEAD", "refs/heads/main")
	runGit(t, filepath.Join(o.root, "x.git"), "update-server-info")
	return o
}

// smart serves repositories as hosts of Git do.
func (o origin) smart(t *testing.T) http.Handler {
	t.Helper()
	return &cgi.Handler{
		Path: filepath.Join(runGit(t, ".", "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + o.root, "GIT_HTTP_EXPORT_ALL=1"},
	}
}

func fetch(t *testing.T, name string, f Fetcher) (*Fetched, error) {
	t.Helper()
	s, err := Parse(name)
	if err != nil || s == nil {
		t.Fatalf("%s: %v, %v", name, s, err)
	}
	return f.Fetch(t.Context(), s, filepath.Join(t.TempDir(), "source"))
}

func TestFetchRepository(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	for kind, handler := range map[string]http.Handler{"smart": o.smart(t), "dumb": http.FileServer(http.Dir(o.root))} {
		server := httptest.NewServer(handler)
		defer server.Close()
		for fragment, tc := range map[string]struct{ commit, text, says string }{
			"#:curl":                      {o.second, "second", ""},
			"#main:curl":                  {o.second, "second", ""},
			"#refs/heads/main:curl":       {o.second, "second", ""},
			"#v1:curl":                    {o.first, "first", ""},
			"#" + o.first + ":curl":       {o.first, "first", ""},
			"#" + o.second + ":curl":      {o.second, "second", ""},
			"#v2":                         {"", "", "branch or tag v2 not found"},
			"#main:wget":                  {"", "", "folder wget not found"},
			"#main:curl/extension.toml":   {"", "", "folder curl/extension.toml not found"},
			"#" + strings.Repeat("0", 40): {"", "", "commit 000000"},
			"#odd:out":                    {"", "", "the link out/link points outside of it"},
		} {
			t.Run(kind+" "+fragment, func(t *testing.T) {
				got, err := fetch(t, server.URL+"/x.git"+fragment, Fetcher{})
				if tc.says != "" {
					if !diag.IsInvalid(err) || !strings.Contains(err.Error(), tc.says) {
						t.Errorf("error is %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(diag.Text(err))
				}
				data, err := os.ReadFile(filepath.Join(got.Dir, "extension.toml"))
				if err != nil || string(data) != tc.text || got.Commit != tc.commit || got.Name(got.Dir) != server.URL+"/x.git#"+tc.commit+":curl" {
					t.Errorf("fetched %+v with %q, %v", got, data, err)
				}
				tree, err := git.Open(t.Context(), got.Dir)
				if err != nil {
					t.Fatal(err)
				}
				if changes, err := tree.Changes(t.Context(), nil); err != nil || len(changes) > 0 {
					t.Errorf("changes are %q, %v", changes, err)
				}
				if tags, err := tree.Tags(t.Context()); err != nil || (strings.Join(tags, " ") == "v1") != (fragment == "#v1:curl" || kind == "dumb" && tc.commit == o.first && len(tags) > 0) {
					t.Errorf("tags are %q, %v", tags, err)
				}
			})
		}
		if _, err := fetch(t, server.URL+"/gone.git", Fetcher{}); !diag.IsInvalid(err) {
			t.Errorf("%s: a repository that is not there: %v", kind, err)
		}
	}
}

// TestFetchRunsNothing: neither hooks nor submodules of what is fetched matter.
func TestFetchRunsNothing(t *testing.T) {
	o := newOrigin(t)
	server := httptest.NewServer(o.smart(t))
	defer server.Close()
	home := t.TempDir()
	ran := filepath.Join(home, "ran")
	write(t, filepath.Join(home, "template", "hooks", "post-checkout"), "#!/bin/sh\ntouch "+ran+"\n")
	write(t, filepath.Join(home, "config"), "[init]\n\ttemplateDir = "+filepath.Join(home, "template")+"\n[submodule]\n\trecurse = true\n[protocol]\n\tallow = always\n")
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, "config"))
	got, err := fetch(t, server.URL+"/x.git#odd:in", Fetcher{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Submodules) != 1 || got.Submodules[0] != "in/m" {
		t.Errorf("submodules are %q", got.Submodules)
	}
	for _, name := range []string{ran, filepath.Join(o.root, "ran")} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s: a program ran", name)
		}
	}
}

// TestFetchKeepsCredentials: they reach the server, and nothing else.
func TestFetchKeepsCredentials(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	smart := o.smart(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "s3cr3t" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.HasSuffix(r.URL.Path, ".tgz") {
			http.Redirect(w, r, "http://localhost:1/x.tgz?token=s3cr3t", http.StatusFound)
			return
		}
		smart.ServeHTTP(w, r)
	}))
	defer server.Close()
	given := strings.Replace(server.URL, "http://", "http://me:s3cr3t@", 1)
	got, err := fetch(t, given+"/x.git#:curl", Fetcher{})
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(got.Root, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		if bytes.Contains(data, []byte("s3cr3t")) {
			t.Errorf("%s contains the password", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, name := range []string{given + "/gone.git", given + "/x.git#v2", given + "/x.tgz", strings.Replace(given, "s3cr3t", "s3cr3t-wrong", 1) + "/x.git"} {
		if _, err := fetch(t, name, Fetcher{}); err == nil || strings.Contains(diag.Text(err), "s3cr3t") {
			t.Errorf("%s: error is %v", name, diag.Text(err))
		}
	}
}

// entry is a file of an archive, or a link.
type entry struct{ name, text, link string }

func archiveOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	tw := tar.NewWriter(zw)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.text)), Typeflag: tar.TypeReg}
		if e.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestFetchArchive(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	toml := entry{name: "extension.toml", text: "x"}
	served := map[string][]byte{
		"/flat.tgz":    archiveOf(t, toml, entry{name: "bin/detect"}),
		"/release.tgz": archiveOf(t, entry{name: "curl-1.2.3/extension.toml", text: "x"}, entry{name: "curl-1.2.3/bin/detect"}),
		"/many.tar.gz": archiveOf(t, entry{name: "a/extension.toml", text: "x"}, entry{name: "b/x"}),
		"/up.tgz":      archiveOf(t, toml, entry{name: "../x"}),
		"/link.tgz":    archiveOf(t, toml, entry{name: "l", link: "/etc/passwd"}),
		"/text.tgz":    []byte("not an archive at all, but long enough to be looked at as one"),
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch data, ok := served[r.URL.Path]; {
		case ok:
			_, _ = w.Write(data)
		case r.URL.Path == "/down.tgz":
			http.Redirect(w, r, plain.URL+"/flat.tgz", http.StatusFound)
		case r.URL.Path == "/moved.tgz":
			http.Redirect(w, r, "/flat.tgz", http.StatusFound)
		case r.URL.Path == "/large.tgz":
			w.Header().Set("Content-Length", fmt.Sprint(maxDownload+1))
		case r.URL.Path == "/broken.tgz":
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/mute.tgz":
			<-r.Context().Done()
		case r.URL.Path == "/half.tgz":
			_, _ = w.Write(served["/flat.tgz"][:20])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	f := Fetcher{Transport: server.Client().Transport}
	for name, says := range map[string]string{
		"flat.tgz": "", "release.tgz": "", "many.tar.gz#:a": "", "moved.tgz?token=x": "",
		"many.tar.gz#:c": "folder c not found",
		"up.tgz":         "which is outside of it",
		"link.tgz":       "which is outside of it",
		"text.tgz":       "the archive is damaged",
		"down.tgz":       "redirects from https to http",
		"large.tgz":      "larger than 512 MiB",
		"gone.tgz":       "/gone.tgz: not found",
	} {
		got, err := fetch(t, server.URL+"/"+name, f)
		if says != "" {
			if !diag.IsInvalid(err) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := ""
		if strings.HasPrefix(name, "flat.tgz") { // the extension is at its root
			want = server.URL + "/flat.tgz"
		}
		if n := got.Name(got.Dir); !strings.HasPrefix(name, "moved") && n != want {
			t.Errorf("%s: its name is %q, want %q", name, n, want)
		}
		if _, err := os.Stat(filepath.Join(got.Dir, "extension.toml")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	impatient := f
	impatient.Silence = 50 * time.Millisecond
	for _, name := range []string{"mute.tgz", "half.tgz"} {
		if _, err := fetch(t, server.URL+"/"+name, impatient); err == nil || diag.IsInvalid(err) || !strings.Contains(err.Error(), "the server sends nothing") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if _, err := fetch(t, server.URL+"/broken.tgz", f); err == nil || diag.IsInvalid(err) || !strings.Contains(err.Error(), "502") {
		t.Errorf("error is %v", err)
	}
}
