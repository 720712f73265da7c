//go:build unix

package e2e_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/extpack/extpack/tests/terminal"
)

// TestStory: on a terminal, a build with buildx shows buildx's progress, then each
// step, a summary and the next command. Standard output has the reference alone.
func TestStory(t *testing.T) {
	dir := static(t)
	for _, columns := range []int{60, 80, 120} {
		ref := tag(t, strconv.Itoa(columns))
		for _, state := range []string{"new", "unchanged"} {
			cmd := command(t.Context(), t.TempDir(), "build", dir, "--push", "-t", ref)
			cmd.Env = append(cmd.Env, "TERM=xterm-256color", "NO_COLOR=")
			var stdout bytes.Buffer
			cmd.Stdout = &stdout
			screen, err := terminal.Run(cmd, columns)
			if err != nil {
				t.Fatalf("%v\n%s", err, screen)
			}
			steps := []string{"[+] Building ", "annotated ", "verified ", "pushing to ", " " + state, "PLATFORM", "linux/amd64", "Next:", "  docker extpack inspect "}
			if state == "unchanged" {
				steps = slices.Concat([]string{"nothing to do for "}, steps[4:])
			}
			lines := screen.Lines()
			for _, step := range steps {
				at := slices.IndexFunc(lines, func(line string) bool {
					return strings.HasPrefix(line, step) || step[0] == ' ' && strings.HasSuffix(line, step)
				})
				if at < 0 {
					t.Errorf("%d columns: %q is missing, or not in this order:\n%s", columns, step, screen)
					break
				}
				lines = lines[at+1:]
			}
			for _, line := range screen.Wide() {
				if !strings.Contains(line, ref[:strings.LastIndex(ref, ":")]) {
					t.Errorf("%d columns: a line is too wide: %s", columns, line)
				}
			}
			if out := stdout.String(); !strings.HasPrefix(out, ref+"@sha256:") || strings.Count(out, "\n") != 1 {
				t.Errorf("standard output is %q", out)
			}
			if !screen.Colored() {
				t.Errorf("%d columns: no colours", columns)
			}
		}
	}
}
