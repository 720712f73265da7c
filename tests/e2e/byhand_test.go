package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/tests/sandbox"
)

// byHand runs the lifecycle in unshared roots of this machine, phase by phase, as
// a platform does.
type byHand struct {
	images sandbox.TestImages
	dir    string
	// api is the Platform API.
	api string
}

// handUser is the user of the build image.
const handUser = "1001:1000"

// newByHand skips the test where this process may not unshare namespaces.
func newByHand(t *testing.T, images sandbox.TestImages, api string) *byHand {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("running the lifecycle by hand needs root on Linux")
	}
	if out, err := exec.Command("unshare", "--mount", "--pid", "--fork", "true").CombinedOutput(); err != nil {
		t.Skipf("running the lifecycle by hand: unshare: %v %s", err, out)
	}
	h := &byHand{images: images, dir: t.TempDir(), api: api}
	for _, name := range []string{"layers", "workspace", "kaniko", "platform/env"} {
		mustMkdir(t, h.path(name))
	}
	for _, name := range []string{"layers", "workspace"} {
		if err := os.Chown(h.path(name), 1001, 1000); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h *byHand) path(name string) string { return filepath.Join(h.dir, filepath.FromSlash(name)) }

// unpack writes the files of an image to a new root.
func (h *byHand) unpack(t *testing.T, image, root string) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "Dockerfile"), "FROM "+image+"\n")
	archive := filepath.Join(dir, "root.tar")
	buildx(t, dir, "build", "--platform", "linux/"+runtime.GOARCH, "--provenance=false", "--output", "type=tar,dest="+archive, dir)
	mustMkdir(t, h.path(root))
	if out, err := exec.Command("tar", "--extract", "--numeric-owner", "--preserve-permissions", "--file", archive, "--directory", h.path(root)).CombinedOutput(); err != nil {
		t.Fatalf("unpacking %s: %v\n%s", image, err, out)
	}
}

// enter mounts what a container has, and runs a program in a root. kaniko leaves
// mount points alone.
const enter = `set -e
root=$1 user=$2 dir=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mkdir -p proc dev layers workspace platform kaniko cnb/lifecycle
mount -t proc proc proc
mount -t tmpfs tmpfs dev
for device in null zero full random urandom; do touch dev/$device; mount --bind /dev/$device dev/$device; done
touch etc/hosts
mount --bind /etc/hosts etc/hosts
for name in layers workspace platform kaniko; do mount --bind "$dir/$name" $name; done
mount --bind "$dir/lifecycle" cnb/lifecycle
exec chroot --userspec="$user" . /usr/bin/env -i "$@"
`

// phase runs a phase of the lifecycle in a root.
func (h *byHand) phase(t *testing.T, root, user, name string, args ...string) string {
	t.Helper()
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=docker", "CNB_PLATFORM_API=" + h.api,
		"CNB_USER_ID=1001", "CNB_GROUP_ID=1000", "CNB_STACK_ID=io.extpack.test", "CNB_EXPERIMENTAL_MODE=warn", "CNB_NO_COLOR=true",
	}
	all := append([]string{"--mount", "--pid", "--fork", "sh", "-c", enter, "sh", h.path(root), user, h.dir}, env...)
	all = append(append(all, "/cnb/lifecycle/"+name), args...)
	cmd := exec.CommandContext(t.Context(), "unshare", all...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// extend runs all phases up to the extender, for extensions in an order on an
// application without files. A buildpack requires what is named.
func (h *byHand) extend(t *testing.T, extensions []string, requires ...string) {
	t.Helper()
	h.unpack(t, h.images.Builder, "build")
	if err := os.Rename(h.path("build/cnb/lifecycle"), h.path("lifecycle")); err != nil {
		t.Fatal(err)
	}
	order := "[[order-extensions]]\n"
	for _, dir := range extensions {
		name := filepath.Base(dir)
		to := h.path("build/cnb/extensions/e2e_" + name)
		mustMkdir(t, to)
		if out, err := exec.Command("cp", "-r", dir, filepath.Join(to, "1.2.3")).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		order += "[[order-extensions.group]]\nid = \"e2e/" + name + "\"\nversion = \"1.2.3\"\n"
	}
	buildpack := "build/cnb/buildpacks/e2e_buildpack/1.0.0/"
	plan := ""
	for _, name := range requires {
		plan += "[[requires]]\nname = \"" + name + "\"\n"
	}
	writeFile(t, h.path(buildpack+"buildpack.toml"), "api = \"0.10\"\n[buildpack]\nid = \"e2e/buildpack\"\nversion = \"1.0.0\"\n[[targets]]\n")
	writeFile(t, h.path(buildpack+"bin/detect"), "#!/bin/sh\ncat >\"$CNB_BUILD_PLAN_PATH\" <<'EOF'\n"+plan+"EOF\n")
	writeFile(t, h.path(buildpack+"bin/build"), "#!/bin/sh\n")
	writeFile(t, h.path("build/cnb/order.toml"), order+"[[order]]\n[[order.group]]\nid = \"e2e/buildpack\"\nversion = \"1.0.0\"\n")

	out := world.Registry() + "/by-hand/out:1"
	h.phase(t, "build", "0:0", "analyzer", "-run-image", h.images.Run, "-uid", "1001", "-gid", "1000", out)
	h.phase(t, "build", handUser, "detector")
	h.phase(t, "build", "0:0", "restorer", "-build-image", h.images.Builder, "-uid", "1001", "-gid", "1000")
	var analyzed struct {
		image  string
		extend bool
	}
	data, err := os.ReadFile(h.path("layers/analyzed.toml"))
	if err != nil {
		t.Fatal(err)
	}
	section := string(data[bytes.Index(data, []byte("[run-image]")):])
	for line := range strings.Lines(section) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		switch key {
		case "reference":
			analyzed.image = strings.Trim(value, `"`)
		case "extend":
			analyzed.extend = value == "true"
		}
	}
	h.phase(t, "build", "0:0", "extender", "-kind", "build", "-uid", "1001", "-gid", "1000")
	h.unpack(t, analyzed.image, "run")
	if analyzed.extend {
		h.phase(t, "run", "0:0", "extender", "-kind", "run", "-uid", "1001", "-gid", "1000")
	}
}

