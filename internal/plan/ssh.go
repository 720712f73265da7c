package plan

import (
	"strings"

	"github.com/extpack/extpack/internal/diag"
)

// SSH is an SSH forwarding of a build stage, in the form of docker buildx
// build's "--ssh": "default|ID[=SOCKET|KEY[,KEY]]".
type SSH struct {
	ID string
	// Paths are the paths of a socket or of keys, relative to the working
	// directory. There are none for the agent at SSH_AUTH_SOCK.
	Paths []string
	// Flag and Position are as in Spec.
	Flag     string
	Position diag.Position
}

func (s SSH) String() string {
	if len(s.Paths) == 0 {
		return s.ID
	}
	return s.ID + "=" + strings.Join(s.Paths, ",")
}

const writeSSH = "write default, ID=SOCKET or ID=KEY"

// ssh parses SSH forwardings. As with secrets, files are only checked when they
// are used.
func (p *buildPlanner) ssh(pos diag.Position, text, base string) SSH {
	id, paths, given := strings.Cut(text, "=")
	s := SSH{ID: id, Position: pos}
	p.checkForm(pos, "ssh", text)
	for _, path := range strings.Split(paths, ",") {
		switch {
		case path != "":
			s.Paths = append(s.Paths, from(base, path))
		case given:
			p.list.Errorf(pos, "ssh %q: a path is missing", text).Hint = writeSSH
			return s
		}
	}
	if id == "" {
		p.list.Errorf(pos, "ssh %q has no ID", text).Hint = writeSSH
	}
	return s
}
