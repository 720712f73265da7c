package plan

import (
	"path/filepath"
	"testing"
)

// TestContextPath: what buildx would read as a folder is one here too, so that
// it is looked at whether an extension may have it.
func TestContextPath(t *testing.T) {
	t.Parallel()
	for context, local := range map[string]bool{
		"docker-image://a": false, "https://r.example/a": false, "git://r.example/a.git#main:sub": false, "ssh://git@r.example:22/a": false,
		"git@r.example:a/b.git?branch=x#main": false, "github.com/a/b": false,
		"oci-layout://a": true, "a/b": true, "git@x/../..": true, "git@x\n:": true, "git@x:?%zz/../..": true,
		"ssh://a:b/../..": true, "git://%zz/../..": true, "github.com/%zz/../../..": true,
	} {
		if _, _, got := ContextPath(context); got != local {
			t.Errorf("%q: a folder: %v, want %v", context, got, local)
		}
	}
}

// A folder whose path looks like a repository is still used as a folder.
func TestContextCalledLikeARepository(t *testing.T) {
	dir := extensionDir(t, stageTable+"contexts = { a = \"./github.com/b\" }\n", files{"Dockerfile": "FROM scratch\n", "github.com/b/x": ""})
	t.Chdir(dir)
	if _, path, ok := ContextPath(mustPlan(t, ".", Options{}).Build.Contexts["a"]); !ok || filepath.Clean(path) != filepath.FromSlash("github.com/b") {
		t.Errorf("the path is %q, and it is a folder: %v", path, ok)
	}
}