// runConfig returns the config of the extended run image.
func (h *byHand) runConfig(t *testing.T) (v1.ImageConfig, bool) {
	t.Helper()
	layouts, err := filepath.Glob(h.path("layers/extended/run/sha256:*"))
	if err != nil || len(layouts) > 1 {
		t.Fatalf("found %d extended run images: %v", len(layouts), err)
	}
	if len(layouts) == 0 {
		return v1.ImageConfig{}, false
	}
	read := func(name string, v any) {
		data, err := os.ReadFile(filepath.Join(layouts[0], name))
		if err == nil {
			err = json.Unmarshal(data, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	blob := func(d v1.Descriptor) string { return "blobs/sha256/" + d.Digest.Encoded() }
	var index v1.Index
	read("index.json", &index)
	var manifest v1.Manifest
	read(blob(index.Manifests[0]), &manifest)
	var config v1.Image
	read(blob(manifest.Config), &config)
	return config.Config, true
}

// rootFile is what two roots are compared by.
type rootFile struct {
	kind     byte
	mode     int64
	uid, gid int
	content  string // or the target of a link
}

// roots are files by their path without a leading slash.
type rootFiles map[string]rootFile

// handRoot reads the files of a root on this machine.
func handRoot(t *testing.T, dir string) rootFiles {
	t.Helper()
	files := rootFiles{}
	err := filepath.Walk(dir, func(name string, info os.FileInfo, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		header, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		f := rootFile{kind: header.Typeflag, mode: header.Mode, uid: int(stat.Uid), gid: int(stat.Gid)}
		switch header.Typeflag {
		case tar.TypeReg:
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			f.content = string(data)
		case tar.TypeSymlink:
			if f.content, err = os.Readlink(name); err != nil {
				return err
			}
		}
		files.add(rel, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// notCompared are folders that belong to the platform, and files that a builder
// mounts.
var notCompared = []string{"cnb", "layers", "workspace", "platform", "kaniko", "proc", "dev", "sys", "etc/hosts", "etc/resolv.conf"}

func (r rootFiles) add(name string, f rootFile) {
	for _, other := range notCompared {
		if name == other || strings.HasPrefix(name, other+"/") {
			return
		}
	}
	if f.kind == tar.TypeSymlink {
		f.mode = 0
	}
	r[name] = f
}

// imageRoot reads the files and the config of an image in an archive of an OCI
// layout.
func imageRoot(t *testing.T, archive string) (rootFiles, v1.ImageConfig) {
	t.Helper()
	blobs := map[string][]byte{}
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	readTar(t, f, func(h *tar.Header, data []byte) { blobs[strings.TrimPrefix(h.Name, "./")] = data })
	blob := func(d v1.Descriptor) []byte { return blobs["blobs/sha256/"+d.Digest.Encoded()] }
	parse := func(data []byte, v any) {
		if err := json.Unmarshal(data, v); err != nil {
			t.Fatalf("%s: %v", archive, err)
		}
	}
	var index v1.Index
	parse(blobs["index.json"], &index)
	desc := index.Manifests[0]
	if desc.MediaType == v1.MediaTypeImageIndex {
		parse(blob(desc), &index)
		desc = index.Manifests[0]
	}
	var manifest v1.Manifest
	parse(blob(desc), &manifest)
	var config v1.Image
	parse(blob(manifest.Config), &config)
	files := rootFiles{}
	for _, l := range manifest.Layers {
		data := blob(l)
		var in io.Reader = bytes.NewReader(data)
		if strings.HasSuffix(l.MediaType, "+gzip") {
			var err error
			if in, err = gzip.NewReader(in); err != nil {
				t.Fatal(err)
			}
		}
		readTar(t, in, func(h *tar.Header, data []byte) { files.apply(h, data) })
	}
	return files, config.Config
}

func readTar(t *testing.T, in io.Reader, each func(h *tar.Header, data []byte)) {
	t.Helper()
	for tr := tar.NewReader(in); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		each(h, data)
	}
}

// apply adds a file of a layer (OCI Image Layer Filesystem Changeset).
func (r rootFiles) apply(h *tar.Header, data []byte) {
	name := strings.TrimPrefix(filepath.Clean("/"+h.Name), "/")
	if name == "" {
		return
	}
	remove := func(name string, self bool) {
		for other := range r {
			if self && other == name || strings.HasPrefix(other, name+"/") {
				delete(r, other)
			}
		}
	}
	dir, base := filepath.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	switch {
	case base == ".wh..wh..opq":
		remove(dir, false)
		return
	case strings.HasPrefix(base, ".wh."):
		remove(filepath.Join(dir, strings.TrimPrefix(base, ".wh.")), true)
		return
	}
	if h.Typeflag != tar.TypeDir {
		remove(name, true)
	}
	if h.Typeflag == tar.TypeLink {
		r[name] = r[strings.TrimPrefix(filepath.Clean("/"+h.Linkname), "/")]
		return
	}
	f := rootFile{kind: h.Typeflag, mode: h.Mode & 0o7777, uid: h.Uid, gid: h.Gid, content: string(data)}
	if h.Typeflag == tar.TypeSymlink {
		f.content = h.Linkname
	}
	r.add(name, f)
}
