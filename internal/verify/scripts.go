package verify

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path"
	"strings"
)

// How much of a script's first line Linux reads, "#!" included: BINPRM_BUF_SIZE
// less the end of the string, in 5.1 and later, and before.
const (
	maxScriptLine    = 255
	maxOldScriptLine = 127
)

// bitsExec of a mode make a file an executable for somebody.
const bitsExec = 0o111

// notRunnable is why an executable that is no program cannot be run.
type notRunnable struct {
	// id is the check that it fails.
	id string
	// words go on after the name of the file.
	words string
	// text is whether the file is text at all.
	text bool
}

// readScript judges the head of an executable file that is no program; nil is
// a script that can be run. Rules: Linux, fs/binfmt_script.c.
func readScript(head []byte) *notRunnable {
	for _, mark := range []string{"\xef\xbb\xbf#!", "\xff\xfe#\x00!\x00", "\xfe\xff\x00#\x00!"} {
		if bytes.HasPrefix(head, []byte(mark)) {
			return &notRunnable{idScriptInterpreter, "begins with a byte order mark, which hides its #! from Linux", true}
		}
	}
	if !bytes.HasPrefix(head, []byte("#!")) {
		text := len(head) > 0 && !bytes.Contains(head, []byte{0})
		return &notRunnable{idScriptMissing, "is neither a program nor does it begin with #!", text}
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	if words := interpreterFault(string(line)); words != "" {
		return &notRunnable{idScriptInterpreter, words, true}
	}
	if len(line) > maxOldScriptLine {
		return &notRunnable{idScriptLength, fmt.Sprintf("has a first line of %d bytes; Linux before 5.1 reads %d", len(line), maxOldScriptLine), true}
	}
	return nil
}

// interpreterFault says what is wrong with a line that begins with "#!".
func interpreterFault(line string) string {
	interpreter, args, _ := strings.Cut(strings.Trim(strings.ReplaceAll(line[2:], "\t", " "), " "), " ")
	args = strings.TrimSpace(args)
	switch {
	case len(line) > maxScriptLine:
		return fmt.Sprintf("has a first line of more than the %d bytes that Linux reads", maxScriptLine)
	case strings.Contains(line, "\r"):
		return "ends its first line with CRLF, and Linux takes the CR for a part of the interpreter's name or argument"
	case interpreter == "":
		return "names no interpreter after #!"
	case !strings.HasPrefix(interpreter, "/"):
		return fmt.Sprintf("names the interpreter %q, which is no absolute path", interpreter)
	case path.Base(interpreter) != "env":
		return ""
	case args == "":
		return "runs env without the name of a program"
	case strings.Contains(args, " ") && !strings.HasPrefix(args, "-"):
		return fmt.Sprintf("runs env with %q, which Linux passes on as one name; use env -S", args)
	}
	return ""
}

// checkScripts checks the executables that are no programs.
func (c *checker) checkScripts(i *image) {
	if i.tree == nil || i.platform.OS == "windows" {
		return
	}
	run := map[*entry]bool{} // by the lifecycle, maybe through a link
	for _, file := range entryPoints {
		run[i.tree.file(i.dir+"/"+file)] = true
	}
	for _, e := range i.tree.entries {
		fault := e.fault
		if fault == nil || !i.tree.inside(e.name) {
			continue
		}
		id := fault.id
		switch {
		case id == idScriptMissing && run[e]:
			id = idEntryPoint // unlike a shell, the lifecycle does not try to interpret it
		case id == idScriptMissing && !fault.text:
			continue // data that got exec bits somehow
		}
		file := i.tree.rel(e.name)
		c.report(id, i, file, "%s %s", file, fault.words)
	}
}

// entryPoints are what the lifecycle runs, relative to the extension.
var entryPoints = []string{"bin/detect", "bin/generate"}

// isExecutable reports whether a file is meant to be run.
func (e *entry) isExecutable() bool { return e.kind == tar.TypeReg && e.mode&bitsExec != 0 }
