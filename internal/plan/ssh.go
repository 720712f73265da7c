package plan

import (
	"strings"

	"github.com/extpack/extpack/internal/diag"
)

// SSH is what a build stage may use of SSH, in the form of docker buildx
// build's "--ssh": "default|ID[=SOCKET|KEY[,KEY]]".
type SSH struct {
	ID string
	// Paths are those of a socket or of keys, from the working directory; none
	// for the agent that SSH_AUTH_SOCK names.
	Paths []string
	// Flag and Position tell where it comes from, as in Spec.
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

// ssh reads what is forwarded. Whether keys are there is asked when they are
// used, as with secrets.
func (p *buildPlanner) ssh(pos diag.Position, text, base string) SSH {
	id, paths, given := strings.Cut(text, "=")
	s := SSH{ID: id, Position: pos}
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
