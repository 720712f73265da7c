package grants

import (
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/safefile"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"secret=a": "", "env=A": "", "env=*": "", "ssh": "", "ssh=default": "", "cache-to=r.test/x": "", "cache-from=type=s3,bucket=b": "", "cache-from=*": "",
		"network.host": "", "security.insecure": "", "fs.read=/a": "", "fs=*": "", "device": "", "device=x": "", "image.push=x": "", "add-host=a:1": "", "context=https://x": "",
		"secret":         `secret requires a value`,
		"secret=":        `secret requires a value`,
		"ssh=":           `ssh requires a value`,
		"network.host=x": `network.host does not take a value`,
		"sercet=a":       `unknown kind "sercet" (did you mean "secret"?)`,
		"":               `unknown kind ""`,
		"Secret=a":       `unknown kind "Secret"`,
		"cache-to=a=b,c": `cache-to: "c" has no value`,
		`cache-to="a`:    `cache-to: "\"a" is not in the form`,
	} {
		g, err := Parse(text)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, %v", text, g, err)
		}
		if err == nil && g.String() != text {
			t.Errorf("%s becomes %s", text, g)
		}
	}
}

// Only what buildx knows is handed on to it: it refuses other kinds.
func TestForBuildx(t *testing.T) {
	got := ForBuildx([]string{"secret=a", "env=A", "ssh", "ssh=default", "cache-to=x", "cache-from=x", "context=x", "add-host=a:1", "network.host", "security.insecure", "fs.read=/", "fs.write=/", "fs=/", "device=x", "image=x", "no grant"})
	if want := []string{"ssh", "network.host", "security.insecure", "fs.read=/", "fs.write=/", "fs=/", "device=x", "image=x"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCovers: a grant is for what it names, in every way to write it, and for
// nothing that looks like it.
func TestCovers(t *testing.T) {
	dir, err := safefile.Real(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		grant string
		kind  Kind
		value string
		want  bool
	}{
		{"secret=a", Secret, "a", true},
		{"secret=a", Secret, "A", false},
		{"secret=a", Env, "a", false},
		{"env=*", Env, "AWS", true},
		{"env=*", Secret, "x", false},
		{"ssh", SSH, "git", true},
		{"ssh=git", SSH, "git2", false},
		{"network.host", Insecure, "", false},
		{"cache-to=r.test/x", CacheTo, "type=registry,ref=r.test/x", true},
		{"cache-to=r.test/x", CacheTo, "type=registry,ref=r.test/x,registry.insecure=true", false},
		{"cache-to=r.test/x", CacheTo, "type=registry,ref=r.test/x:y", false},
		{"cache-to=r.test/x", CacheFrom, "type=registry,ref=r.test/x", false},
		{"cache-from=TYPE=s3,bucket=b", CacheFrom, "bucket=b,type=s3", true},
		{"cache-from=type=s3,bucket=b", CacheFrom, "type=s3,bucket=B", false},
		{`cache-from=type=local,"src=/a,b"`, CacheFrom, `"src=/a,b",type=local`, true},
		{"add-host=a:10.0.0.1", AddHost, "a=10.0.0.1", true},
		{"add-host=a:10.0.0.1", AddHost, "a=10.0.0.11", false},
		{"context=https://x.test", Context, "https://x.test/a", false},
		{"fs.read=" + dir, Read, dir + "/a/b", true},
		{"fs.read=" + dir + "/a", Read, dir + "/ab", false},
		{"fs.read=" + dir, Write, dir + "/a", false},
		{"fs=" + dir, Write, dir + "/a", true},
		{"fs.read=" + dir + "/a/..", Read, dir + "/b", true},
	} {
		g, err := Parse(tt.grant)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.covers(tt.kind, tt.value); got != tt.want {
			t.Errorf("%s for %s=%s: got %v", tt.grant, tt.kind, tt.value, got)
		}
	}
}

func TestMissingQuotesItsHints(t *testing.T) {
	list := Missing([]Request{{Kind: CacheTo, Value: "type=local,dest=it's $HOME"}, {Kind: SSH, Value: "a", Optional: true}, {Kind: Env, Value: "A", By: "x"}})
	if want := `if you trust it, add --allow 'cache-to=type=local,dest=it'\''s $HOME'`; len(list) != 1 || list[0].Hint != want {
		t.Errorf("got %v", list)
	}
}
