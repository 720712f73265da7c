package extension

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func TestPackageDiagnostics(t *testing.T) { runDiagnostics(t, packageTests, parsePackage) }

const packageTarget = "[[targets]]\n" + linuxAMD64

var packageTests = []diagnosticTest{
	{"empty", "", ``},
	{"usual", "[extension]\nuri = \".\"\n[platform]\nos = \"linux\"\n" + packageTarget, `dir/package.toml:4:6: warning: os in [platform] is deprecated and ignored: [[targets]] replaced it (RFC 0128)
  name the platforms with [[targets]], and remove [platform]`},
	{"same directory", "[extension]\nuri = \"../dir/./\"", ``},
	{"other directory", "[extension]\nuri = \"../other\"", ``},
	{"other scheme", "[extension]\nuri = \"https://example.com/x.tgz\"", `dir/package.toml:2:7: uri "https://example.com/x.tgz" is neither a directory nor an archive on this machine
  if you trust it, name it on the command line: docker extpack build https://example.com/x.tgz`},
	{"other image", "[extension]\nuri = \"docker://example.com/x\"", `dir/package.toml:2:7: uri "docker://example.com/x" is neither a directory nor an archive on this machine
  download the extension and run docker extpack build with its directory`},
	{"file scheme", "[extension]\nuri = \"file:///else/where\"", ``},
	{"empty uri", "[extension]\nuri = \"\"", `dir/package.toml:2:7: uri "" is neither a directory nor an archive on this machine
  download the extension and run docker extpack build with its directory`},
	{"control", "[extension]\nuri = \"a\\n\"", `dir/package.toml:2:7: uri "a\n" contains a control character`},
	{"wrong types", "extension = 1\nplatform = 2\ntargets = 3\ndependencies = 4", `dir/package.toml:1:13: extension must be a table, found an integer
dir/package.toml:2:12: platform must be a table, found an integer
dir/package.toml:3:11: targets must be an array of tables, [[targets]], found an integer
dir/package.toml:4:16: dependencies must be an array of tables, [[dependencies]], found an integer`},
	{"buildpack", "[buildpack]\nuri = \".\"", `dir/package.toml:1:1: this is the package.toml of a buildpack
  package buildpacks with pack buildpack package; for an extension, write [extension] in place of [buildpack]`},
	{"buildpack beside", "[buildpack]\nuri = \".\"\n[extension]\nuri = \".\"", `dir/package.toml:1:1: warning: [buildpack] beside [extension] is ignored`},
	{"dependencies", "[[dependencies]]\nimage = \"x\"\n[[dependencies]]\nuri = \"y\"", `dir/package.toml:1:1: warning: extensions have no dependencies: [[dependencies]] is ignored`},
	{"platform unknown", "[platform]\nos = \"macos\"", `dir/package.toml:2:6: os "macos" in [platform] must be "linux" or "windows"`},
	{"platform contradicts", "[platform]\nos = \"windows\"\n" + packageTarget, `dir/package.toml:2:6: warning: os in [platform] is deprecated and ignored: [[targets]] replaced it (RFC 0128)
  name the platforms with [[targets]], and remove [platform]`},
	{"platform alone", "[platform]\nos = \"windows\"", `dir/package.toml:2:6: warning: os in [platform] is deprecated and ignored: [[targets]] replaced it (RFC 0128)
  name the platforms with [[targets]], and remove [platform]`},
	{"unknown keys", "[extention]\n[platform]\nOS = \"linux\"\n[extension]\nurl = \".\"", `dir/package.toml:1:2: warning: unknown key "extention" at the top level (did you mean "extension"?)
dir/package.toml:3:1: key "OS" in [platform] is ambiguous: some readers treat it as os
dir/package.toml:5:1: warning: unknown key "url" in [extension] (did you mean "uri"?)`},
	{"targets", packageTarget + "[[targets]]\nos = \"linux\"\narch = \"amd46\"", `dir/package.toml:6:8: unknown arch "amd46" (did you mean "amd64"?)`},
	{"syntax", "[extension]\nuri = .", `dir/package.toml:2:7: expected a value, found '.'
  text is quoted in TOML: key = "value"`},
}

func TestReadPackage(t *testing.T) {
	dir := t.TempDir()
	if p, list, err := ReadPackage(dir); p != nil || list != nil || err != nil {
		t.Errorf("absent: %v %v %v", p, list, err)
	}
	file := filepath.Join(dir, PackageFile)
	write(t, file, packageTarget)
	p, _, err := ReadPackage(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := &Package{
		File:    file,
		URI:     Entry{".", diag.Position{File: file}},
		Root:    dir,
		Targets: []Target{{OS: "linux", Arch: "amd64", Position: diag.Position{File: file, Line: 1, Column: 1}}},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	// The absolute path and the file URL of the directory are the directory.
	for _, uri := range []string{dir, "file://" + filepath.ToSlash(dir) + "/"} {
		if _, _, err := ParsePackage(file, []byte("[extension]\nuri = '"+uri+"'")); err != nil {
			t.Error(err)
		}
	}
}

func TestReadPackageUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, PackageFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if p, list, err := ReadPackage(dir); p != nil || len(list) != 1 || !diag.IsInvalid(err) {
		t.Errorf("%v %v %v", p, list, err)
	}
}
