// Package page reads the blocks of the documentation for the tests that run
// their commands. Each test package runs those whose needs it has; [Needs] says
// which.
package page

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Block is a fenced block of a page.
type Block struct {
	Page string
	Line int
	Lang string
	Text string
	// File is the name that the block is written to, AddTo that of a file to
	// whose end it is added.
	File, AddTo string
	// In is the folder that the commands are run in.
	In string
	// Needs is what the commands need, see [Needs].
	Needs string
}

// Needs are the values of Block.Needs besides names of programs, with the test
// that runs these blocks. Blocks without one are run by tests/e2e, and those that
// need another program where that is installed.
var Needs = map[string]string{
	"builder": "tests/e2e",     // BuildKit
	"engine":  "tests/engine",  // a Docker Engine, also behind SSH
	"cosign":  "tests/signing", // compiled there
	"release": "tests/release", // a checkout of the repository
	"ci":      ".ci/run",       // has the commands itself
}

// String returns the place of the block.
func (b Block) String() string { return fmt.Sprintf("%s:%d", b.Page, b.Line) }

// IsCommand reports whether the block has commands.
func (b Block) IsCommand() bool { return b.Lang == "sh" || b.Lang == "console" || b.Lang == "bash" }

// Commands returns the commands of a block of shell without comments.
func (b Block) Commands() []string {
	var commands []string
	for line := range strings.Lines(b.Text) {
		line, _, _ = strings.Cut(line, " #")
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			commands = append(commands, line)
		}
	}
	return commands
}

// directive matches the comments before a block that say what the tests do with
// it:
//
//	<!-- file: NAME -->     it is written to a file
//	<!-- add to: NAME -->   it is added to the end of a file
//	<!-- in: FOLDER -->     its commands are run in a folder
//	<!-- needs: builder --> its commands need BuildKit; see Needs for others
//	<!-- needs: PROGRAM --> they are run where the program is installed
var directive = regexp.MustCompile(`^<!-- (file|add to|in|needs): (.+) -->$`)

// Read returns the blocks of a page of the repository at root, in their order.
func Read(root, page string) ([]Block, error) {
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(page)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var blocks []Block
	next := Block{Page: page}
	var text strings.Builder
	inside := false
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		fence, lang, isFence := strings.Cut(strings.TrimSpace(line), "```")
		switch {
		case isFence && fence == "" && !inside:
			inside = true
			next.Line, next.Lang = n, strings.TrimSpace(lang)
			text.Reset()
		case isFence && fence == "" && inside:
			inside = false
			next.Text = text.String()
			blocks = append(blocks, next)
			next = Block{Page: page}
		case inside:
			text.WriteString(line + "\n")
		case strings.TrimSpace(line) != "":
			next.direct(strings.TrimSpace(line))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if inside {
		return nil, fmt.Errorf("%s: a block is not closed", page)
	}
	return blocks, nil
}

// direct applies a line before a block: a directive, or text, which ends what
// directives before it said.
func (b *Block) direct(line string) {
	m := directive.FindStringSubmatch(line)
	if m == nil {
		*b = Block{Page: b.Page}
		return
	}
	switch m[1] {
	case "file":
		b.File = m[2]
	case "add to":
		b.AddTo = m[2]
	case "in":
		b.In = m[2]
	case "needs":
		b.Needs = m[2]
	}
}

// List returns the Markdown files of the documentation of the repository at root.
// The reference is generated; a test of cli-plugin parses its examples.
func List(root string) ([]string, error) {
	list := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "reference" {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) == ".md" {
			rel, err := filepath.Rel(root, name)
			list = append(list, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	slices.Sort(list)
	return list, err
}

// WithNeed returns the blocks of commands with a need, of all pages.
func WithNeed(root, need string) ([]Block, error) {
	pages, err := List(root)
	if err != nil {
		return nil, err
	}
	var found []Block
	for _, name := range pages {
		blocks, err := Read(root, name)
		if err != nil {
			return nil, err
		}
		for _, b := range blocks {
			if b.IsCommand() && b.Needs == need {
				found = append(found, b)
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no block of commands needs %q", need)
	}
	return found, nil
}
