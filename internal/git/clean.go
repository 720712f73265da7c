package git

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/lazyregexp"
)

// scp matches the form of a remote that scp has: "git@host:path".
var scp = lazyregexp.New(`^(?:[^/@:]+@)?[^/:@]{2,}:[^/].*$`)

// Clean returns the URL of a remote without credentials: user and password of
// HTTP, the password of SSH, and query and fragment, which may contain tokens. It
// returns "" for a path on this machine, and for what is not a URL.
func Clean(remote string) string {
	remote = strings.TrimSpace(remote)
	if !strings.Contains(remote, "://") {
		if scp.Get().MatchString(remote) && !filepath.IsAbs(remote) {
			return remote
		}
		return ""
	}
	u, err := url.Parse(remote)
	if err != nil || u.Host == "" || u.Scheme == "file" {
		return ""
	}
	switch user := u.User.Username(); {
	case u.Scheme == "ssh" && user != "":
		u.User = url.User(user)
	default:
		u.User = nil
	}
	u.RawQuery, u.Fragment, u.RawFragment, u.ForceQuery = "", "", "", false
	return u.String()
}
