package release

import (
	"errors"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/registry"
)

// TestChange: a tag that is refused fails a publish, one that stays does not, and
// one that cannot be looked at may do either.
func TestChange(t *testing.T) {
	t.Parallel()
	tag, err := registry.ParseTag("r.example.com/a/b:1")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change          Change
		says            string
		refused, unseen bool
	}{
		"new":          {change: Change{To: "sha256:b"}, says: "new"},
		"moves":        {change: Change{From: "sha256:a", To: "sha256:b"}, says: "would move from sha256:a to sha256:b"},
		"same":         {change: Change{From: "sha256:a", To: "sha256:a"}, says: "unchanged, at sha256:a"},
		"before build": {change: Change{From: "sha256:a"}, says: "is at sha256:a; the new digest is known after the build"},
		"stays":        {change: Change{From: "sha256:a", To: "sha256:b", Err: registry.ErrKept}, says: "would stay at sha256:a, which is newer"},
		"refused":      {change: Change{From: "sha256:a", Err: diag.Invalidf("a release")}, says: "refused; it is at sha256:a", refused: true},
		"refused new":  {change: Change{Err: diag.Invalidf("a release")}, says: "refused", refused: true},
		"unseen":       {change: Change{Err: errors.New("503")}, says: "unknown, because it could not be read", unseen: true},
	} {
		c := tt.change
		c.Tag = tag
		if got := strings.TrimPrefix(c.String(), "tag r.example.com/a/b:1: "); got != tt.says || c.Refused() != tt.refused || c.Unseen() != tt.unseen {
			t.Errorf("%s: %q, refused %v, unseen %v", name, c, c.Refused(), c.Unseen())
		}
	}
}
