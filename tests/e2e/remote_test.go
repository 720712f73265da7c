package e2e_test

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// serveGit serves the repository of dir as x.git and extensions.git, with git's own server, and
// what is in the folder of archives.
func serveGit(t *testing.T, dir string) (url, archives string) {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"x.git", "extensions.git"} {
		gitIn(t, dir, "clone", "-q", "--bare", dir, filepath.Join(root, name))
	}
	backend := &cgi.Handler{
		Path: filepath.Join(gitIn(t, dir, "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"},
	}
	archives = t.TempDir()
	mux := http.NewServeMux()
	mux.Handle("/x.git/", backend)
	mux.Handle("/extensions.git/", backend)
	mux.Handle("/", http.FileServer(http.Dir(archives)))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, archives
}

// TestRemoteSource builds, bakes and checks an extension that is elsewhere: it
// becomes the same package, and gets no more than any other.
func TestRemoteSource(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/curl/extension.toml", descriptor("samples/curl", linuxTargets))
	writeFile(t, dir+"/curl/linux/amd64/bin/detect", script)
	writeFile(t, dir+"/curl/linux/amd64/bin/generate", script)
	writeFile(t, dir+"/curl/linux/arm64/bin/detect", script+"# arm64\n")
	writeFile(t, dir+"/curl/linux/arm64/bin/generate", script)
	writeFile(t, dir+"/greedy/extension.toml", descriptor("samples/greedy", linuxTargets+"\n[metadata.extpack.build]\nsecrets = [\"id=token,env=SECRET\"]\ncontexts = { other = \"../../..\" }\n"))
	writeFile(t, dir+"/greedy/Dockerfile", "FROM scratch\n")
	writeFile(t, dir+"/wrong/extension.toml", "api = \"0.10\"\n[extension]\nid = \"a b\"\nversion = \"1.0.0\"\n")
	writeFile(t, dir+"/ignores/extension.toml", descriptor("samples/ignores", linuxTargets))
	writeFile(t, dir+"/ignores/bin/detect", script)
	writeFile(t, dir+"/ignores/.dockerignore", "*.md\n")
	writeFile(t, dir+"/modules/extension.toml", descriptor("samples/modules", linuxTargets))
	writeFile(t, dir+"/modules/bin/detect", script)
	commit := commitAll(t, dir)
	gitIn(t, dir, "tag", "v7.8.9")
	gitIn(t, dir, "checkout", "-qb", "submodule")
	gitIn(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+commit+",modules/sub")
	gitIn(t, dir, "commit", "-qm", "submodule")
	gitIn(t, dir, "checkout", "-q", "main")
	url, archives := serveGit(t, dir)
	gitIn(t, dir, "archive", "--prefix=curl-7.8.9/", "-o", filepath.Join(archives, "curl.tgz"), "HEAD:curl")
	gitIn(t, dir, "archive", "-o", filepath.Join(archives, "root.tgz"), "HEAD:curl")

	work := t.TempDir()
	mustExtpack(t, work, "build", "--engine", "embedded", "-o", "local.cnb", dir+"/curl")
	want := readFile(t, filepath.Join(work, "local.cnb"))
	for name, args := range map[string][]string{
		"branch":  {"--engine", "embedded", url + "/x.git#main:curl"},
		"commit":  {"--engine", "embedded", url + "/x.git#" + commit + ":curl"},
		"archive": {"--engine", "embedded", url + "/curl.tgz"},
		"buildx":  {"--engine", "buildx", url + "/x.git#:curl"},
	} {
		file := filepath.Join(work, name+".cnb")
		mustExtpack(t, work, append([]string{"build", "-o", file}, args...)...)
		if string(readFile(t, file)) != string(want) {
			t.Errorf("%s: the package is another", name)
		}
	}
	if out := mustExtpack(t, work, "build", "--dry-run", "--version-from", "git", url+"/x.git#v7.8.9:curl"); !strings.HasPrefix(out, "samples/curl@7.8.9 ("+url+"/x.git#v7.8.9:curl)\n") {
		t.Errorf("dry run:\n%s", out)
	}

	// It is not trusted because of where it was fetched to.
	t.Setenv("SECRET", "s3cr3t")
	r := extpack(t, work, "build", url+"/x.git#main:greedy")
	if r.code != 2 || !strings.Contains(r.stderr, "--allow env=SECRET") || !strings.Contains(r.stderr, url+"/x.git#main:greedy/extension.toml:") || !strings.Contains(r.stderr, "--allow fs.read=") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}

	// lint names the source; what is wrong with it is not a failure of this machine.
	r = extpack(t, work, "lint", url+"/x.git#main:wrong", url+"/x.git#main:curl")
	if r.code != 2 || !strings.Contains(r.stdout, url+"/x.git#main:wrong/extension.toml:3:6") || strings.Contains(r.stdout+r.stderr, os.TempDir()) {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for args, says := range map[string]string{
		"build " + url + "/x.git#v0":                    "branch or tag v0 not found",
		"build " + url + "/gone.git":                    "gone.git",
		"bake -o - " + url + "/curl.tgz":                "the extension is in a folder of the archive, and buildx supports only whole archives",
		"bake -o - " + url + "/x.git#main:ignores":      "a bake file would pack files that its .dockerignore excludes",
		"bake -o - " + url + "/x.git#submodule:modules": "a bake file would pack the submodule modules/sub, which BuildKit fetches and docker extpack does not",
		"lint --fix " + url + "/x.git#main:wrong":       "--fix changes files on this machine",
		"build git://example.com/x.git":                 "neither encrypted nor authenticated",
		"build http://example.com/x.git":                "plain HTTP is only allowed for this machine",
		"builder doctor " + url + "/x.git":              "",
	} {
		if r := extpack(t, work, strings.Fields(args)...); r.code != 2 || !strings.Contains(r.stderr, says) {
			t.Errorf("%s: exit code %d\n%s", args, r.code, r.stderr)
		}
	}

	// The bake file names the commit, so that it does not depend on the branch.
	mustExtpack(t, work, "bake", url+"/x.git#main:curl")
	file := func() string { return string(readFile(t, filepath.Join(work, "docker-bake.hcl"))) }
	if !strings.Contains(file(), url+"/x.git#"+commit+":curl") || strings.Contains(file(), os.TempDir()) {
		t.Errorf("the file is\n%s", file())
	}
	if r := extpack(t, work, "bake", "--check"); r.code != 0 || !strings.Contains(r.stderr, "using the arguments recorded in docker-bake.hcl: '"+url+"/x.git#main:curl'") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	alone := copyTree(t, dir+"/curl", 0, 0)
	commitAll(t, alone)
	root, _ := serveGit(t, alone)
	made, _ := contentsOf(t, filepath.Join(work, "local.cnb")).flat(t)
	for name, source := range map[string]string{"repository": root + "/x.git", "archive": url + "/root.tgz", "folder": url + "/x.git#main:curl"} {
		mustExtpack(t, work, "bake", source)
		out := filepath.Join(work, name)
		cmd := in(exec.CommandContext(t.Context(), world.BuildxPath(), "bake", "--allow", "fs=*", "--set", "*.output=type=oci,tar=false,rewrite-timestamp=true,source-date-epoch=0,dest="+out), work)
		if r := runCommand(t, cmd); r.code != 0 {
			t.Fatal(r.stderr)
		}
		plain, _ := contentsOf(t, out).flat(t)
		for i := range made {
			if len(plain) != len(made) || plain[i].config.RootFS.DiffIDs[0] != made[i].config.RootFS.DiffIDs[0] {
				t.Fatalf("plain bake made %+v of the %s, want %+v", plain, name, made)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), ".extpack-*", "extension")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
