package content

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/filetest"
)

// tree makes an extension root of files and their content; names ending in "/"
// are folders, "-> x" as content is a link to x.
func tree(t *testing.T, files map[string]string) string { t.Helper(); return filetest.Dir(t, files) }

func read(t *testing.T, files map[string]string) *Tree {
	t.Helper()
	tree, err := Read(t.Context(), tree(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// applied returns the paths of the package and where each comes from.
func applied(t *testing.T, tree *Tree, steps ...Step) map[string]string {
	t.Helper()
	files, err := tree.Apply(steps)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, f := range files {
		if f.Path != name {
			t.Errorf("%s is under the key %s", f.Path, name)
		}
		if !f.Mode.IsDir() {
			out[name] = f.Source
		}
	}
	return out
}

func TestIgnoreFile(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.md": "", "README.md": "", "docs/b.md": "", "docs/c.txt": "", "docs/deep/d.md": "", "bin/detect": ""}
	tests := []struct {
		name, ignore string
		gone         []string
	}{
		{"empty", "", nil},
		{"comments and blanks", "# a.md\n\n   \n#docs\n", nil},
		{"top level only", "*.md", []string{"README.md", "a.md"}},
		{"any depth", "**/*.md", []string{"README.md", "a.md", "docs/b.md", "docs/deep/d.md"}},
		{"folder", "docs", []string{"docs/b.md", "docs/c.txt", "docs/deep/d.md"}},
		{"leading and trailing slash", "/docs/", []string{"docs/b.md", "docs/c.txt", "docs/deep/d.md"}},
		{"negation after", "*.md\n!README.md", []string{"a.md"}},
		{"negation before has no effect", "!README.md\n*.md", []string{"README.md", "a.md"}},
		{"negation inside a folder", "docs\n!docs/deep/d.md", []string{"docs/b.md", "docs/c.txt"}},
		{"byte order mark", "\ufeff*.md", []string{"README.md", "a.md"}},
		{"carriage returns", "*.md\r\n!README.md\r\n", []string{"a.md"}},
		{"everything but", "*\n!bin", []string{"README.md", "a.md", "docs/b.md", "docs/c.txt", "docs/deep/d.md"}},
		{"one character", "?.md", []string{"a.md"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := maps.Clone(files)
			all[IgnoreFile] = tt.ignore
			got := applied(t, read(t, all), Step{Source: ".", Dest: "."})
			var gone []string
			for name := range files {
				if _, ok := got[name]; !ok {
					gone = append(gone, name)
				}
			}
			slices.Sort(gone)
			if !slices.Equal(gone, tt.gone) {
				t.Errorf("%q leaves out %q, want %q", tt.ignore, gone, tt.gone)
			}
		})
	}
}

func TestNever(t *testing.T) {
	t.Parallel()
	got := applied(t, read(t, map[string]string{
		".git/HEAD": "", "sub/.git/HEAD": "", "vendored/.git": "gitdir: elsewhere", "a.cnb": "", "sub/b.cnb": "", "docker-bake.hcl": "",
		"docker-bake.override.hcl": "", "sub/docker-bake.hcl": "", ".gitignore": "", "a.cnb.txt": "", "my-docker-bake.hcl": "",
	}), Step{Source: ".", Dest: ".", Exclude: Never()})
	want := []string{".gitignore", "a.cnb.txt", "my-docker-bake.hcl", "sub/docker-bake.hcl"}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	for name, want := range map[string]bool{
		".git": true, ".git/HEAD": true, "a/.git": true, "x.cnb": true, "a/x.cnb": true, "docker-bake.hcl": true, "docker-bake-2.hcl": true,
		".": false, "bin/detect": false, ".gitignore": false, "sub/docker-bake.hcl": false,
	} {
		if IsNever(name) != want {
			t.Errorf("IsNever(%q) is %v", name, !want)
		}
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	source := read(t, map[string]string{
		"bin/detect": "root", "lib/a": "", "lib/sub/b": "", "empty/": "", "linux/amd64/bin/detect": "amd64", "linux/amd64/lib/a": "",
		"links/file": "-> ../lib/a", "links/dir": "-> ../lib", "links/chain": "-> dir/sub/../a", "links/two": "-> file",
	})
	tests := []struct {
		name  string
		steps []Step
		want  map[string]string
	}{
		{"nothing", nil, map[string]string{}},
		{"a folder gives what is in it", []Step{{Source: "lib", Dest: "."}}, map[string]string{"a": "lib/a", "sub/b": "lib/sub/b"}},
		{"a folder under another name", []Step{{Source: "lib", Dest: "x/y"}}, map[string]string{"x/y/a": "lib/a", "x/y/sub/b": "lib/sub/b"}},
		{"a file under another name", []Step{{Source: "lib/a", Dest: "b"}}, map[string]string{"b": "lib/a"}},
		{
			"later steps win",
			[]Step{{Source: "lib", Dest: "lib"}, {Source: "linux/amd64", Dest: "."}},
			map[string]string{"bin/detect": "linux/amd64/bin/detect", "lib/a": "linux/amd64/lib/a", "lib/sub/b": "lib/sub/b"},
		},
		{
			"the order is that of the steps",
			[]Step{{Source: "linux/amd64", Dest: "."}, {Source: "lib", Dest: "lib"}},
			map[string]string{"bin/detect": "linux/amd64/bin/detect", "lib/a": "lib/a", "lib/sub/b": "lib/sub/b"},
		},
		{"excludes are below the source", []Step{{Source: "lib", Dest: "lib", Exclude: []string{"sub", "lib/a"}}}, map[string]string{"lib/a": "lib/a"}},
		{"a link to a file", []Step{{Source: "links/file", Dest: "x"}}, map[string]string{"x": "lib/a"}},
		{"a link to a link", []Step{{Source: "links/two", Dest: "x"}}, map[string]string{"x": "lib/a"}},
		{"a link through a link", []Step{{Source: "links/chain", Dest: "x"}}, map[string]string{"x": "lib/a"}},
		{"a link to a folder", []Step{{Source: "links/dir", Dest: "x"}}, map[string]string{"x/a": "lib/a", "x/sub/b": "lib/sub/b"}},
		{
			"links in a folder stay links",
			[]Step{{Source: "links", Dest: "."}},
			map[string]string{"file": "links/file", "dir": "links/dir", "chain": "links/chain", "two": "links/two"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := applied(t, source, tt.steps...); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestApplyKeepsEmptyFolders(t *testing.T) {
	t.Parallel()
	files, err := read(t, map[string]string{"lib/empty/": ""}).Apply([]Step{{Source: "lib", Dest: "."}})
	if err != nil || !files["empty"].Mode.IsDir() {
		t.Errorf("got %v, %v", files, err)
	}
}

// A link to one of them leads somewhere.
func TestApplyGivesTheFoldersItMakes(t *testing.T) {
	t.Parallel()
	files, err := read(t, map[string]string{"lib/a": ""}).Apply([]Step{{Source: "lib", Dest: "x/y"}, {Source: "lib/a", Dest: "z/a"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"x", "x/y", "z"} {
		if !files[dir].Mode.IsDir() || files[dir].Path != dir {
			t.Errorf("%s is %+v", dir, files[dir])
		}
	}
	if len(files) != 5 {
		t.Errorf("got %v", files)
	}
}

func TestApplyExec(t *testing.T) {
	t.Parallel()
	files, err := read(t, map[string]string{"bin/detect": "", "bin/other": ""}).Apply([]Step{
		{Source: "bin", Dest: "bin"}, {Source: "bin/detect", Dest: "bin/detect", Exec: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"bin/detect": 0o755, "bin/other": 0o644} {
		if got := files[name].Mode.Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", name, got, want)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	source := read(t, map[string]string{
		"file": "", "dir/x": "", "as-file/dir": "", "as-dir/dir/x": "", "absolute": "-> /etc", "loop": "-> loop", "out": "-> ../x", "dangling": "-> gone",
		"ignored/x": "", IgnoreFile: "ignored",
	})
	tests := []struct {
		steps []Step
		want  string
	}{
		{[]Step{{Source: "gone", Dest: "."}}, "copying gone: gone: file does not exist"},
		{[]Step{{Source: "ignored", Dest: "."}}, "copying ignored: ignored: file does not exist"},
		{[]Step{{Source: "dangling", Dest: "."}}, "copying dangling: gone: file does not exist"},
		{[]Step{{Source: "out", Dest: "."}}, "copying out: leaves the extension root"},
		{[]Step{{Source: "absolute", Dest: "."}}, `copying absolute: link to the absolute path "/etc": leaves the extension root`},
		{[]Step{{Source: "loop", Dest: "."}}, "copying loop: too many links"},
		{
			[]Step{{Source: "file", Dest: "x"}, {Source: "dir", Dest: "x"}},
			"copying dir: x is a folder in one place and a file in another (file, dir)",
		},
		{
			[]Step{{Source: "file", Dest: "x"}, {Source: "dir", Dest: "x/y"}},
			"copying dir: x is a folder in one place and a file in another (file, dir)",
		},
		{
			[]Step{{Source: "dir", Dest: "x/y"}, {Source: "file", Dest: "x"}},
			"copying file: x is a folder in one place and a file in another (dir, file)",
		},
		{
			[]Step{{Source: "as-file", Dest: "."}, {Source: "as-dir", Dest: "."}},
			"copying as-dir: dir is a folder in one place and a file in another (as-file/dir, as-dir/dir)",
		},
	}
	for _, tt := range tests {
		if _, err := source.Apply(tt.steps); err == nil || diag.Text(err) != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}
