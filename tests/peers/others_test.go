package peers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool returns a program of the system, which .ci/run installs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v; install the package %s", err, name)
	}
	return path
}

// skopeo copies from one place to another, over plain HTTP where one is a
// registry.
func skopeo(t *testing.T, args ...string) {
	t.Helper()
	must(t, t.TempDir(), tool(t, "skopeo"), append([]string{"--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"}, args...)...)
}

// peer runs a tool of others that was compiled from its Go module.
func peer(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	must(t, dir, filepath.Join(world.peers, name), args...)
}

// TestWeReadOthers: every command reads what skopeo, umoci, buildx, crane, oras
// and regctl write.
func TestWeReadOthers(t *testing.T) {
	dir, ext, ref := t.TempDir(), extensionDir(t), tag(t, "1")
	extpack(t, dir, "build", ext, "--push", "-t", ref)
	at := func(name string) string { return filepath.Join(dir, name) }
	skopeo(t, "docker://"+ref, "oci-archive:"+at("skopeo.tar")+":1")
	skopeo(t, "--all", "docker://"+ref, "oci-archive:"+at("skopeo-all.tar")+":1")
	skopeo(t, "--all", "docker://"+ref, "oci:"+at("skopeo-all")+":1")
	skopeo(t, "docker://"+ref, "oci:"+at("umoci")+":1")
	must(t, dir, tool(t, "umoci"), "config", "--image", at("umoci")+":1", "--config.label", "a=b")
	writeFiles(t, dir, map[string]string{"Dockerfile": "FROM " + ref + "\n"})
	buildx(t, dir, "build", "--provenance=false", "-o", "type=oci,dest="+at("buildx.tar"), ".")
	buildx(t, dir, "build", "-o", "type=oci,dest="+at("buildx-attested.tar"), ".")
	copied := tag(t, "imagetools")
	buildx(t, dir, "imagetools", "create", "-t", copied, ref)
	peer(t, dir, "crane", "pull", "--insecure", "--format=oci", ref, at("crane"))
	peer(t, dir, "crane", "pull", "--insecure", "--format=oci", "--platform=linux/arm64", ref, at("crane-arm64"))
	peer(t, dir, "oras", "copy", "--from-plain-http", "--to-oci-layout", ref, at("oras")+":1")
	peer(t, dir, "oras", "backup", "--plain-http", "--output", at("oras.tar"), ref)
	peer(t, dir, "regctl", "--host", "reg="+world.Registry()+",tls=disabled", "image", "copy", ref, "ocidir://"+at("regctl")+":1")
	peer(t, dir, "regctl", "--host", "reg="+world.Registry()+",tls=disabled", "image", "export", ref, at("regctl.tar"))

	for _, name := range []string{
		at("skopeo.tar"), at("skopeo-all.tar"), at("skopeo-all"), at("umoci"), at("buildx.tar"), at("buildx-attested.tar"), copied,
		at("crane"), at("crane-arm64"), at("oras"), at("oras.tar"), at("regctl"), at("regctl.tar"),
	} {
		if out := extpack(t, dir, "inspect", name); !strings.Contains(out, "peers/x") {
			t.Errorf("inspect %s:\n%s", name, out)
		}
		extpack(t, dir, "index", "create", "--dry-run", name)
		extpack(t, dir, "index", "create", "-o", at("copy.cnb"), "-o", at("copy")+"/", name)
		if err := os.RemoveAll(at("copy")); err != nil {
			t.Fatal(err)
		}
		// A file with a nested index is not one that pack reads, and says so.
		if r := runIn(t, dir, world.plugin, "verify", name); r.code != 0 && !strings.Contains(r.stdout, "file-index") {
			t.Errorf("verify %s: exit code %d\n%s%s", name, r.code, r.stdout, r.stderr)
		}
		extpack(t, dir, "verify", at("copy.cnb"))
	}
}

// TestOthersReadOurs: skopeo and buildah read what we write. Of a package for
// several platforms skopeo reads a layout, and a file for each platform.
func TestOthersReadOurs(t *testing.T) {
	dir, ext := t.TempDir(), extensionDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	extpack(t, dir, "build", ext, "-t", tag(t, "1.2"), "-o", "x-{{.OS}}-{{.Arch}}.cnb", "-o", "layout/")
	for _, p := range platforms {
		ref := tag(t, p.Architecture)
		file := at("x-" + p.OS + "-" + p.Architecture + ".cnb")
		skopeo(t, "--all", "oci-archive:"+file, "docker://"+ref)
		compareFiles(t, p.Architecture, filesAt(t, ref, p), filesAt(t, file, p))
	}
	ref := tag(t, "layout")
	skopeo(t, "--all", "oci:"+at("layout")+":1.2", "docker://"+ref)
	for _, p := range platforms {
		compareFiles(t, p.Architecture, filesAt(t, ref, p), filesAt(t, at("layout"), p))
	}
	// The same as a file, made with tar.
	must(t, at("layout"), tool(t, "tar"), "-cf", at("layout.tar"), "blobs", "index.json", "oci-layout")
	again := tag(t, "archive")
	skopeo(t, "--all", "oci-archive:"+at("layout.tar")+":1.2", "docker://"+again)
	must(t, dir, tool(t, "buildah"), "--root", at("buildah"), "--runroot", at("buildah-run"), "--storage-driver", "vfs",
		"manifest", "create", "x", "oci-archive:"+at("x-linux-amd64.cnb"))
}

// TestDockerArchive: an archive in Docker's own format contains no manifests, and the
// error names the command that makes a package of it. crane writes the same.
func TestDockerArchive(t *testing.T) {
	dir, ext, ref := t.TempDir(), extensionDir(t), tag(t, "1")
	at := func(name string) string { return filepath.Join(dir, name) }
	extpack(t, dir, "build", ext, "--push", "-t", ref, "--single", "--target", "linux/amd64")
	skopeo(t, "docker://"+ref, "docker-archive:"+at("skopeo.tar")+":x:1")
	peer(t, dir, "crane", "pull", "--insecure", ref, at("crane.tar"))
	for _, name := range []string{at("skopeo.tar"), at("crane.tar")} {
		for _, args := range [][]string{{"inspect", name}, {"verify", name}, {"annotate", name}, {"run-image", name}, {"index", "create", "-o", at("x.cnb"), name}} {
			r := runIn(t, dir, world.plugin, args...)
			if r.code != 2 || !strings.Contains(r.stderr, name+" is a Docker archive without an OCI layout") ||
				!strings.Contains(r.stderr, "skopeo copy docker-archive:"+name+" oci-archive:NAME.cnb") {
				t.Errorf("%q: exit code %d\n%s", args, r.code, r.stderr)
			}
		}
		skopeo(t, "docker-archive:"+name, "oci-archive:"+name+".cnb")
		extpack(t, dir, "inspect", name+".cnb")
	}
}
