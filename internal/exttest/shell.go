package exttest

import (
	"encoding/json"
)

// optional returns a pattern for COPY that matches the path alone, and may match
// nothing: the last character is in a class. The path has no special characters.
func optional(name string) string {
	last := len(name) - 1
	return name[:last] + "[" + name[last:] + "]"
}

// commandScript runs its arguments and writes their output and exit code. It
// never fails.
const commandScript = `"$@" >/cnb/extpack/out/output 2>&1 </dev/null; echo $? >/cnb/extpack/out/code`

// wrap returns a RUN instruction's command in the exec form, in which a
// Dockerfile expands nothing.
func wrap(command []string) string {
	words := append([]string{"/bin/sh", "-c", commandScript, "sh"}, command...)
	data, err := json.Marshal(words)
	if err != nil {
		panic(err) // strings can be encoded
	}
	return string(data)
}
