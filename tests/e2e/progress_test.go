//go:build unix

package e2e_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
)

// escapes are what moves the cursor and colours (ECMA-48, section 5.4).
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[@-~]")

// onScreen runs the plugin with standard error on a terminal and returns the
// lines drawn there, each as often as it was drawn.
func onScreen(t *testing.T, columns uint16, args ...string) []string {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	cmd := in(exec.CommandContext(t.Context(), world.plugin, args...), t.TempDir())
	cmd.Stderr = slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	drawn, _ := io.ReadAll(master) // ends with EIO
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, drawn)
	}
	text := escapes.ReplaceAllString(string(drawn), "")
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
}

// TestProgressOnTerminals: name, bar, bytes and "done" fit on the line however
// long the repository is, which is named once.
func TestProgressOnTerminals(t *testing.T) {
	random := make([]byte, 6_000_000) // nothing can be compressed
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	const arm = "linux/arm64:a-distribution-with-a-name-of-some-length@24.04"
	dir := extensionDir(t, map[string]string{
		"extension.toml":           descriptor("samples/big", ""),
		"linux/amd64/bin/generate": script, "linux/amd64/data": string(random),
		"linux/arm64/bin/generate": script, "linux/arm64/data": string(random[1:]),
	})
	for _, columns := range []uint16{60, 80, 100, 160} {
		repository := strings.TrimSuffix(tag(t, "1"), ":1") + "/" + strings.Repeat("a-long-name/", 5) + "big" + strings.Repeat("x", int(columns)/20)
		lines := onScreen(t, columns, "build", dir, "--engine", "embedded", "--target", "linux/amd64", "--target", arm, "--push", "-t", repository+":1")
		last := func(pattern string) int {
			re := regexp.MustCompile(pattern)
			for i, line := range slices.Backward(lines) {
				if re.MatchString(line) {
					return i
				}
			}
			t.Errorf("%d columns: nothing like %q in:\n%s", columns, pattern, strings.Join(lines, "\n"))
			return -1
		}
		at := []int{
			max(last(`^pack linux/amd64 +\[=+\] .*6(\.01)?MB / 6(\.01)?MB .*done *$`), last(`^pack linu.*24\.04 +\[=+\] .*6(\.01)?MB / 6(\.01)?MB .*done *$`)),
			last(`^verified samples/big@1\.2\.3: 2 platforms$`),
			last(`^pushing to ` + repository + `$`),
			min(last(`^push linux/amd64 +\[=+\] .*6(\.01)?MB / 6(\.01)?MB .*done *$`), last(`^push linu.*24\.04 +\[=+\] .*6(\.01)?MB / 6(\.01)?MB .*done *$`)),
		}
		if !slices.IsSorted(at) {
			t.Errorf("%d columns: lines are in the order %v:\n%s", columns, at, strings.Join(lines, "\n"))
		}
		named := 0
		for _, line := range lines {
			if strings.Contains(line, repository) {
				named++
			} else if n := utf8.RuneCountInString(strings.TrimRight(line, " ")); n > int(columns) {
				t.Errorf("%d columns, a line of %d: %q", columns, n, line)
			}
		}
		if named != 2 { // when the push begins, and in the next command
			t.Errorf("%d columns: the repository is named %d times:\n%s", columns, named, strings.Join(lines, "\n"))
		}
	}
	// Elsewhere there are lines instead.
	r := extpack(t, t.TempDir(), "build", dir, "--engine", "embedded", "--force", "--push", "-t", tag(t, "plain"), "-o", filepath.Join(t.TempDir(), "x.cnb"))
	for _, line := range []string{"packed linux/amd64 (6MB)", "packed linux/arm64 (6MB)", "pushed linux/amd64 to " + strings.TrimSuffix(tag(t, "x"), ":x") + " (6.01MB)"} {
		if !strings.Contains(r.stderr, line+"\n") {
			t.Errorf("no line %q in:\n%s", line, r.stderr)
		}
	}
}

// With the progress rawjson all of standard error is JSON, of builds that fail
// too: buildx itself ends with a line that is none.
func TestProgressIsJSONToTheLastLine(t *testing.T) {
	broken := extensionDir(t, map[string]string{
		"extension.toml": descriptor("samples/broken", linuxTargets+"[metadata.extpack.build]\n"), "Dockerfile": "FROM scratch\nCOPY gone /\n",
	})
	for dir, code := range map[string]int{static(t): 0, broken: 1} {
		r := extpack(t, t.TempDir(), "build", dir, "--progress", "rawjson", "-o", filepath.Join(t.TempDir(), "x.cnb"))
		if r.code != code {
			t.Errorf("exit code %d:\n%s", r.code, r.stderr)
		}
		level := ""
		for line := range strings.Lines(r.stderr) {
			var m struct{ Level, Message, Hint string }
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Errorf("%v: %q", err, line)
			}
			level = m.Level + " " + m.Message
		}
		want := "info verified "
		if code != 0 {
			want = `error building: the Dockerfile copies "/gone"`
		}
		if !strings.HasPrefix(level, want) {
			t.Errorf("the last line is %q, want %q", level, want)
		}
	}
}
