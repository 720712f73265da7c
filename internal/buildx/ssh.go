package buildx

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/extpack/extpack/internal/diag"
)

// sshFailure is how the docker CLI reports that the ssh which it started for a
// host ended: a request, the command, advice, and what was written last.
var sshFailure = regexp.MustCompile(`(?:error during connect: [^\n]*?)?command \[ssh ([^\]\n]*)\] has exited with [^\n]*?stderr=([^\n]*(?:\n[^\n]+)*)`)

// An SSHFailure is a Docker host behind SSH that could not be used.
type SSHFailure struct {
	// Host is the host's address, such as "ssh://user@host:22".
	Host string
	// Reason is the last line of what ssh, or the shell there, said.
	Reason string
}

// Clause says it in a clause.
func (f SSHFailure) Clause() string {
	return fmt.Sprintf("%s cannot be used: %s", f.Host, f.Reason)
}

// Hint says what to try.
func (f SSHFailure) Hint() string {
	return fmt.Sprintf("see that this works without asking for anything: ssh %s docker version", f.Host)
}

// FindSSHFailure looks for one in what docker or buildx printed. plain is the
// output with [SSHFailure.Clause] in its place; without one it is unchanged and
// ok is false.
func FindSSHFailure(output string) (failure SSHFailure, plain string, ok bool) {
	match := sshFailure.FindStringSubmatchIndex(output)
	if match == nil {
		return SSHFailure{}, output, false
	}
	failure.Host = sshHost(strings.Fields(output[match[2]:match[3]]))
	said := strings.TrimSpace(output[match[4]:match[5]])
	said = strings.TrimSpace(said[strings.LastIndexByte(said, '\n')+1:])
	failure.Reason = strings.TrimPrefix(said, "ssh: ")
	if failure.Reason == "" {
		failure.Reason = "ssh ended without a word"
	}
	return failure, output[:match[0]] + failure.Clause() + output[match[1]:], true
}

// sshHost makes an address of the arguments that the docker CLI gave to ssh.
func sshHost(args []string) string {
	var user, port, host string
	for i := 0; i+1 < len(args); i++ {
		switch args[i] {
		case "-l":
			user = args[i+1] + "@"
		case "-p":
			port = args[i+1]
		case "--":
			host = args[i+1]
		}
	}
	if port != "" {
		host = net.JoinHostPort(host, port)
	}
	return "ssh://" + user + host
}

// WithSSHHint adds what to try to the error of a buildx run that could not
// reach a host.
func WithSSHHint(err error) error {
	var failed *RunError
	if errors.As(err, &failed) {
		if failure, _, ok := FindSSHFailure(failed.Stderr); ok {
			return diag.WithHint(err, failure.Hint())
		}
	}
	return err
}
