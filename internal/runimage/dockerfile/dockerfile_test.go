package dockerfile

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// corpus holds Dockerfiles and their stages; none means that no builder reads it.
var corpus = []struct {
	name, text string
	want       []Stage
}{
	{"plain", "FROM run:1\n", []Stage{{Image: "run:1", Line: 1}}},
	{"no line end", "FROM run:1", []Stage{{Image: "run:1", Line: 1}}},
	{"lower case and spaces", "\n\n \tfrom \t run:1 \t As \v Base  \r\n", []Stage{{Image: "run:1", Name: "base", Line: 3}}},
	{"byte order mark", "\uFEFFFROM run:1", []Stage{{Image: "run:1", Line: 1}}},
	{"comments", "# FROM no:1\n  # FROM no:2\nFROM run:1 # x\n", nil},
	{"comment lines", "# FROM no:1\n  # FROM no:2\nFROM run:1\n#FROM no:3", []Stage{{Image: "run:1", Line: 3}}},
	{"arguments first", "ARG base_image=x\nARG a b\nFROM ${base_image}\nUSER 1", []Stage{{Image: "${base_image}", Line: 3}}},
	{"platform", "FROM --platform=$BUILDPLATFORM run:1 AS b", []Stage{{Image: "run:1", Platform: "$BUILDPLATFORM", Name: "b", Line: 1}}},
	{"platform quoted", `FROM "--platform=x" run:1`, nil},
	{"platform value quoted", `FROM --platform="linux/a rm" run:1`, []Stage{{Image: "run:1", Platform: "linux/a rm", Line: 1}}},
	{"platform escaped", `FROM --platform=linux\/arm run:1`, []Stage{{Image: "run:1", Platform: "linux/arm", Line: 1}}},
	{"flags end", "FROM -- run:1", []Stage{{Image: "run:1", Line: 1}}},
	{"platform without value", "FROM --platform run:1", nil},
	{"platform twice", "FROM --platform=a --platform=b run:1", nil},
	{"unknown flag", "FROM --network=host run:1", nil},
	{"only a flag", "FROM --platform=a", nil},
	{"continued", "FROM \\\n  run:1 \\  \n\n# in between\n as \\\n b\nRUN x", []Stage{{Image: "run:1", Name: "b", Line: 1}}},
	{"continued within a word", "FR\\\nOM ru\\\nn:1", []Stage{{Image: "run:1", Line: 1}}},
	{"escaped escape", "FROM run:1\nRUN a \\\\\nFROM run:2", []Stage{{Image: "run:1", Line: 1}, {Image: "run:2", Line: 3}}},
	{"continued to the end", "FROM run:1 \\", []Stage{{Image: "run:1", Line: 1}}},
	{"only an escape", "\\\nFROM run:1", []Stage{{Image: "run:1", Line: 1}}},
	{"only an escape and nothing", "FROM run:1\n\\", nil},
	{"escape directive", "# syntax=docker/dockerfile:1\n#  Escape = `\nFROM `\n run:1\nRUN dir c:\\\nFROM run:2", []Stage{{Image: "run:1", Line: 3}, {Image: "run:2", Line: 6}}},
	{"escape directive too late", "\n# escape=`\nFROM run:1\nRUN x `\nFROM run:2", []Stage{{Image: "run:1", Line: 3}, {Image: "run:2", Line: 5}}},
	{"escape directive after a comment", "# hello\n# escape=`\nFROM \\\nrun:1", []Stage{{Image: "run:1", Line: 3}}},
	{"unknown directive ends them", "# foo=bar\n# escape=`\nFROM \\\nrun:1", []Stage{{Image: "run:1", Line: 3}}},
	{"escape directive twice", "# escape=`\n# escape=\\\nFROM run:1", nil},
	{"escape directive of another character", "# escape=^\nFROM run:1", nil},
	{"stages", "FROM a AS one\nFROM one AS two\nFROM scratch\nCOPY --from=two / /", []Stage{{Image: "a", Name: "one", Line: 1}, {Image: "one", Name: "two", Line: 2}, {Image: "scratch", Line: 3}}},
	{"heredoc", "FROM a\nRUN <<EOF\nFROM b\nEOF\nFROM c", []Stage{{Image: "a", Line: 1}, {Image: "c", Line: 5}}},
	{"heredoc quoted and chomped", "FROM a\nRUN cat <<-'E F' > x\nFROM b\n\tE F\nFROM c", []Stage{{Image: "a", Line: 1}, {Image: "c", Line: 5}}},
	{"heredoc not chomped", "FROM a\nCOPY <<EOF /x\n\tEOF\nFROM b\nEOF\n", []Stage{{Image: "a", Line: 1}}},
	{"heredocs, several", "FROM a\nCOPY <<one 3<<\"two\" /x/\nFROM b\none\nFROM c\ntwo\nFROM d", []Stage{{Image: "a", Line: 1}, {Image: "d", Line: 7}}},
	{"heredoc after a space", "FROM a\nRUN cat << EOF\nFROM b\nEOF", []Stage{{Image: "a", Line: 1}}},
	{"heredoc with Windows line ends", "FROM a\r\nRUN <<EOF\r\nFROM b\r\nEOF\r\nFROM c\r\n", []Stage{{Image: "a", Line: 1}, {Image: "c", Line: 5}}},
	{"heredoc in onbuild", "FROM a\nONBUILD RUN <<EOF\nFROM b\nEOF\nFROM c", []Stage{{Image: "a", Line: 1}, {Image: "c", Line: 5}}},
	{"heredoc in a list", "FROM a\nRUN [\"cat\", \"<<EOF\"]\nFROM b", []Stage{{Image: "a", Line: 1}, {Image: "b", Line: 3}}},
	{"heredoc in an environment variable", "FROM a\nENV X=<<EOF\nFROM b", []Stage{{Image: "a", Line: 1}, {Image: "b", Line: 3}}},
	{"heredoc in quotes", "FROM a\nRUN echo \"<<EOF\"\nFROM b", []Stage{{Image: "a", Line: 1}, {Image: "b", Line: 3}}},
	{"here-string", "FROM a\nRUN cat <<<EOF\nFROM b", []Stage{{Image: "a", Line: 1}, {Image: "b", Line: 3}}},
	{"shift", "FROM a\nRUN echo $((1<<2))\nFROM b", []Stage{{Image: "a", Line: 1}, {Image: "b", Line: 3}}},
	{"heredoc and an open quote", "FROM a\nRUN echo it's <<EOF\nFROM b", []Stage{{Image: "a", Line: 1}, {Image: "b", Line: 3}}},
	{"heredoc and variables", "FROM a\nRUN x=${a:-\"b c\"} ${a/b/c} ${a%b} \"$d\" $1 <<EOF >$@\nFROM b\nEOF\n", []Stage{{Image: "a", Line: 1}}},
	{"heredoc without end", "FROM a\nRUN <<EOF\nFROM b\n", nil},
	{"empty", "", nil},
	{"only comments", "# x\n\n", nil},
	{"no image", "FROM", nil},
	{"two words", "FROM a b", nil},
	{"not AS", "FROM a is b", nil},
	{"bad stage name", "FROM a AS 1b", nil},
	{"unknown instruction", "FROM a\nFORM b", nil},
	{"instruction before FROM", "RUN x\nFROM a", nil},
	{"no FROM", "ARG a", []Stage{}},
}

