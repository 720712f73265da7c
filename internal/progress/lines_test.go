package progress

import (
	"bytes"
	"strings"
	"testing"
)

// TestJSONLines: every line is JSON with a level, and BuildKit's own lines stay as
// they are.
func TestJSONLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := &LineWriter{Out: &out, Convert: JSONLine}
	for _, part := range []string{
		"warning: no", "thing\n", "\n  \n", "x: warning: y\nplain <text>\n{\"vertexes\":[]}\n{not JSON\n", "WARNING: W\nERROR: E\nunfinished",
	} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("%q: %d, %v", part, n, err)
		}
	}
	if strings.Contains(out.String(), "unfinished") {
		t.Error("an unfinished line was written")
	}
	w.Flush()
	w.Flush()
	want := `{"level":"warning","message":"nothing"}
{"level":"warning","message":"x: warning: y"}
{"level":"info","message":"plain <text>"}
{"vertexes":[]}
{"level":"info","message":"{not JSON"}
{"level":"warning","message":"W"}
{"level":"error","message":"E"}
{"level":"info","message":"unfinished"}
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestJSONError(t *testing.T) {
	t.Parallel()
	for reported, want := range map[string]string{
		"ERROR: it failed\n":        `{"level":"error","message":"it failed"}`,
		"it is wrong\n  correct it": `{"level":"error","message":"it is wrong","hint":"correct it"}`,
	} {
		if got := string(JSONError(reported)); got != want+"\n" {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestMode: the variable of BuildKit decides unless the flag does.
func TestMode(t *testing.T) {
	t.Setenv("BUILDKIT_PROGRESS", JSON)
	for flag, want := range map[string]string{"": JSON, "auto": JSON, plain: plain} {
		if got := Mode(flag); got != want {
			t.Errorf("--progress %q: %q, want %q", flag, got, want)
		}
	}
	t.Setenv("BUILDKIT_PROGRESS", "")
	if got := Mode("auto"); got != "auto" {
		t.Errorf("without the variable: %q", got)
	}
}
