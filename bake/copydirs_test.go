package bake

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/safefile"
)

// TestSharedContexts: a context extends to what bake lets a builder read
// anyway, and no further.
func TestSharedContexts(t *testing.T) {
	home, work, other := realDir(t), realDir(t), realDir(t)
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Chdir(work)
	gitDir(t, filepath.Join(other, "repo"))
	for name, tt := range map[string]struct {
		dirs []string
		want []string // the context, then the folders in it
	}{
		"one":                 {[]string{work + "/a"}, []string{work + "/a ."}},
		"siblings":            {[]string{work + "/e/a", work + "/e/b"}, []string{work + "/e a b"}},
		"folders":             {[]string{work + "/x/y/a", work + "/x/b"}, []string{work + "/x b y/a"}},
		"a repository":        {[]string{other + "/repo/a", other + "/repo/b"}, []string{other + "/repo a b"}},
		"no repository":       {[]string{other + "/a", other + "/b"}, []string{other + "/a .", other + "/b ."}},
		"here and elsewhere":  {[]string{work + "/a", other + "/b", work + "/c"}, []string{work + " a c", other + "/b ."}},
		"one in another":      {[]string{work + "/a", work + "/a/b"}, []string{work + "/a .", work + "/a/b ."}},
		"the working dir":     {[]string{work, work + "/a"}, []string{work + " .", work + "/a ."}},
		"a name with pattern": {[]string{work + "/a", work + "/b*"}, []string{work + "/a .", work + "/b* ."}},
		"a name with a hash":  {[]string{work + "/a", work + "/#b"}, []string{work + "/a .", work + "/#b ."}},
	} {
		check(t, name, tt.dirs, tt.want)
	}
	// A build in the home directory does not open it to a builder.
	t.Chdir(home)
	check(t, "at home", []string{home + "/a", home + "/b"}, []string{home + "/a .", home + "/b ."})
	check(t, "below home", []string{home + "/e/a", home + "/e/b"}, []string{home + "/e a b"})
}

func check(t *testing.T, name string, dirs, want []string) {
	t.Helper()
	var extensions []*plan.Extension
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		extensions = append(extensions, &plan.Extension{Dir: dir})
	}
	contexts, err := sharedContexts(extensions)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range contexts {
		var folders []string
		for _, f := range c.folders {
			folders = append(folders, f)
		}
		slices.Sort(folders)
		got = append(got, c.dir+" "+strings.Join(folders, " "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: contexts %q, want %q", name, got, want)
	}
}

// TestManyContexts: the number of patterns of a context is limited.
func TestManyContexts(t *testing.T) {
	work := realDir(t)
	t.Chdir(work)
	var extensions []*plan.Extension
	for range 2*maxTogether + 1 {
		dir, err := os.MkdirTemp(work, "x")
		if err != nil {
			t.Fatal(err)
		}
		extensions = append(extensions, &plan.Extension{Dir: dir})
	}
	contexts, err := sharedContexts(extensions)
	if err != nil || len(contexts) != 3 || len(contexts[1].folders) != maxTogether {
		t.Errorf("%d contexts, %v", len(contexts), err)
	}
}

// TestIgnoreFileBelow: patterns of an extension apply to its folder only.
func TestIgnoreFileBelow(t *testing.T) {
	work := realDir(t)
	t.Chdir(work)
	a := extensionDir(t, work, "a", "acme/a", targetTOML("linux/amd64"), files{".dockerignore": "/docs\n**/x\n!keep\n\\#y\n../b\n.\n"})
	b := extensionDir(t, work, "b", "acme/b", targetTOML("linux/amd64"), nil)
	contexts, err := sharedContexts([]*plan.Extension{{Dir: a}, {Dir: b}})
	if err != nil || len(contexts) != 1 {
		t.Fatalf("%v, %v", contexts, err)
	}
	dockerfile := filepath.Join(t.TempDir(), "Dockerfile")
	if err := contexts[0].write(dockerfile); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(dockerfile + ".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(got)), "\n")[1:]
	equal(t, "ignore file", lines[:7], []string{"*", "!/a", "!/b", "/a/docs", "/a/**/x", "!/a/keep", "/a/\\#y"})
	if rest := lines[7:]; !slices.Contains(rest, "**/.git") || slices.ContainsFunc(rest, func(l string) bool { return !strings.HasPrefix(l, "**/") }) {
		t.Errorf("after the patterns of extensions there are %q", rest)
	}
}

func realDir(t *testing.T) string {
	t.Helper()
	dir, err := safefile.Real(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// gitDir makes a repository.
func gitDir(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"objects", "refs"} {
		if err := os.MkdirAll(filepath.Join(dir, ".git", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ".git", "HEAD"), []byte("ref: refs/heads/main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
