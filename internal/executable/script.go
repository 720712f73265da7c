package executable

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/extpack/extpack/internal/rules"
)

// Lengths to which Linux reads the first line of a script, including "#!":
// BINPRM_BUF_SIZE less the terminating zero, since 5.1 and before.
const (
	maxScriptLine    = 255
	maxOldScriptLine = 127
)

// Fault is the reason why an executable file that is not a program cannot run.
type Fault struct {
	// Rule is the rule that the file violates.
	Rule *rules.Rule
	// Words continue a sentence that begins with the name of the file.
	Words string
	// Text reports whether the file is a text file.
	Text bool
}

// ReadScript checks the head of an executable file that is not a program. It
// returns nil for a script that Linux can run. Source: Linux,
// fs/binfmt_script.c.
func ReadScript(head []byte) *Fault {
	for _, mark := range []string{"\xef\xbb\xbf#!", "\xff\xfe#\x00!\x00", "\xfe\xff\x00#\x00!"} {
		if bytes.HasPrefix(head, []byte(mark)) {
			return &Fault{rules.ScriptInterpreter, "begins with a byte order mark, which hides its #! from Linux", true}
		}
	}
	if !bytes.HasPrefix(head, []byte("#!")) {
		text := len(head) > 0 && !bytes.Contains(head, []byte{0})
		return &Fault{rules.ScriptMissing, "is not a program and does not begin with #!", text}
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	if words := interpreterFault(string(line)); words != "" {
		return &Fault{rules.ScriptInterpreter, words, true}
	}
	if len(line) > maxOldScriptLine {
		return &Fault{rules.ScriptLength, fmt.Sprintf("has a first line of %d bytes; Linux before 5.1 reads %d", len(line), maxOldScriptLine), true}
	}
	return nil
}

// interpreterFault returns what is wrong with a line that begins with "#!".
func interpreterFault(line string) string {
	interpreter, args, _ := strings.Cut(strings.Trim(strings.ReplaceAll(line[2:], "\t", " "), " "), " ")
	args = strings.TrimSpace(args)
	switch {
	case len(line) > maxScriptLine:
		return fmt.Sprintf("has a first line of more than the %d bytes that Linux reads", maxScriptLine)
	case strings.Contains(line, "\r"):
		return "ends its first line with CRLF, and Linux treats the CR as part of the interpreter's name or argument"
	case interpreter == "":
		return "has no interpreter after #!"
	case !strings.HasPrefix(interpreter, "/"):
		return fmt.Sprintf("names the interpreter %q, which is not an absolute path", interpreter)
	case path.Base(interpreter) != "env":
		return ""
	case args == "":
		return "runs env without the name of a program"
	case strings.Contains(args, " ") && !strings.HasPrefix(args, "-"):
		return fmt.Sprintf("runs env with %q, which Linux passes on as one name without env -S", args)
	}
	return ""
}
