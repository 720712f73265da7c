package cliplugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"

	"github.com/extpack/extpack/internal/text"
)

// progressJSON is the value of --progress with which every line of standard
// error is a JSON object.
const progressJSON = "rawjson"

// message is a line of docker extpack among those of BuildKit. Readers of
// BuildKit's progress ignore it, because its fields are different.
type message struct {
	// Level is "info", "warning" or "error".
	Level   string `json:"level"`
	Message string `json:"message"`
	// Hint is the hint of an error.
	Hint string `json:"hint,omitempty"`
}

// lineWriter is a writer that converts each line. A line that is converted to
// nothing is left out.
type lineWriter struct {
	out     io.Writer
	convert func(line []byte) []byte

	mu   sync.Mutex
	part []byte // the beginning of a line
}

// progressMode returns the mode of buildx for --progress.
func progressMode(flag string) string {
	if env := os.Getenv("BUILDKIT_PROGRESS"); env != "" && (flag == "" || flag == "auto") {
		return env
	}
	return flag
}

// withProgress runs f. With --progress rawjson, everything written to standard
// error, including the error of f, is JSON.
func withProgress(dockerCLI command.Cli, flag string, f func() error) error {
	if progressMode(flag) != progressJSON {
		return f()
	}
	return withLines(dockerCLI, jsonLine, func(reported string) []byte {
		text, hint, _ := strings.Cut(strings.TrimSpace(reported), "\n  ")
		return marshalLine(message{Level: "error", Message: strings.TrimPrefix(text, "ERROR: "), Hint: hint})
	}, f)
}

// withLines runs f with a standard error whose lines are converted, and writes
// what failed returns for the report of an error.
func withLines(dockerCLI command.Cli, convert func(line []byte) []byte, failed func(reported string) []byte, f func() error) error {
	w := &lineWriter{out: dockerCLI.Err(), convert: convert}
	if err := setErrorStream(dockerCLI, w); err != nil {
		return err
	}
	err := f()
	w.flush()
	if err == nil {
		return nil
	}
	var b bytes.Buffer
	code := report(&b, err)
	if _, err := w.out.Write(failed(b.String())); err != nil {
		return err
	}
	return cli.StatusError{StatusCode: code} // prints an empty line, which is dropped
}

func setErrorStream(dockerCLI command.Cli, w io.Writer) error {
	concrete, ok := dockerCLI.(*command.DockerCli)
	if !ok {
		return errors.New("setting standard error: not supported by this docker CLI")
	}
	return command.WithErrorStream(w)(concrete)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = append(w.part, p...)
	end := bytes.LastIndexByte(w.part, '\n') + 1
	if end == 0 {
		return len(p), nil
	}
	var out []byte
	for line := range bytes.Lines(w.part[:end]) {
		out = append(out, w.convert(line)...)
	}
	w.part = append([]byte{}, w.part[end:]...)
	_, err := w.out.Write(out)
	return len(p), err
}

func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.part) > 0 {
		_, _ = w.out.Write(w.convert(w.part)) // errors of the last write are ignored
	}
	w.part = nil
}

// jsonLine returns a line as JSON, and nothing for an empty one.
func jsonLine(line []byte) []byte {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil
	}
	if line[0] == '{' && json.Valid(line) {
		return append(bytes.Clone(line), '\n')
	}
	return marshalLine(textMessage(string(line)))
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
