//go:build linux

package e2e_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/extpack/extpack/tests/page"
)

// perMinute is the number of keystrokes of 40 words of five letters.
const perMinute = 200

// TestReadersTyping types what the README says for a first package into the shell
// of a terminal, in an empty folder: on a machine without a Docker Engine, buildx
// and BuildKit, and then with a builder. Everything has to be typed in less than
// three minutes. docs/benchmarks.md has the numbers.
func TestReadersTyping(t *testing.T) {
	t.Parallel()
	blocks, err := page.Read(world.root, "README.md")
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := os.ReadFile(filepath.Join(world.root, "docs", "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []struct{ name, typed string }{
		{"every file by hand", typeFiles(blocks)},
		{"with init", install(t) + commandsWith(blocks, "docker extpack init")},
	} {
		typed := way.typed + commandsWith(blocks, "docker extpack build ./hello")
		minutes := float64(len(typed)) / perMinute
		if minutes >= 3 {
			t.Errorf("%s: typing %d characters takes %.1f minutes", way.name, len(typed), minutes)
		}
		if row := fmt.Sprintf("| %s | %d | %.1f |", way.name, len(typed), minutes); !strings.Contains(string(numbers), row) {
			t.Errorf("docs/benchmarks.md does not have the row %q", row)
		}
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			var indexes []string
			for _, builder := range []bool{false, true} {
				registry := world.Registry() + "/" + strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-") + fmt.Sprint(builder)
				begun := time.Now()
				screen := typeInto(t, docsEnv(t, builder), strings.ReplaceAll(typed, "registry.example.com", registry))
				t.Logf("builder %t: %d characters, %s\n%s", builder, len(typed), time.Since(begun).Round(10*time.Millisecond), screen)
				p := fetch(t, registry+"/acme/hello:1.0.0")
				if len(p.images) != 2 {
					t.Errorf("published were %d images", len(p.images))
				}
				indexes = append(indexes, p.digest)
			}
			if indexes[0] != indexes[1] {
				t.Errorf("without a builder %s, with it %s", indexes[0], indexes[1])
			}
		})
	}
}

// typeFiles returns what writes the files of the first extension.
func typeFiles(blocks []page.Block) string {
	const endOfInput = "\x04"
	typed, made := "", map[string]bool{}
	for _, b := range blocks {
		if !strings.HasPrefix(b.File, "hello/") {
			continue
		}
		if dir := path.Dir(b.File); !made[dir] {
			typed += "mkdir " + dir + "\n"
			made[dir] = true
		}
		typed += "cat > " + b.File + "\n" + b.Text + endOfInput
	}
	return typed
}

// commandsWith returns the first command of a block that begins with prefix.
func commandsWith(blocks []page.Block, prefix string) string {
	for _, b := range blocks {
		if !b.IsCommand() {
			continue
		}
		for line := range strings.Lines(b.Text) {
			if line = strings.TrimPrefix(line, "$ "); strings.HasPrefix(line, prefix) {
				return line
			}
		}
	}
	return ""
}

// install returns what installs the plugin on Debian, with functions in the place
// of the programs that download and install: tests/release installs the package.
func install(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(world.root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile("(?m)^\\| Debian, Ubuntu \\| `(.+)` \\|$").FindSubmatch(readme)
	address := regexp.MustCompile("`(R=https://[^`]+)`").FindSubmatch(readme)
	if command == nil || address == nil {
		t.Fatal("the README does not say how to install on Debian")
	}
	return "V=1.0.0\n" + string(address[1]) + "\n" + string(command[1]) + "\n"
}

// typeInto types into a shell of a terminal, in an empty folder, and returns what
// is on the screen then.
func typeInto(t *testing.T, env []string, typed string) string {
	t.Helper()
	dir := t.TempDir()
	profile := filepath.Join(t.TempDir(), "profile")
	writeFile(t, profile, "curl() { :; }\nsudo() { :; }\n")
	// Without editing, which would change the mode of the terminal between lines.
	cmd := exec.CommandContext(t.Context(), "bash", "--noediting", "--rcfile", profile, "-i")
	cmd.Dir, cmd.Env = dir, append(slices.Clone(env), "TERM=xterm", "PS1=$ ")
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	failed := make(chan error, 1)
	go func() {
		_, err := io.WriteString(terminal, typed+"exit\n")
		failed <- err
	}()
	screen, _ := io.ReadAll(terminal) // ends with an error when the shell has ended
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the last command failed: %v\n%s", err, screen)
	}
	return string(screen)
}
