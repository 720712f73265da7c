package sandbox

import (
	"archive/tar"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// rootFile is a file of a test image. A folder ends in a slash; a link has a
// target.
type rootFile struct {
	name, target string
	data         []byte
	mode         int64
	uid, gid     int
}

func dirOf(name string, mode int64, uid, gid int) rootFile {
	return rootFile{name: name, mode: mode, uid: uid, gid: gid}
}

func textFile(name, text string) rootFile {
	return rootFile{name: name, data: []byte(text), mode: 0o644}
}

// lifecyclePhases are the names under which the lifecycle is run.
var lifecyclePhases = []string{"analyzer", "builder", "creator", "detector", "exporter", "extender", "rebaser", "restorer"}

// writeContext writes the archives that the test images are made of.
func (p *testParts) writeContext(dir string) error {
	archives := map[string][]rootFile{
		"build.tar": {
			textFile("etc/passwd", fmt.Sprintf("root:x:0:0:root:/root:/bin/sh\ncnb:x:%d:%d:cnb:/home/cnb:/bin/sh\n", testBuildUser, testGroup)),
			dirOf("home/cnb/", 0o755, testBuildUser, testGroup),
			dirOf("workspace/", 0o755, testBuildUser, testGroup),
		},
		"run.tar": {
			textFile("etc/passwd", fmt.Sprintf("root:x:0:0:root:/root:/bin/sh\ncnb:x:%d:%d:cnb:/home/cnb:/bin/sh\n", testRunUser, testGroup)),
			dirOf("home/cnb/", 0o755, testRunUser, testGroup),
			dirOf("workspace/", 0o755, testRunUser, testGroup),
		},
		"other.tar": {textFile("etc/other", "other\n")},
		"builder.tar": {
			dirOf("cnb/buildpacks/", 0o755, 0, 0), dirOf("cnb/extensions/", 0o755, 0, 0),
			dirOf("layers/", 0o755, testBuildUser, testGroup), dirOf("platform/env/", 0o755, 0, 0),
			textFile("cnb/order.toml", ""),
		},
	}
	for arch := range p.busybox {
		root, err := p.root(arch)
		if err != nil {
			return err
		}
		lifecycle, err := os.ReadFile(p.lifecycle[arch])
		if err != nil {
			return err
		}
		archives["root-"+arch+".tar"] = root
		files := []rootFile{{name: "cnb/lifecycle/lifecycle", data: lifecycle, mode: 0o755}}
		for _, phase := range lifecyclePhases {
			files = append(files, rootFile{name: "cnb/lifecycle/" + phase, target: "lifecycle"})
		}
		archives["lifecycle-"+arch+".tar"] = files
	}
	for name, files := range archives {
		if err := writeArchive(filepath.Join(dir, name), files); err != nil {
			return err
		}
	}
	return nil
}

// root returns the files of a base image for an architecture.
func (p *testParts) root(arch string) ([]rootFile, error) {
	data, err := os.ReadFile(p.busybox[arch])
	if err != nil {
		return nil, err
	}
	files := []rootFile{
		dirOf("root/", 0o700, 0, 0), dirOf("tmp/", 0o1777, 0, 0), dirOf("usr/bin/", 0o755, 0, 0), dirOf("var/run/", 0o755, 0, 0),
		dirOf("dev/", 0o755, 0, 0), dirOf("proc/", 0o755, 0, 0), dirOf("sys/", 0o755, 0, 0),
		textFile("etc/group", fmt.Sprintf("root:x:0:\ncnb:x:%d:\n", testGroup)),
		textFile("etc/os-release", fmt.Sprintf("ID=%s\nVERSION_ID=%q\n", testDistro, testDistroVersion)),
		{name: "bin/busybox", data: data, mode: 0o755},
	}
	for _, applet := range p.applets {
		if applet != "busybox" {
			files = append(files, rootFile{name: "bin/" + applet, target: "busybox"})
		}
	}
	return append(files, rootFile{name: "usr/bin/env", target: "../../bin/busybox"}), nil
}

// writeArchive writes a tar file of files and their folders, which belong to
// root.
func writeArchive(name string, files []rootFile) (err error) {
	all := map[string]rootFile{}
	for _, f := range files {
		for i, c := range strings.TrimSuffix(f.name, "/") {
			if c == '/' {
				if parent := f.name[:i+1]; all[parent].name == "" {
					all[parent] = dirOf(parent, 0o755, 0, 0)
				}
			}
		}
		all[f.name] = f
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
	}()
	w := tar.NewWriter(out)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := all[key].write(w); err != nil {
			return err
		}
	}
	return w.Close()
}

func (f rootFile) write(w *tar.Writer) error {
	h := &tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: f.mode, Uid: f.uid, Gid: f.gid, Size: int64(len(f.data))}
	switch {
	case f.target != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.target, 0o777
	case strings.HasSuffix(f.name, "/"):
		h.Typeflag = tar.TypeDir
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(w, strings.NewReader(string(f.data)))
	return err
}
