package progress

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/extpack/extpack/internal/text"
)

// Modes of progress that are more than a choice of buildx.
const (
	// JSON is the mode in which every line of standard error is a JSON object.
	JSON  = "rawjson"
	plain = "plain"
	quiet = "quiet"
)

// Mode returns the mode for the value of --progress.
func Mode(flag string) string {
	if env := os.Getenv("BUILDKIT_PROGRESS"); env != "" && (flag == "" || flag == "auto") {
		return env
	}
	return flag
}

// LineWriter is a writer that converts each line. A line that is converted to
// nothing is left out.
type LineWriter struct {
	Out     io.Writer
	Convert func(line []byte) []byte

	mu   sync.Mutex
	part []byte // the beginning of a line
}

// Write writes the lines that are complete.
func (w *LineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = append(w.part, p...)
	end := bytes.LastIndexByte(w.part, '\n') + 1
	if end == 0 {
		return len(p), nil
	}
	var out []byte
	for line := range bytes.Lines(w.part[:end]) {
		out = append(out, w.Convert(line)...)
	}
	w.part = append([]byte{}, w.part[end:]...)
	_, err := w.Out.Write(out)
	return len(p), err
}

// Flush writes a last line without an end.
func (w *LineWriter) Flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.part) > 0 {
		_, _ = w.Out.Write(w.Convert(w.part)) // errors of the last write are ignored
	}
	w.part = nil
}

// message is a line of docker extpack among those of BuildKit. Readers of
// BuildKit's progress ignore it, because its fields are different.
type message struct {
	// Level is "info", "warning" or "error".
	Level string `json:"level"`
	// Message is the text, without a hint.
	Message string `json:"message"`
	// Hint is the hint of an error.
	Hint string `json:"hint,omitempty"`
}

// JSONLine returns a line as JSON, and nothing for an empty one.
func JSONLine(line []byte) []byte {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil
	}
	if line[0] == '{' && json.Valid(line) {
		return append(bytes.Clone(line), '\n')
	}
	return marshalLine(textMessage(string(line)))
}

// JSONError returns what was printed about an error as a line of JSON.
func JSONError(reported string) []byte {
	text, hint, _ := strings.Cut(strings.TrimSpace(reported), "\n  ")
	return marshalLine(message{Level: "error", Message: strings.TrimPrefix(text, "ERROR: "), Hint: hint})
}

// textMessage determines the level by the prefix of a line of docker extpack or
// buildx.
func textMessage(line string) message {
	for _, l := range []struct{ prefix, level string }{
		{"ERROR: ", "error"}, {"WARNING: ", "warning"}, {"warning: ", "warning"},
	} {
		if text, ok := strings.CutPrefix(line, l.prefix); ok {
			return message{Level: l.level, Message: text}
		}
	}
	if strings.Contains(line, ": warning: ") {
		return message{Level: "warning", Message: line}
	}
	return message{Level: "info", Message: line}
}

func marshalLine(m message) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(m) // three strings
	return text.CleanJSON(b.Bytes())
}
