//go:build unix

package buildx

import (
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/extpack/extpack/internal/diag"
)

// TestFailureOnATerminalIsExplained: buildx draws on a separate terminal, which is
// copied to the screen, and a failure still gets an explanation.
func TestFailureOnATerminalIsExplained(t *testing.T) {
	master, screen, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(master) // ends with EIO
		shown <- string(text)
	}()
	script := "[ -t 2 ] || echo not a terminal >&2\nprintf '\\033[31mERROR:\\033[0m no builder \"x\" found\\n' >&2\nexit 1\n"
	b := &Client{Path: fakeBuildx(t, t.TempDir(), "buildx", script)}
	err = b.Run(t.Context(), nil, Options{Stderr: screen})
	screen.Close()
	if err == nil || !strings.Contains(diag.Text(err), "docker buildx ls") {
		t.Errorf("got %v, want the hint for a builder that is not there", err)
	}
	if text := <-shown; !strings.Contains(text, "no builder \"x\" found") || strings.Contains(text, "not a terminal") {
		t.Errorf("the screen shows %q", text)
	}
}
