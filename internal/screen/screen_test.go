package screen

import (
	"bytes"
	"strings"
	"testing"
)

func TestTableFits(t *testing.T) {
	for columns, want := range map[int]string{
		0: "NAME                    STATE   WHAT HOLDS\na-name-of-some-length   ok      the quick brown fox jumps over the lazy dog\n",
		60: "NAME                   STATE  WHAT HOLDS\na-name-of-some-length  ok     the quick brown fox jumps over\n" +
			"                              the lazy dog\n",
		40: "NAME                   STATE\na-name-of-some-length  ok\n  the quick brown fox jumps over the\n  lazy dog\n",
	} {
		var out bytes.Buffer
		table := Table{Headers: []string{"NAME", "STATE", "WHAT HOLDS"}, Fold: true}
		table.Add(Cells("a-name-of-some-length", "ok", "the quick brown fox jumps over the lazy dog")...)
		if err := table.Print(&Screen{Writer: &out, Width: columns}); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%d columns: got\n%s\nwant\n%s", columns, out.String(), want)
		}
	}
}

// Wide characters take two columns, and a long name is shortened in the middle.
func TestNamesAreShortened(t *testing.T) {
	var out bytes.Buffer
	table := Table{Headers: []string{"NAME", "DIGEST"}}
	table.Add(Cells("一二三四五", "0123")...)
	table.Add(Cells("linux/amd64:a-very-long-distribution@24.04", "4567")...)
	if err := table.Print(&Screen{Writer: &out, Width: 24}); err != nil {
		t.Fatal(err)
	}
	want := "NAME              DIGEST\n一二三四五        0123\nlinux/a…on@24.04  4567\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// What comes from outside cannot move the cursor.
func TestTextFromOutside(t *testing.T) {
	const hostile = "\x1b[2J\r\nx"
	var out bytes.Buffer
	s := &Screen{Writer: &out, Width: 80}
	table := Table{Headers: []string{"A", "B"}, Fold: true}
	table.Add(Cells(hostile, hostile)...)
	err := table.Print(s)
	if err == nil {
		err = s.Fields("", []Field{{hostile, hostile}, {"empty", ""}})
	}
	if err == nil {
		err = s.Tree(hostile, []Leaf{{Path: "a/" + hostile, Note: hostile}, {Path: "../b"}})
	}
	if err == nil {
		err = s.Paragraph(Red, hostile)
	}
	if err != nil || strings.ContainsAny(out.String(), "\x1b\r") || strings.Contains(out.String(), "empty") {
		t.Errorf("%v: %q", err, out.String())
	}
}

// Commands in quotes stay whole, unless a quote is not closed.
func TestParagraph(t *testing.T) {
	for line, want := range map[string]string{
		`build it again, or run "docker extpack annotate", soon`: "build it again, or run\n  \"docker extpack annotate\", soon\n",
		`a plate of 12" that is eaten by the people`:             "a plate of 12\" that is eaten by\n  the people\n",
	} {
		var out bytes.Buffer
		if err := (&Screen{Writer: &out, Width: 34}).Paragraph(Style{}, line); err != nil || out.String() != want {
			t.Errorf("%v, got\n%swant\n%s", err, out.String(), want)
		}
	}
}

func TestStory(t *testing.T) {
	var out bytes.Buffer
	s := &Screen{Writer: &out, Width: 40, Color: true}
	w := s.Story()
	for _, line := range []string{
		"x@1: warning: one two three four five six seven\n", "ERROR: failed\n", "  docker extpack build, which is to be copied --as it=is\n",
		"  name it, or run docker buildx rm --keep-state a-builder, then it ends\n",
		"  1 |   code that is quoted is longer than a line\n",
		`{"message":"a line of JSON that is longer than a line: ERROR: x"}` + "\n", "no break",
	} {
		if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	want := "x@1: \x1b[33mwarning:\x1b[0m one two three four five\n  six seven\n\x1b[31mERROR:\x1b[0m failed\n" +
		"  docker extpack build, which is to be\n    copied --as it=is\n" +
		"  name it, or run\n    docker buildx rm --keep-state a-builder,\n    then it ends\n" +
		"  1 |   code that is quoted is longer than a line\n" +
		`{"message":"a line of JSON that is longer than a line: ERROR: x"}` + "\nno break"
	if out.String() != want {
		t.Errorf("got\n%q\nwant\n%q", out.String(), want)
	}
	if plain := (&Screen{Writer: &out}).Story(); plain != &out {
		t.Error("without a terminal, lines are not changed")
	}
}

func TestHintWords(t *testing.T) {
	for line, want := range map[string]string{
		"run docker extpack build x --push, or write it":           "run|docker extpack build x --push,|or|write|it",
		`run "docker info", and ask`:                               `run|"docker info",|and|ask`,
		"add -t NAME or --push to it":                              "add|-t NAME|or|--push to|it",
		`set {"a": {"b": true}} in it`:                             `set|{"a": {"b": true}}|in|it`,
		"install git, or do without what reads Git":                "install|git,|or|do|without|what|reads|Git",
		"convert it with: skopeo copy a b; then use pack as it is": "convert|it|with:|skopeo copy a b;|then|use|pack|as|it|is",
	} {
		if got := strings.Join(hintWords(line), "|"); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

func TestDigests(t *testing.T) {
	whole := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	for _, tc := range [][2]string{
		{Digest(whole, false), "0123456789ab"},
		{Digest(whole, true), whole},
		{Digest("", false), ""},
		{Digests("layer "+whole+": broken", false), "layer sha256:0123456789ab: broken"},
		{Digests(whole, true), whole},
	} {
		if tc[0] != tc[1] {
			t.Errorf("got %q, want %q", tc[0], tc[1])
		}
	}
}
