package buildx

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// sshFailure matches the error of the docker CLI for a failed ssh command: the
// request, the command, advice, and the last output.
var sshFailure = lazyregexp.New(`(?:error during connect: [^\n]*?)?command \[ssh ([^\]\n]*)\] has exited with [^\n]*?stderr=([^\n]*(?:\n[^\n]+)*)`)

// An SSHFailure is a failed SSH connection to a Docker host.
type SSHFailure struct {
	// Host is the address of the host, such as "ssh://user@host:22".
	Host string
	// Reason is the last line of output of ssh or the remote shell.
	Reason string
}

// Clause returns the failure as a clause.
func (f SSHFailure) Clause() string {
	return fmt.Sprintf("%s cannot be used: %s", f.Host, f.Reason)
}

// Hint returns the next step.
func (f SSHFailure) Hint() string {
	return fmt.Sprintf("make sure that this works without a prompt: ssh %s docker version", f.Host)
}

// FindSSHFailure finds a failure in the output of docker or buildx. plain is
// the output with [SSHFailure.Clause] instead of it. ok is false if there is
// none.
func FindSSHFailure(output string) (failure SSHFailure, plain string, ok bool) {
	match := sshFailure.Get().FindStringSubmatchIndex(output)
	if match == nil {
		return SSHFailure{}, output, false
	}
	failure.Host = sshHost(strings.Fields(output[match[2]:match[3]]))
	said := strings.TrimSpace(output[match[4]:match[5]])
	said = strings.TrimSpace(said[strings.LastIndexByte(said, '\n')+1:])
	failure.Reason = strings.TrimPrefix(said, "ssh: ")
	if failure.Reason == "" {
		failure.Reason = "ssh printed no message"
	}
	return failure, output[:match[0]] + failure.Clause() + output[match[1]:], true
}

// sshHost returns the address for the arguments that the docker CLI passed to
// ssh.
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

// WithSSHHint adds a hint to the error of a buildx run that could not reach a
// host.
func WithSSHHint(err error) error {
	var failed *RunError
	if errors.As(err, &failed) {
		if failure, _, ok := FindSSHFailure(failed.Stderr); ok {
			return diag.WithHint(err, failure.Hint())
		}
	}
	return err
}
