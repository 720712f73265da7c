package scaffold

import (
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	all := Answers{"a/b", "B", "1.2.3", "linux/s390x", "static"}
	if got := all.Or("/src/curl"); got != all {
		t.Errorf("changed to %+v", got)
	}
	got := Answers{}.Or("/src/curl")
	if want := (Answers{"my-company/curl", "curl", "0.0.1", "linux/amd64 linux/arm64", "sh"}); got != want {
		t.Errorf("defaults: got %+v", got)
	}
	if got := (Answers{ID: "a/jq"}).Or("/src/curl"); got.Name != "jq" {
		t.Errorf("the name is %q", got.Name)
	}
	got.Targets = "linux/arm64:ubuntu@24.04 (os.version 24.04)  linux/amd64"
	files, err := got.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Path == "extension.toml" && (strings.Count(string(f.Data), "[[targets]]") != 2 || !strings.Contains(string(f.Data), "24.04")) {
			t.Errorf("got\n%s", f.Data)
		}
	}
	for _, wrong := range []Answers{
		{ID: "a b"}, {Version: "1"}, {Targets: "linux/amd46"}, {Lang: "perl"},
	} {
		if _, err := wrong.Or("/src/curl").Files(); !diag.IsInvalid(err) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}
