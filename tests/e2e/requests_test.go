package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/tests/link"
)

// fourTargets are targets of four platforms.
const fourTargets = linuxTargets + "\n[[targets]]\nos = \"linux\"\narch = \"riscv64\"\n\n[[targets]]\nos = \"linux\"\narch = \"s390x\"\n"

// Requests that docs/benchmarks.md says are necessary. TLS is the attempt to
// speak it with a registry on this machine.
var (
	lookAndWrite = map[string]int{"GET TAG": 1, "PUT TAG": 1}
	// publishTag: the tag is read for the package and the release that it has, and
	// right before it is written, and looked at after that.
	publishTag = map[string]int{"TLS": 1, "GET TAG": 2, "HEAD TAG": 1, "PUT TAG": 1}
)

// plus adds requests.
func plus(all ...map[string]int) map[string]int {
	sum := map[string]int{}
	for _, counts := range all {
		for kind, n := range counts {
			sum[kind] += n
		}
	}
	return sum
}

// blobs: one POST either mounts a blob, from another repository or from its own,
// or begins to upload it. What a manifest listed is looked for.
func blobs(found, sent, mounted int) map[string]int {
	return map[string]int{"HEAD BLOB": found, "POST UPLOAD": sent + mounted, "PUT UPLOAD": sent}
}

func manifests(read, looked, written int) map[string]int {
	return map[string]int{"GET MANIFEST": read, "HEAD MANIFEST": looked, "PUT MANIFEST": written}
}

// TestRequests counts the requests of commands to a registry: none is repeated,
// and none has an answer that is known already.
func TestRequests(t *testing.T) {
	l := link.New(world.Registry(), 0)
	defer l.Close()
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("samples/requests", fourTargets)})
	for _, arch := range []string{"amd64", "arm64", "riscv64", "s390x"} {
		writeFile(t, filepath.Join(dir, "linux", arch, "bin", "generate"), script+"# "+arch+"\n")
	}
	shared := extensionDir(t, map[string]string{"extension.toml": descriptor("samples/shared", fourTargets), "bin/generate": script})
	base := tagRepository(l, t)
	count := func(name string, want map[string]int, args ...string) {
		t.Helper()
		l.Take()
		mustExtpack(t, t.TempDir(), args...)
		got := map[string]int{}
		for _, r := range l.Take() {
			got[kindOf(r)]++
		}
		for kind := range plus(got, want) {
			if got[kind] != want[kind] {
				t.Errorf("%s: %d × %s, want %d; all: %v", name, got[kind], kind, want[kind], got)
			}
		}
	}
	build := func(dir string, tags ...string) []string {
		args := []string{"build", "-q", "--engine", "embedded", "--push", dir}
		for _, tag := range tags {
			args = append(args, "-t", tag)
		}
		return args
	}
	a, b, c := base+"/a:1", base+"/b:1", base+"/c:1"
	const layers, configs, platforms = 4, 4, 4
	const first = 1 // config, by which a package is known to be another one
	count("new", plus(publishTag, blobs(first, layers+configs, 0), manifests(0, 0, platforms)), build(dir, a)...)
	count("unchanged", plus(map[string]int{"TLS": 1, "GET TAG": 1}, manifests(platforms, 0, 0), blobs(configs+layers, 0, 0)), build(dir, a)...)
	writeFile(t, filepath.Join(dir, "linux", "amd64", "bin", "generate"), script+"# changed\n")
	count("one file changed", plus(publishTag, blobs(first, 2, layers+configs-2), manifests(0, platforms-1, 1)), build(dir, a)...)
	writeFile(t, filepath.Join(dir, "linux", "s390x", "bin", "generate"), script+"# s390x changed\n")
	count("one file of another platform changed", plus(publishTag, manifests(platforms, 0, 1), blobs(layers+configs-2, 2, 0)), build(dir, a)...)
	// One of the tags is new, so that the manifests of the other are not read.
	count("a second repository", plus(publishTag, map[string]int{"GET TAG": 2},
		manifests(0, platforms, platforms), blobs(first+layers+configs, 0, 2*(layers+configs)-first)), build(dir, a, b)...)
	count("shared", plus(publishTag, blobs(first, 1+configs, 0), manifests(0, 0, platforms)), build(shared, c)...)
	read := plus(map[string]int{"TLS": 1, "GET TAG": 1}, manifests(platforms, 0, 0), map[string]int{"GET BLOB": configs})
	count("inspect", read, "inspect", a)
	count("verify --no-layers", plus(read, blobs(layers, 0, 0)), "verify", "--no-layers", a)
	count("verify", plus(read, map[string]int{"GET BLOB": layers}), "verify", a)
	edit := plus(map[string]int{"TLS": 1, "GET TAG": 2}, manifests(platforms, 0, 0), lookAndWrite)
	count("index annotate", plus(edit, blobs(layers+configs, 0, 0)), "index", "annotate", a, "--index-annotation", "a=b")
	count("annotate", plus(edit, map[string]int{"GET BLOB": configs}, blobs(layers, 0, 0)), "annotate", a, "--annotation", "x=y")
	other := extensionDir(t, map[string]string{"extension.toml": descriptor("samples/requests", "\n[[targets]]\nos = \"linux\"\narch = \"ppc64le\"\n"), "bin/generate": script})
	d := base + "/d:1"
	mustExtpack(t, t.TempDir(), build(other, d)...)
	// Both tags are read, and again after the write. The layer and config of the
	// other package are looked for where they are, and mounted, while its manifest
	// is looked for where it goes.
	count("index add", plus(edit, map[string]int{"GET TAG": 2}, manifests(1, 1, 1), blobs(layers+configs+2, 0, 2)), "index", "add", a, d)
}

// tagRepository returns a repository of the test behind the link.
func tagRepository(l *link.Link, t *testing.T) string {
	return l.Host + strings.TrimSuffix(strings.TrimPrefix(tag(t, "1"), world.Registry()), ":1")
}

// kindOf returns the kind of a request.
func kindOf(r link.Request) string {
	name := r.String()
	switch {
	case r.Method == "TLS":
		return "TLS"
	case strings.HasSuffix(name, "/blobs/DIGEST"):
		return r.Method + " BLOB"
	case strings.HasSuffix(name, "/uploads/"):
		return r.Method + " UPLOAD"
	case strings.HasSuffix(name, "/manifests/DIGEST"):
		return r.Method + " MANIFEST"
	case strings.Contains(name, "/manifests/"):
		return r.Method + " TAG"
	}
	return fmt.Sprintf("unexpected %s", name)
}
