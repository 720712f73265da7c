// Package terminal runs commands on a terminal of a given width and returns what
// it shows in the end.
package terminal

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/tonistiigi/vt100"
)

// rows is the height of the terminal: nothing scrolls off it.
const rows = 200

// Screen is what a terminal shows.
type Screen struct {
	Columns int
	content [][]rune
	format  [][]vt100.Format
}

// Run runs cmd with standard output and standard error on a terminal, unless
// cmd has its own, and returns the screen. The error is that of cmd.
func Run(cmd *exec.Cmd, columns int) (*Screen, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("opening terminal: %w", err)
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: rows, Cols: uint16(columns)}); err != nil { //nolint:gosec // columns of a terminal
		return nil, errors.Join(err, slave.Close())
	}
	if cmd.Stdout == nil {
		cmd.Stdout = slave
	}
	if cmd.Stderr == nil {
		cmd.Stderr = slave
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, slave.Close())
	}
	slave.Close()
	// The emulator is wider than the terminal: it would otherwise wrap a full
	// line before the next character arrives.
	emulator := vt100.NewVT100(rows, 10*columns)
	_, _ = io.Copy(emulator, master) // ends with EIO when the command ends
	return &Screen{Columns: columns, content: emulator.Content, format: emulator.Format}, cmd.Wait()
}

// Lines returns the lines as they are shown, without spaces at their ends and
// without empty lines at the end of the screen.
func (s *Screen) Lines() []string {
	var lines []string
	for _, row := range s.content {
		line := strings.TrimRight(string(row), " ")
		for utf8.RuneCountInString(line) > s.Columns {
			runes := []rune(line)
			lines = append(lines, string(runes[:s.Columns]))
			line = string(runes[s.Columns:])
		}
		lines = append(lines, line)
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// String returns the lines, each with a line break.
func (s *Screen) String() string {
	return strings.Join(s.Lines(), "\n") + "\n"
}

// Wide returns the lines that do not fit the terminal.
func (s *Screen) Wide() []string {
	var wide []string
	for _, row := range s.content {
		if line := strings.TrimRight(string(row), " "); utf8.RuneCountInString(line) > s.Columns {
			wide = append(wide, line)
		}
	}
	return wide
}

// Colored reports whether some of the screen has a colour or is bold.
func (s *Screen) Colored() bool {
	for _, row := range s.format {
		for _, f := range row {
			if f.Fg != vt100.DefaultColor || f.Intensity != vt100.Normal {
				return true
			}
		}
	}
	return false
}
