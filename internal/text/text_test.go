package text

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"plain ünï 日本 😀":        "plain ünï 日本 😀",
		"two\nlines\tand a tab": "two\nlines\tand a tab",
		"\x1b]0;title\a\x1b[2J": "\ufffd]0;title\ufffd\ufffd[2J",
		"back\b\rover":          "back\ufffd\ufffdover",
		"\u009b31m":             "\ufffd31m", // CSI in one character
		"a\x7fb\x00c":           "a\ufffdb\ufffdc",
		"photo\u202egpj.exe":    "photo\ufffdgpj.exe",
		"\u2066\u2069\u200f":    "\ufffd\ufffd\ufffd",
		"not\xffUTF-8\x9b":      "not\ufffdUTF-8\ufffd",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	if got, want := Line("a\nb\tc\rd"), "a b c\ufffdd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 images", 1: "1 image", 2: "2 images"} {
		if got := Count(n, "image"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\tb\n", "\x1b[31m", "\u202e\u2067", "\xff\x9b", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clean, line := Clean(s), Line(s)
		for _, r := range clean {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Errorf("Clean(%q) contains %q", s, r)
			}
		}
		if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
			t.Errorf("Line(%q) = %q", s, line)
		}
		if !utf8.ValidString(clean) || !utf8.ValidString(line) {
			t.Errorf("Clean(%q) = %q is not UTF-8", s, clean)
		}
		if document, err := json.Marshal(s); err != nil || string(CleanJSON(document)) != Clean(string(CleanJSON(document))) {
			t.Errorf("CleanJSON(%s) = %s, %v", document, CleanJSON(document), err)
		} else if before, after := "", ""; json.Unmarshal(document, &before) != nil || json.Unmarshal(CleanJSON(document), &after) != nil || before != after {
			t.Errorf("CleanJSON(%s) contains %q, want %q", document, after, before)
		}
		if Clean(clean) != clean || Line(line) != line || Line(clean) != line {
			t.Errorf("cleaning %q twice changes it", s)
		}
		if utf8.RuneCountInString(clean) != utf8.RuneCountInString(s) {
			t.Errorf("Clean(%q) = %q drops characters", s, clean)
		}
	})
}

func TestSizeAndShorten(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 999: "999B", 45_678_901: "45.7MB", 1_234_000_000: "1.23GB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
	for width, want := range map[int]string{20: "linux/amd64", 11: "linux/amd64", 10: "linu…amd64", 3: "l…4", 2: "…4", 1: "…", 0: "…"} {
		if got := Shorten("linux/amd64", width); got != want {
			t.Errorf("Shorten to %d = %s, want %s", width, got, want)
		}
	}
}
