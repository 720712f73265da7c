package platform

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/filetest"
)

// tree makes an extension root: names ending in "/" are folders, "a -> b" is a
// link, others are files.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{}
	for _, name := range names {
		name, target, isLink := strings.Cut(name, " -> ")
		if files[name] = ""; isLink {
			files[name] = "-> " + target
		}
	}
	filetest.Fill(t, dir, files)
	return dir
}

func target(os, arch, variant string) extension.Target {
	return extension.Target{OS: os, Arch: arch, Variant: variant}
}

func TestRoot(t *testing.T) {
	ubuntu := extension.Distro{Name: "ubuntu", Version: "24.04"}
	tests := []struct {
		name   string
		files  []string
		target extension.Target
		distro extension.Distro
		want   string
	}{
		{"no folders", nil, target("linux", "amd64", ""), ubuntu, "."},
		{"only the os", []string{"linux/"}, target("linux", "amd64", ""), ubuntu, "linux"},
		{"arch", []string{"linux/amd64/"}, target("linux", "amd64", ""), ubuntu, "linux/amd64"},
		{"other arch", []string{"linux/arm64/"}, target("linux", "amd64", ""), ubuntu, "."},
		{"other arch and files of the os", []string{"linux/arm64/", "linux/file"}, target("linux", "amd64", ""), ubuntu, "linux"},
		{"variant not there and files of the arch", []string{"linux/arm/v7/", "linux/arm/file"}, target("linux", "arm", "v6"), ubuntu, "linux/arm"},
		{"other distro and files of the arch", []string{"linux/amd64/debian@12/", "linux/amd64/file"}, target("linux", "amd64", ""), ubuntu, "linux/amd64"},
		{"a file of that name", []string{"linux/amd64"}, target("linux", "amd64", ""), ubuntu, "linux"},
		{"variant", []string{"linux/arm/v6/"}, target("linux", "arm", "v6"), ubuntu, "linux/arm/v6"},
		{"variant not there", []string{"linux/arm/v7/"}, target("linux", "arm", "v6"), ubuntu, "."},
		{"arm is arm/v7", []string{"linux/arm/v7/"}, target("linux", "arm", ""), ubuntu, "linux/arm/v7"},
		{"arm/v7 without a variant folder", []string{"linux/arm/"}, target("linux", "arm", "v7"), ubuntu, "linux/arm"},
		{"arm64 may be arm64/v8", []string{"linux/arm64/v8/"}, target("linux", "arm64", ""), ubuntu, "linux/arm64/v8"},
		{"arm64/v8", []string{"linux/arm64/v8/"}, target("linux", "arm64", "v8"), ubuntu, "linux/arm64/v8"},
		{"amd64 may be amd64/v1", []string{"linux/amd64/v1/"}, target("linux", "amd64", ""), ubuntu, "linux/amd64/v1"},
		{"amd64 is not amd64/v2", []string{"linux/amd64/v2/"}, target("linux", "amd64", ""), ubuntu, "."},
		{"distro below arch", []string{"linux/amd64/ubuntu@24.04/"}, target("linux", "amd64", ""), ubuntu, "linux/amd64/ubuntu@24.04"},
		{"distro below arch, variant given", []string{"linux/arm64/ubuntu@24.04/"}, target("linux", "arm64", "v9"), ubuntu, "linux/arm64/ubuntu@24.04"},
		{"distro below variant", []string{"linux/arm/v7/ubuntu@24.04/"}, target("linux", "arm", "v7"), ubuntu, "linux/arm/v7/ubuntu@24.04"},
		{"other distro", []string{"linux/amd64/ubuntu@22.04/"}, target("linux", "amd64", ""), ubuntu, "."},
		{"any distro", []string{"linux/amd64/ubuntu@24.04/"}, target("linux", "amd64", ""), extension.Distro{}, "."},
		{"distro below os alone", []string{"linux/ubuntu@24.04/"}, target("linux", "amd64", ""), ubuntu, "linux"},
		{"link inside", []string{"common/", "linux/amd64 -> ../common"}, target("linux", "amd64", ""), ubuntu, "common"},
		{"link inside, goes on", []string{"common/ubuntu@24.04/", "linux/amd64 -> ../common"}, target("linux", "amd64", ""), ubuntu, "common/ubuntu@24.04"},
		{"link to another platform", []string{"linux/amd64/", "linux/arm64 -> amd64"}, target("linux", "arm64", ""), ubuntu, "linux/amd64"},
		{"link to the extension root", []string{"linux/amd64 -> ../"}, target("linux", "amd64", ""), extension.Distro{}, "."},
		{"dangling link", []string{"linux/amd64 -> nowhere"}, target("linux", "amd64", ""), ubuntu, "linux"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Root(tree(t, tt.files...), tt.target, tt.distro)
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestRootThroughALinkedExtension(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(tree(t, "linux/amd64/", "linux/arm64 -> amd64"), link); err != nil {
		t.Fatal(err)
	}
	if got, err := Root(link, target("linux", "arm64", ""), extension.Distro{}); err != nil || got != "linux/amd64" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRootRefusesToLeave(t *testing.T) {
	outside := t.TempDir()
	_, err := Root(tree(t, "linux/amd64 -> "+outside), target("linux", "amd64", ""), extension.Distro{})
	want := "platform root linux/amd64: leaves the extension root\n  replace the link by a folder inside the extension"
	if !diag.IsInvalid(err) || diag.Text(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestGivenRoot(t *testing.T) {
	dir := tree(t, "build/amd64/", "a file", "in -> build", "out -> ..", "chain -> out", "linux/amd64/")
	tests := []struct{ path, want, wantErr string }{
		{"build/amd64", "build/amd64", ""},
		{".", ".", ""},
		{"in/amd64", "build/amd64", ""},
		{"linux/amd64", "linux/amd64", ""},
		{"absent", "", `targets.path "absent" does not exist in ` + dir},
		{"a file", "", `targets.path "a file" is not a folder`},
		{"a file/x", "", `targets.path "a file/x": `},
		{"../x", "", `targets.path "../x" does not exist in ` + dir},
		{"..", "", `targets.path ".." leaves the extension root`},
		{"out", "", `targets.path "out" leaves the extension root`},
		{"chain", "", `targets.path "chain" leaves the extension root`},
	}
	for _, tt := range tests {
		pos := diag.Position{File: "extension.toml", Line: 7, Column: 8}
		at := extension.Target{OS: "linux", Arch: "amd64", Path: tt.path, PathPosition: pos}
		got, err := Root(dir, at, extension.Distro{Name: "ubuntu", Version: "24.04"})
		if tt.wantErr == "" {
			if err != nil || got != tt.want {
				t.Errorf("%s: got %q, %v; want %q", tt.path, got, err, tt.want)
			}
			continue
		}
		if !diag.IsInvalid(err) || !strings.HasPrefix(diag.Text(err), "extension.toml:7:8: "+tt.wantErr) {
			t.Errorf("%s: got %v, want %s", tt.path, err, tt.wantErr)
		}
	}
}

func TestDiscover(t *testing.T) {
	ubuntu := []extension.Distro{{Name: "ubuntu", Version: "22.04"}, {Name: "ubuntu", Version: "24.04"}}
	withDistros := func(t extension.Target, d []extension.Distro) extension.Target {
		t.Distros = d
		return t
	}
	tests := []struct {
		name  string
		files []string
		want  []extension.Target
	}{
		{"nothing", []string{"bin/detect"}, nil},
		{"not platforms", []string{"linux/", "linux/quantum/", "beos/amd64/", "linux/amd64"}, nil},
		{"lexical order", []string{"windows/amd64/", "linux/s390x/", "linux/amd64/", "darwin/arm64/"}, []extension.Target{
			target("darwin", "arm64", ""), target("linux", "amd64", ""), target("linux", "s390x", ""), target("windows", "amd64", ""),
		}},
		{"variants alone", []string{"linux/arm/v6/", "linux/arm/v7/"}, []extension.Target{target("linux", "arm", "v6"), target("linux", "arm", "v7")}},
		{"variants and the arch itself", []string{"linux/amd64/bin/detect", "linux/amd64/v3/"}, []extension.Target{
			target("linux", "amd64", ""), target("linux", "amd64", "v3"),
		}},
		{"a variant that is the arch itself", []string{"linux/arm64/bin/generate", "linux/arm64/v8/"}, []extension.Target{target("linux", "arm64", "")}},
		{"unknown variant", []string{"linux/arm/v99/", "linux/arm/version/"}, []extension.Target{target("linux", "arm", "")}},
		{"distros", []string{"linux/amd64/ubuntu@24.04/", "linux/amd64/ubuntu@22.04/", "linux/amd64/lib@file"}, []extension.Target{
			withDistros(target("linux", "amd64", ""), ubuntu),
		}},
		{"distros of a variant", []string{"linux/arm/v7/ubuntu@22.04/", "linux/arm/v7/ubuntu@24.04/"}, []extension.Target{
			withDistros(target("linux", "arm", "v7"), ubuntu),
		}},
		{"distros and variants", []string{"linux/amd64/ubuntu@22.04/", "linux/amd64/ubuntu@24.04/", "linux/amd64/v2/"}, []extension.Target{
			withDistros(target("linux", "amd64", ""), ubuntu), target("linux", "amd64", "v2"),
		}},
		{"links", []string{"linux/amd64/", "linux/arm64 -> amd64"}, []extension.Target{target("linux", "amd64", ""), target("linux", "arm64", "")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Discover(tree(t, tt.files...))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

func TestFolders(t *testing.T) {
	dir := tree(t, "linux/arm/", "linux/386/", "darwin/arm64/", "linux/x/", "lib/", "js/wasm/", "windows/amd64")
	if got, want := Folders(dir), []string{"darwin/arm64", "js/wasm", "linux/386", "linux/arm"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNested(t *testing.T) {
	dir := tree(t,
		"bin/detect", "linux/amd64/bin/detect", "linux/amd64/ubuntu@22.04/lib@2/", "linux/amd64/v3/debian@12/", "linux/amd64/lib/",
		"linux/arm/v7/v6/", "windows/amd64/", "windows/README", "darwin/amd64/", "build/amd64/ubuntu@1/", "linux/mips/x/")
	tests := []struct {
		root string
		want []string
	}{
		{".", []string{"darwin", "linux", "windows/amd64"}},
		{"linux", []string{"amd64", "arm", "mips"}},
		{"linux/amd64", []string{"ubuntu@22.04", "v3"}},
		{"linux/amd64/v3", []string{"debian@12"}},
		// What is in the deepest folder of the walk is the extension's own.
		{"linux/amd64/ubuntu@22.04", nil},
		{"linux/amd64/v3/debian@12", nil},
		{"linux/arm/v7", nil},
		{"linux/mips", nil},
		{"build/amd64", nil},
		{"bin", nil},
	}
	for _, tt := range tests {
		if got, err := Nested(dir, tt.root); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %q, %v; want %q", tt.root, got, err, tt.want)
		}
	}
}

func TestHasEntryPoints(t *testing.T) {
	for name, want := range map[string]bool{
		"bin/detect": true, "bin/generate": true, "detect/": true, "generate/run.Dockerfile": true, "bin/build": false, "lib/detect": false,
		"bin/detect -> nowhere": true,
	} {
		if got := HasEntryPoints(tree(t, name)); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