func TestStages(t *testing.T) {
	for _, tt := range corpus {
		got, err := Stages([]byte(tt.text))
		if (err != nil) != (tt.want == nil) || !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
		var syntax *SyntaxError
		if err != nil && !errors.As(err, &syntax) {
			t.Errorf("%s: %T is no *SyntaxError", tt.name, err)
		}
		compare(t, []byte(tt.text))
		if _, err := reference([]byte(tt.text)); (err != nil) != (tt.want == nil) {
			t.Errorf("%s: BuildKit: %v", tt.name, err)
		}
	}
}

func TestSyntaxErrorNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"FROM a\nFORM b":           `line 2: unknown instruction "form"`,
		"FROM a\nRUN x \\\n y\nUP": `line 4: unknown instruction "up"`,
		"":                         "the file has no instructions",
		"FROM a\nRUN <<EOF\nx":     `line 2: the here-document has no end: no line is "EOF"`,
		"# escape=`\n# escape=`":   `line 2: the parser directive "escape" is given twice`,
	} {
		if _, err := Stages([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// reference is what BuildKit reads.
func reference(data []byte) ([]Stage, error) {
	result, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	stages, _, err := instructions.Parse(result.AST, nil)
	if err != nil {
		return nil, err
	}
	var out []Stage
	for _, s := range stages {
		out = append(out, Stage{Image: s.BaseName, Platform: s.Platform, Name: s.Name, Line: s.Location[0].Start.Line})
	}
	return out, nil
}

// compare makes sure that what BuildKit accepts is read, and read alike. What
// it refuses for the sake of other instructions may pass.
func compare(t *testing.T, data []byte) {
	t.Helper()
	want, err := reference(data)
	if err != nil {
		return
	}
	got, err := Stages(data)
	if err != nil {
		t.Fatalf("%q: %v; BuildKit reads %+v", data, err, want)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q: got %+v; BuildKit reads %+v", data, got, want)
	}
}

func FuzzStages(f *testing.F) {
	for _, tt := range corpus {
		f.Add([]byte(tt.text))
	}
	f.Add([]byte("FROM a\nRUN \\ << \"\\\"$\\\\x\" ${b:+'c d'} <<-\\\"E\n"))
	f.Add([]byte("FROM a\nCOPY --from=x --chmod=\"1 <<y\" <<z w\n\nz\n"))
	f.Add([]byte("FROM a" + strings.Repeat(" ", 100) + "\nADD ${a//b/<<c} ${#} ${1a} <<$x\n$x"))
	f.Fuzz(func(t *testing.T, data []byte) { compare(t, data) })
}
