package lint

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/safefile"
)

// Fix repairs what can be repaired without a decision, and returns what it did as
// a unified diff: exec bits, CRLF and byte order marks in scripts, a missing api,
// and other spellings of keys and platforms.
func Fix(list diag.List) (string, error) {
	var out strings.Builder
	byFile := map[string]diag.List{}
	var files []string
	for _, d := range list {
		if r := rules.ByID(d.Rule); r == nil || !r.Fixable || d.File == "" {
			continue
		}
		if byFile[d.File] == nil {
			files = append(files, d.File)
		}
		byFile[d.File] = append(byFile[d.File], d)
	}
	slices.Sort(files)
	for _, file := range files {
		diff, err := fixFile(file, byFile[file])
		if err != nil {
			return out.String(), fmt.Errorf("fixing %s: %w", file, err)
		}
		out.WriteString(diff)
	}
	return out.String(), nil
}

// maxFixed bounds a file that is repaired, which may be a program.
const maxFixed = 256 << 20

func fixFile(file string, list diag.List) (string, error) {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() {
		return "", err // what a link leads to may not be ours
	}
	old, err := safefile.ReadNamed(file, maxFixed)
	if err != nil {
		return "", err
	}
	data, mode := old, info.Mode().Perm()
	// From the end, so that positions stay right.
	slices.SortFunc(list, func(a, b diag.Diagnostic) int {
		return compareInts(b.Line, a.Line, b.Column, a.Column)
	})
	for _, d := range list {
		switch d.Rule {
		case rules.EntryPointMode.ID:
			mode |= 0o111
		case rules.ScriptInterpreter.ID:
			data = fixScript(data)
		default:
			data = applyEdit(data, d)
		}
	}
	diff := ""
	if mode != info.Mode().Perm() {
		diff = fmt.Sprintf("%s: mode %04o → %04o\n", file, info.Mode().Perm(), mode)
		if err := os.Chmod(file, mode); err != nil {
			return "", err
		}
	}
	if bytes.Equal(data, old) {
		return diff, nil
	}
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: visible(old), B: visible(data), FromFile: file, ToFile: file, Context: 1,
	})
	if err != nil {
		return "", err
	}
	return diff + text, os.WriteFile(file, data, mode)
}

// visible splits text into lines, with a mark for the CR of those that have one.
func visible(data []byte) []string {
	return difflib.SplitLines(strings.ReplaceAll(string(data), "\r\n", "␍\n"))
}

func compareInts(pairs ...int) int {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] != pairs[i+1] {
			return pairs[i] - pairs[i+1]
		}
	}
	return 0
}

// fixScript removes what hides the first line of a script from Linux.
func fixScript(data []byte) []byte {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if bytes.HasSuffix(first, []byte("\r")) {
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	}
	return data
}

// applyEdit replaces the text at the position of d, if it is still there.
func applyEdit(data []byte, d diag.Diagnostic) []byte {
	if d.Edit == nil {
		return data
	}
	at := offsetOf(data, d.Position)
	if at < 0 || !bytes.HasPrefix(data[at:], []byte(d.Edit.Old)) {
		return data
	}
	return slices.Concat(data[:at], []byte(d.Edit.New), data[at+len(d.Edit.Old):])
}

// offsetOf returns the offset of a position, -1 when the text has no such place.
// The whole file is its first line that is not a comment.
func offsetOf(data []byte, p diag.Position) int {
	at, line := 0, 1
	for l := range bytes.Lines(data) {
		if p.Line == 0 && !bytes.HasPrefix(l, []byte("#")) {
			return at
		}
		if line == p.Line {
			text := []rune(string(l))
			if p.Column < 1 || p.Column > len(text) {
				return -1
			}
			return at + len(string(text[:p.Column-1]))
		}
		at += len(l)
		line++
	}
	if p.Line == 0 {
		return at
	}
	return -1
}
