package git

import (
	"errors"
	"testing"
)

func TestRunError(t *testing.T) {
	t.Parallel()
	const remote = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n"
	for stderr, want := range map[string]string{
		"":                             "git fetch: exit status 128",
		"warning: x\nfatal: bad ref\n": "git fetch: bad ref",
		remote:                         "git fetch: Could not read from remote repository.",
		"ssh: connect to host x port 22: Connection refused\r\n" + remote: "git fetch: ssh: connect to host x port 22: Connection refused",
	} {
		if err := (&runError{args: []string{"fetch"}, stderr: stderr, err: errors.New("exit status 128")}); err.Error() != want {
			t.Errorf("%q: %q", stderr, err)
		}
	}
}
