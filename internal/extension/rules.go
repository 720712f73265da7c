package extension

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/rules"
)

// Buildpack APIs of lifecycles that support extensions.
const minAPIMinor, maxAPIMinor = 7, 12

// maxID is the maximum length of a file name, because the id is one in the
// package. maxVersion is the maximum length of a tag.
const maxID, maxVersion = 255, 128

// reservedIDs are the names of folders that the lifecycle creates next to those
// of buildpacks. Source: Buildpack Interface Specification, "buildpack.toml
// (TOML)".
var reservedIDs = []string{"app", "config", "generated", "sbom"}

var (
	apiPattern     = lazyregexp.New(`^(\d+)(?:\.(\d+))?$`)
	looksLikeAPI   = lazyregexp.New(`^[vV]?(\d+\.\d+)`)
	versionPattern = lazyregexp.New(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$`)
	digits         = lazyregexp.New(`^\d+$`)
)

// checkControl reports control characters, which can forge terminal output and
// break line-based formats.
func (r *reader) checkControl(what string, e *Entry) bool {
	if !strings.ContainsFunc(e.Value, unicode.IsControl) {
		return true
	}
	r.report(rules.ControlCharacter, e.Position, "%s %s contains a control character", what, quote(e.Value))
	return false
}

// isSeparator reports whether c ends a line without being a control character.
func isSeparator(c rune) bool { return unicode.In(c, unicode.Zl, unicode.Zp) }

// checkAPI returns the API as MAJOR.MINOR.
func (r *reader) checkAPI(e *Entry) string {
	m := apiPattern.Get().FindStringSubmatch(e.Value)
	if m == nil {
		guess := ""
		if g := looksLikeAPI.Get().FindStringSubmatch(e.Value); g != nil {
			guess = g[1]
		}
		r.report(rules.APIInvalid, e.Position, "api %s is not a Buildpack API version, MAJOR.MINOR%s", quote(e.Value), didYouMean(guess))
		return ""
	}
	major, err1 := strconv.ParseUint(m[1], 10, 64)
	minor, err2 := strconv.ParseUint("0"+m[2], 10, 64)
	if err1 != nil || err2 != nil {
		r.report(rules.APIInvalid, e.Position, "api %s has a number that is too large", quote(e.Value))
		return ""
	}
	if major != 0 || minor < minAPIMinor || minor > maxAPIMinor {
		r.report(rules.APIUnsupported, e.Position, "api %s is not supported by lifecycles that run extensions (0.%d to 0.%d)", quote(e.Value), minAPIMinor, maxAPIMinor)
	}
	return fmt.Sprintf("%d.%d", major, minor)
}

// checkID returns the id, or "" if it is invalid.
func (r *reader) checkID(e *Entry) string {
	if slices.Contains(reservedIDs, e.Value) {
		r.report(rules.IDReserved, e.Position, "id %s is reserved by the specification", quote(e.Value))
		return ""
	}
	if cause := idProblem(e.Value); cause != "" {
		r.report(rules.IDInvalid, e.Position, "id %s %s", quote(e.Value), cause)
		return ""
	}
	if strings.Contains(e.Value, "_") {
		r.report(rules.IDUnderscore, e.Position, `id %s contains "_", which the specification does not allow`, quote(e.Value))
	}
	return e.Value
}

func idProblem(id string) string {
	if id == "" {
		return "is empty"
	}
	if i := strings.IndexFunc(id, func(c rune) bool { return !isIDChar(c) }); i >= 0 {
		return fmt.Sprintf(`may contain only letters, digits, ".", "/" and "-", found %q`, []rune(id[i:])[0])
	}
	if len(id) > maxID {
		return fmt.Sprintf("is longer than %d characters", maxID)
	}
	if strings.HasPrefix(id, "/") || strings.HasSuffix(id, "/") {
		return `begins or ends with "/"`
	}
	for segment := range strings.SplitSeq(id, "/") {
		switch segment {
		case "":
			return `contains "//"`
		case ".", "..":
			return fmt.Sprintf("has the segment %q, which is not allowed", segment)
		}
	}
	return ""
}

func isIDChar(c rune) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.ContainsRune("./-_", c)
}

// checkVersion returns the version, or "" if it is invalid.
func (r *reader) checkVersion(e *Entry) string {
	switch {
	case !r.checkControl("version", e):
		return ""
	case !versionPattern.Get().MatchString(e.Value):
		r.report(rules.VersionInvalid, e.Position, "version %s is not X.Y.Z, three numbers without leading zeros%s", quote(e.Value), didYouMean(closestVersion(e.Value))).Hint = versionHint(e.Value)
		return ""
	case len(e.Value) > maxVersion:
		r.report(rules.VersionInvalid, e.Position, "version %s is longer than the %d characters of an image tag", quote(e.Value), maxVersion)
		return ""
	}
	return e.Value
}

// closestVersion returns the X.Y.Z that was probably meant, or "".
func closestVersion(v string) string {
	v = strings.TrimLeft(strings.TrimSpace(v), "vV")
	if i := strings.IndexAny(v, "-+"); i >= 0 {
		v = v[:i]
	}
	parts := strings.Split(v, ".")
	if len(parts) > 3 || len(v) > maxVersion {
		return ""
	}
	for i, p := range parts {
		if !digits.Get().MatchString(p) {
			return ""
		}
		parts[i] = strings.TrimLeft(p[:len(p)-1], "0") + p[len(p)-1:]
	}
	for len(parts) < 3 {
		parts = append(parts, "0")
	}
	return strings.Join(parts, ".")
}

// checkHomepage warns of a homepage that is not a URL, which registries and
// pack show as a link.
func (r *reader) checkHomepage(e *Entry) {
	if !r.checkControl("homepage", e) || e.Value == "" {
		return
	}
	u, err := url.Parse(e.Value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		r.report(rules.Homepage, e.Position, "homepage %s is not an http or https URL", quote(e.Value))
	}
}
