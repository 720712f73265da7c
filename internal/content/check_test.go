package content

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/internal/diag"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	link := func(path, target string) *File {
		f := &File{Path: path, Source: "src/" + path, Mode: fs.ModeSymlink | 0o777}
		f.SetTarget(target)
		return f
	}
	special := func(mode fs.FileMode) *File { return &File{Path: "x", Source: "x", Mode: mode} }
	tests := []struct {
		name string
		file *File
		want string
	}{
		{"file", &File{Path: "ünï/日本 x", Source: "x", Mode: 0o644}, ""},
		{"folder", special(fs.ModeDir | 0o755), ""},
		{"link to a file", link("bin/l", "../lib/a"), ""},
		{"link to a folder", link("l", "lib"), ""},
		{"link to the package itself", link("l", "."), ""},
		{"link through the package root", link("bin/l", ".."), ""},
		{"absolute link", link("l", "/etc/passwd"), `dir/src/l: symbolic link to the absolute path "/etc/passwd" leaves the extension root
  use a relative link or a copy`},
		{"absolute link that would be right at run time", link("l", "/cnb/extensions/a/1.0.0/lib/a"), `dir/src/l: symbolic link to the absolute path "/cnb/extensions/a/1.0.0/lib/a" leaves the extension root
  use a relative link or a copy`},
		{"escaping link", link("l", "../x"), `dir/src/l: symbolic link to "../x" leaves the extension root
  use a copy`},
		{"parent link", link("l", ".."), `dir/src/l: symbolic link to ".." leaves the extension root
  use a copy`},
		{"out and in again", link("bin/l", "../../x/lib"), `dir/src/bin/l: symbolic link to "../../x/lib" leaves the extension root
  use a copy`},
		{"dangling link", link("l", "gone"), `dir/src/l: warning: symbolic link to "gone", which is not in the package`},
		{"named pipe", special(fs.ModeNamedPipe | 0o644), "dir/x: is a named pipe, which cannot be packed\n  remove it, or add it to .dockerignore"},
		{"socket", special(fs.ModeSocket | 0o644), "dir/x: is a socket, which cannot be packed\n  remove it, or add it to .dockerignore"},
		{"device", special(fs.ModeDevice | fs.ModeCharDevice | 0o644), "dir/x: is a device, which cannot be packed\n  remove it, or add it to .dockerignore"},
		{"irregular", special(fs.ModeIrregular), "dir/x: is a special file, which cannot be packed\n  remove it, or add it to .dockerignore"},
		{"control character", &File{Path: "a\nb", Source: "a\nb", Mode: 0o644}, `"a\nb" in dir: the name contains a control character
  rename it`},
		{"delete character", &File{Path: "a\x7f", Source: "a\x7f", Mode: fs.ModeDir}, `"a\x7f" in dir: the name contains a control character
  rename it`},
		{"whiteout", &File{Path: "lib/.wh.a", Source: "lib/.wh.a", Mode: 0o644}, `dir/lib/.wh.a: in image layers, a name that begins with ".wh." is a deletion
  rename it`},
		{"not UTF-8", &File{Path: "a\xff", Source: "a\xff", Mode: 0o644}, `"a\xff" in dir: the name is not valid UTF-8
  rename it`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := Files{
				"lib": {Path: "lib", Source: "lib", Mode: fs.ModeDir}, "lib/a": {Path: "lib/a", Source: "lib/a"}, tt.file.Path: tt.file,
			}
			var got []string
			for _, d := range Check("dir", files) {
				got = append(got, withHint(d))
			}
			if strings.Join(got, "\n") != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// Links are followed as a system does, name by name.
func TestCheckLinksOfATree(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"gone": "-> nothing", "self": "-> self", "deep/gone": "-> ../nothing", "ignored": "-> a.tmp", "a.tmp": "", IgnoreFile: "*.tmp",
		"up": "-> deep", "deep/er/top": "-> ../..", "sneaky": "-> deep/er/top/../x", "linked": "-> up/er/file", "deep/er/file": "", "dot": "-> .",
		"not-packed": "-> other/x", "other/x": "",
	})
	source, err := Read(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := source.Apply([]Step{{Source: ".", Dest: ".", Exclude: []string{"other"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`deep/gone: warning: symbolic link to "../nothing", which is not in the package`,
		`gone: warning: symbolic link to "nothing", which is not in the package`,
		`ignored: warning: symbolic link to "a.tmp", which is not in the package`,
		`not-packed: warning: symbolic link to "other/x", which is not in the package`,
		`self: symbolic link to "self" is part of a loop
  remove it`,
		`sneaky: symbolic link to "deep/er/top/../x" leaves the extension root
  use a copy`,
	}
	var got []string
	for _, d := range Check(dir, files) {
		got = append(got, strings.TrimPrefix(withHint(d), dir+"/"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCheckReportsAllInOrder(t *testing.T) {
	t.Parallel()
	list := Check("d", Files{
		"b": {Path: "b", Source: "b", Mode: fs.ModeSocket}, "a": {Path: "a", Source: "a", Mode: fs.ModeNamedPipe},
	})
	if len(list) != 2 || list[0].File != "d/a" || list[1].File != "d/b" {
		t.Errorf("got %v", list)
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"": true, "a b": true, "\u00e9": true, "e\u0301": false, "日本": true, "\u212b": false} {
		if CheckName(name) != want {
			t.Errorf("CheckName(%+q) is %v", name, !want)
		}
	}
}

func TestReadBrokenIgnoreFile(t *testing.T) {
	t.Parallel()
	const syntax, encoding = "see the Dockerfile reference, \".dockerignore files\"", "save the file as UTF-8"
	for data, want := range map[string]string{
		"a[b":                `:1:1: "a[b" is not a pattern: syntax error in pattern` + "\n  " + syntax,
		"!":                  `:1:1: "!" is not a pattern: illegal exclusion pattern: "!"` + "\n  " + syntax,
		"ok\n[":              `:2:1: "[" is not a pattern: syntax error in pattern` + "\n  " + syntax,
		"a\tb\n":             `:1:1: "a\tb" contains a control character` + "\n  " + `remove it, or match it with "?"`,
		"# gr\xfc\n\xfc.txt": `:2:1: "\xfc.txt" is not UTF-8 text` + "\n  " + encoding,
		"a\x00\n\x00":        `:1:1: "a\x00" is not UTF-8 text` + "\n  " + encoding, // UTF-16
	} {
		dir := tree(t, map[string]string{IgnoreFile: data})
		_, err := Read(t.Context(), dir)
		want := filepath.Join(dir, IgnoreFile) + want
		if !diag.IsInvalid(err) || diag.Text(err) != want {
			t.Errorf("%q: got %v\nwant %s", data, err, want)
		}
	}
	dir := tree(t, map[string]string{IgnoreFile + "/": ""})
	if _, err := Read(t.Context(), dir); !diag.IsInvalid(err) {
		t.Errorf("a folder as ignore file: got %v", err)
	}
}

func TestReadMissingFolder(t *testing.T) {
	t.Parallel()
	if _, err := Read(t.Context(), filepath.Join(t.TempDir(), "gone")); err == nil {
		t.Error("want an error")
	}
}

func TestReadThroughALink(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(tree(t, map[string]string{"bin/detect": "", "l": "-> bin/detect"}), link); err != nil {
		t.Fatal(err)
	}
	got, err := Read(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := got.Lookup("l"); !ok || f.Target() != "bin/detect" {
		t.Errorf("got %+v, %v", f, ok)
	}
	if !got.Has(".") || !got.Has("bin/detect") || got.Has("bin/generate") {
		t.Error("Has does not say what is there")
	}
}

// Each pattern becomes a regular expression that is tried on every path.
func TestReadHostileIgnoreFile(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("a["), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, ignore := range map[string]string{
		"is a link to " + outside:      "-> " + outside,
		"is a link to the environment": "-> /proc/self/environ",
		"contains a pattern of 60 KB":  strings.Repeat("*a", 30<<10),
		"is larger than 64 KiB":        strings.Repeat("a\n", 40<<10),
	} {
		dir := tree(t, map[string]string{IgnoreFile: ignore, "a": ""})
		_, err := Read(t.Context(), dir)
		if !diag.IsInvalid(err) || strings.Contains(diag.Text(err), "a[") || len(diag.Text(err)) > 300 {
			t.Errorf("%s: got %v", name, err)
		}
	}
	start := time.Now()
	longest := strings.Repeat(strings.Repeat("*a", maxPattern/2)+"\n", maxIgnoreFile/(maxPattern+1))
	if _, err := Read(t.Context(), tree(t, map[string]string{IgnoreFile: longest, strings.Repeat("a/", 50) + "a": ""})); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("the largest ignore file took %v", took)
	}
}

// TestMatchingIsBounded: wildcards in few short patterns would take minutes with
// the paths of some hundred files, whether these are excluded or not.
func TestMatchingIsBounded(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 20 {
		files[strings.Repeat("a", 200)+strconv.Itoa(i)] = ""
	}
	dir := tree(t, files)
	for _, last := range []string{"c", "*"} {
		patterns := slices.Repeat([]string{strings.Repeat("**/*a", 10) + "c", last}, 10)
		found := 0
		count := func(string, fs.DirEntry, error) error { found++; return nil }
		if err := walk(t.Context(), dir, patterns, 10*201*210, count); !diag.IsInvalid(err) || !strings.Contains(err.Error(), "takes too long") {
			t.Errorf("%q: got %v", last, err)
		}
		if err := walk(t.Context(), dir, patterns, 21*202*210, count); err != nil {
			t.Errorf("%q, with a higher limit: %v", last, err)
		}
	}
}

// withHint returns a diagnostic as it is printed.
func withHint(d diag.Diagnostic) string {
	if d.Hint == "" {
		return d.String()
	}
	return d.String() + "\n  " + d.Hint
}
