// Package remote fetches the source of an extension that is not on this
// machine: a Git repository or an archive, named as buildx names remote build
// contexts and bake definitions.
//
// What is fetched is a stranger's. It goes to a temporary folder within limits,
// nothing of it runs, no submodule is fetched, no link leads out of it, and
// credentials are neither stored nor printed.
package remote

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/loopback"
	"github.com/extpack/extpack/internal/text"
)

// Source is a parsed name.
type Source struct {
	// URL has no credentials, query and fragment.
	URL string
	// Ref is a branch, tag or commit, or "" for the default branch. Dir is the
	// folder of the extension in the source, or "".
	Ref, Dir string

	archive bool
	// full is the URL to fetch, with credentials.
	full     string
	user     *url.Userinfo
	protocol string
}

// String returns the name without credentials.
func (s *Source) String() string {
	switch {
	case s.Dir != "":
		return s.URL + "#" + s.Ref + ":" + s.Dir
	case s.Ref != "":
		return s.URL + "#" + s.Ref
	}
	return s.URL
}

const forms = "name a Git repository, https://HOST/REPOSITORY.git#REF:DIR, or an archive, https://HOST/NAME.tgz"

// page matches the path of a repository's page on GitHub, GitLab or Gitea, and
// that of a folder in it.
var page = lazyregexp.New(`^(/[^/]+/[^/]+)(?:/(?:-/)?(?:tree|src/branch|src/tag)/([^/]+)(?:/(.+))?)?$`)

// formsLike returns the forms that may be meant by the URL of a page.
func formsLike(u url.URL) string {
	m := page.Get().FindStringSubmatch(strings.TrimSuffix(u.Path, "/"))
	if m == nil {
		return forms
	}
	u.Path, u.RawPath = m[1]+".git", ""
	if m[2] == "" {
		return strings.Replace(forms, "https://HOST/REPOSITORY.git", text.Line(u.String()), 1)
	}
	return "name the Git repository: " + text.Quote(strings.TrimSuffix(u.String()+"#"+m[2]+":"+m[3], ":"))
}

var (
	// scp is the form of a repository that ssh and scp have.
	scp = lazyregexp.New(`^([A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*):([^-].*)$`)
	// refName are names of branches, tags and commits that mean nothing else to
	// git (git-check-ref-format).
	refName = lazyregexp.New(`^[\pL\pN_][\pL\pN_./@+=%,-]*$`)
	host    = lazyregexp.New(`^[A-Za-z0-9\[]`)
)

// Parse parses the name of a source. It returns nil for a path on this machine,
// and a [*diag.InvalidError] for what cannot be fetched.
func Parse(name string) (*Source, error) {
	if _, err := os.Lstat(name); err == nil {
		return nil, nil
	}
	address, fragment, _ := strings.Cut(name, "#")
	s := &Source{}
	s.Ref, s.Dir, _ = strings.Cut(fragment, ":")
	switch {
	case scp.Get().MatchString(address):
		s.URL, s.full, s.protocol = address, address, "ssh"
	case strings.HasPrefix(address, "github.com/"):
		return Parse("https://" + strings.TrimSuffix(name[:len(address)], ".git") + ".git" + name[len(address):])
	case strings.Contains(address, "://"):
		if err := s.parseURL(address); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	return s, s.check()
}

func (s *Source) parseURL(address string) error {
	if path, ok := strings.CutPrefix(address, "file://"); ok {
		return diag.WithHint(diag.Invalidf("%s: file:// is not supported", text.Line(address)), "name the directory or the archive: "+text.Quote(strings.TrimPrefix(path, "localhost")))
	}
	u, err := url.Parse(address)
	if err != nil || !host.Get().MatchString(u.Hostname()) {
		return diag.WithHint(diag.Invalidf("the source is not a valid URL"), forms) // which may contain a password
	}
	s.full, s.user, s.protocol = u.String(), u.User, u.Scheme
	lower := strings.ToLower(u.Path)
	s.archive = strings.HasSuffix(lower, ".tgz") || strings.HasSuffix(lower, ".tar.gz") || strings.HasSuffix(lower, ".tar")
	isGit := strings.HasSuffix(lower, ".git")
	clean := *u
	clean.User, clean.RawQuery, clean.ForceQuery, clean.Fragment, clean.RawFragment = nil, "", false, "", ""
	if u.Scheme == "ssh" && u.User != nil {
		clean.User = url.User(u.User.Username())
	}
	s.URL = clean.String()
	switch {
	case u.Scheme == "ssh":
		if _, password := u.User.Password(); password {
			return diag.Invalidf("%s: passwords are not supported in ssh URLs", s.URL)
		}
		return nil
	case u.Scheme == "git":
		return diag.WithHint(diag.Invalidf("%s: git:// is neither encrypted nor authenticated", s.URL), "use https:// or ssh://")
	case u.Scheme == "http" && !loopback.Is(u.Hostname()):
		return diag.WithHint(diag.Invalidf("%s: plain HTTP is only allowed for this machine", s.URL), "use https://")
	case u.Scheme != "https" && u.Scheme != "http":
		return diag.WithHint(diag.Invalidf("%s: %s:// is not supported", s.URL, u.Scheme), forms)
	case isGit && u.RawQuery != "":
		return diag.WithHint(diag.Invalidf("%s: the URL of a Git repository cannot have a query", s.URL), "write the branch, tag or commit and the folder after #, as REF:DIR")
	case !isGit && !s.archive:
		return diag.WithHint(diag.Invalidf("%s is neither a Git repository (.git) nor an archive (.tgz, .tar.gz, .tar)", s.URL), formsLike(clean))
	}
	return nil
}

// check validates what is after the URL.
func (s *Source) check() error {
	s.Dir = strings.Trim(s.Dir, "/")
	switch {
	case s.archive && s.Ref != "":
		return diag.WithHint(diag.Invalidf("%s: an archive has no branches or tags", s), "name a folder in it with #:DIR")
	case s.Ref != "" && (!refName.Get().MatchString(s.Ref) || strings.Contains(s.Ref, "..") || strings.HasSuffix(s.Ref, ".lock")):
		return diag.Invalidf("%s: %q is not the name of a branch, tag or commit", s.URL, s.Ref)
	case s.Dir == "":
		return nil
	case !filepath.IsLocal(filepath.FromSlash(s.Dir)) || strings.ContainsAny(s.Dir, "\\\x00\r\n") || path.Clean(s.Dir) == ".git" || strings.HasPrefix(path.Clean(s.Dir), ".git/"):
		return diag.Invalidf("%s: %q is not a valid folder", s.URL, s.Dir)
	}
	s.Dir = path.Clean(s.Dir)
	return nil
}
