package registry

import (
	"fmt"
	"testing"
)

func TestParseChallenges(t *testing.T) {
	t.Parallel()
	got := parseChallenges([]string{
		`Negotiate`, `Basic realm="a \"b\", c" , BEARER  Realm = "https://x/t",scope=pull`, `, ,`, `"broken`, `Digest =`,
	})
	want := []challenge{
		{"negotiate", map[string]string{}},
		{"basic", map[string]string{"realm": `a "b", c`}},
		{"bearer", map[string]string{"realm": "https://x/t", "scope": "pull", "digest": ""}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzParseChallenges(f *testing.F) {
	f.Add(`Bearer realm="https://x/t",service="s"`)
	f.Add(`Basic realm="\`)
	f.Fuzz(func(t *testing.T, in string) {
		for _, c := range parseChallenges([]string{in, in}) {
			if c.scheme == "" {
				t.Errorf("empty scheme in %q", in)
			}
		}
	})
}
