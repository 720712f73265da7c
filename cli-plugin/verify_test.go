package cliplugin

import (
	"testing"
)

func TestVerifyFlags(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want verifyOptions
	}{
		{[]string{"x.cnb"}, verifyOptions{name: "x.cnb", format: "table"}},
		{[]string{"--format", "json", "--no-layers", "x"}, verifyOptions{name: "x", format: "json", noLayers: true}},
		{[]string{"x", "--allow-platform-mismatch", "--insecure", "-q"}, verifyOptions{name: "x", format: "table", allowMismatch: true, insecure: true, quiet: true}},
		{[]string{"--list-checks"}, verifyOptions{format: "table", listChecks: true}},
	} {
		got, err := parse(t, newVerifyCmd, tc.args...)
		if err != nil || got != tc.want {
			t.Errorf("%q: got %+v, %v", tc.args, got, err)
		}
	}
	for _, args := range [][]string{{}, {"a", "b"}, {"--list-checks", "a"}, {"--layers", "a"}} {
		if _, err := parse(t, newVerifyCmd, args...); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}
