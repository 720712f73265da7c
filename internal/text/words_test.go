package text

import (
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	words := []string{"plain", "", "a b", "it's", `"quoted"`, "$HOME", `back\slash`, "line\nbreak", "tab\tand ' and \" and \\", "\x00\u2028", "-", "ü", "{{.Version}}"}
	var line []string
	for _, w := range words {
		line = append(line, Quote(w))
	}
	joined := strings.Join(line, " ")
	if strings.ContainsAny(joined, "\n\t\x00\u2028") {
		t.Errorf("a control character in %q", joined)
	}
	got, err := Words(joined)
	if err != nil || !slices.Equal(got, words) {
		t.Errorf("got %q, %v, want %q", got, err, words)
	}
	for _, wrong := range []string{"'open", "$'open", `$'\q'`} {
		if got, err := Words(wrong); err == nil {
			t.Errorf("%s is read as %q", wrong, got)
		}
	}
}
