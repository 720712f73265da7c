package remote

import (
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func TestParse(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, want := range map[string]string{
		"https://example.com/acme/x.git":                  "https://example.com/acme/x.git",
		"https://example.com/acme/x.git#main":             "https://example.com/acme/x.git#main",
		"https://example.com/acme/x.git#v1.2.3:a/b/":      "https://example.com/acme/x.git#v1.2.3:a/b",
		"https://example.com/acme/x.git#:a/../b":          "https://example.com/acme/x.git#:b",
		"https://user:secret@example.com/acme/x.git#main": "https://example.com/acme/x.git#main",
		"https://example.com/x.tgz?token=secret":          "https://example.com/x.tgz",
		"https://user:secret@example.com/x.tar.gz#:a":     "https://example.com/x.tar.gz#:a",
		"git@example.com:acme/x.git#main:a":               "git@example.com:acme/x.git#main:a",
		"ssh://git@example.com:22/acme/x.git":             "ssh://git@example.com:22/acme/x.git",
		"github.com/acme/x#main":                          "https://github.com/acme/x.git#main",
		"http://localhost:8080/x.git":                     "http://localhost:8080/x.git",
		"http://127.0.0.1/x.tar":                          "http://127.0.0.1/x.tar",
		"https://example.com/x.git#release/1.x":           "https://example.com/x.git#release/1.x",
	} {
		s, err := Parse(name)
		if err != nil || s == nil || s.String() != want {
			t.Errorf("%s: got %v, %v", name, s, err)
		}
	}
	for name, want := range map[string]string{
		"https://example.com/x":                                forms,
		"https://github.com/acme/x#main":                       "name a Git repository, https://github.com/acme/x.git#REF:DIR, or an archive, https://HOST/NAME.tgz",
		"https://github.com/acme/x/tree/main/a/b":              "name the Git repository: 'https://github.com/acme/x.git#main:a/b'",
		"https://user:secret@gitlab.com/acme/x/-/tree/v1.2.3/": "name the Git repository: 'https://gitlab.com/acme/x.git#v1.2.3'",
	} {
		if _, err := Parse(name); diag.Hint(err) != want {
			t.Errorf("%s: %s", name, diag.Hint(err))
		}
	}
	for _, name := range []string{".", "./x", "curl", "example.com/acme/x:1.2.3", "x.tgz", "/x.git", "", "C:\\x", "a:b"} {
		if s, err := Parse(name); s != nil || err != nil {
			t.Errorf("%s: got %v, %v", name, s, err)
		}
	}
	for _, name := range []string{
		"git://example.com/x.git", "http://example.com/x.git", "ftp://example.com/x.tgz", "ext::sh -c x://y", "ext://x/y.git",
		"https://example.com/x", "https://example.com/x.git?ref=main", "https:///x.git", "https://-x/y.git", "ssh://-oProxyCommand=x/y.git", "ssh://git:secret@example.com/x.git",
		"https://example.com/x.git#-x", "https://example.com/x.git#--upload-pack=x", "https://example.com/x.git#a..b", "https://example.com/x.git#a b", "https://example.com/x.git#a:../b",
		"https://example.com/x.git#:/etc/../..", "https://example.com/x.git#:.git", "https://example.com/x.git#:.git/hooks", "https://example.com/x.tgz#main", "https://example.com/x.git#+a:b:c\x00",
		"https://user:sec%ret@example.com/x.git",
	} {
		s, err := Parse(name)
		if !diag.IsInvalid(err) {
			t.Errorf("%s: got %v, %v", name, s, err)
		}
	}
	for name, hint := range map[string]string{"file:///a/x.git": "/a/x.git", "file://localhost/a b#main": "'/a b'", "file://x/y.tgz": "x/y.tgz"} {
		_, err := Parse(name)
		if !diag.IsInvalid(err) || !strings.Contains(err.Error(), "file:// is not supported") || !strings.HasSuffix(diag.Hint(err), ": "+hint) {
			t.Errorf("%s: %v, hint %q", name, err, diag.Hint(err))
		}
	}
}
