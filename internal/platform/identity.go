package platform

import (
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/lazyregexp"
)

// Identity is the part of a descriptor by which readers select an image in an
// index. Of two images with the same identity, only one can be selected. The
// zero value is the identity of an image without a platform.
type Identity struct {
	OS, Architecture, Variant, OSVersion string
	Distro                               extension.Distro
}

// IdentityOf returns the identity of an image with a platform, and with
// annotations that name the distro. The variant is normalized: arm64/v8 is
// arm64, arm is arm/v7.
func IdentityOf(p v1.Platform, annotations map[string]string) Identity {
	return NewIdentity(p, extension.Distro{
		Name: annotations[extension.AnnotationDistroName], Version: annotations[extension.AnnotationDistroVersion],
	})
}

// NewIdentity returns the identity of an image for a platform and a distro.
func NewIdentity(p v1.Platform, distro extension.Distro) Identity {
	if IsZero(p) {
		return Identity{}
	}
	n := v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
	if p.OS != "" { // containerd would use the os of this machine
		n = platforms.Normalize(n)
	}
	return Identity{OS: n.OS, Architecture: n.Architecture, Variant: n.Variant, OSVersion: p.OSVersion, Distro: distro}
}

// Platform returns the platform without the distro.
func (id Identity) Platform() v1.Platform {
	return v1.Platform{OS: id.OS, Architecture: id.Architecture, Variant: id.Variant, OSVersion: id.OSVersion}
}

// String returns "os/arch[/variant][:distro@version]", and an os.version that
// the distro does not name: "windows/amd64 (os.version 10.0.17763)".
func (id Identity) String() string {
	if id == (Identity{}) {
		return "no platform"
	}
	name := id.OS + "/" + id.Architecture
	if id.Variant != "" {
		name += "/" + id.Variant
	}
	if id.Distro.Name != "" {
		name += strings.TrimSuffix(":"+id.Distro.Name+"@"+id.Distro.Version, "@")
	}
	if id.OSVersion != "" && (id.Distro.Name == "" || id.OSVersion != id.Distro.Version) {
		name += " (os.version " + id.OSVersion + ")"
	}
	return name
}

// Matches reports whether an image of this identity is one that want names,
// which may leave out os.version and distro. In a Docker manifest list, which
// has no annotations, only os.version is left of a distro.
func (id Identity) Matches(want Identity) bool {
	if id.Distro.Name == "" && want.Distro.Version != "" && id.OSVersion == want.Distro.Version {
		id.Distro = want.Distro
	}
	if want.OSVersion == "" {
		id.OSVersion = ""
	}
	if want.Distro.Name == "" {
		id.Distro = extension.Distro{}
	}
	return id == want
}

// identityForm accepts the output of [Identity.String], and the older form
// "os(os.version)/arch", to which containerd adds features: "os(1+f)/arch". Any
// os and architecture is accepted, because indexes of other tools may contain
// any.
var identityForm = lazyregexp.New(`^([^/(: ]+)(?:\(([^)+]*)[^)]*\))?/([^/:( ]+)(?:/([^/:( ]+))?(?::([^@ ]+)(?:@([^ ]+))?)?(?: \(os\.version ([^)]+)\))?$`)

// IdentityHint is the hint for what is not an identity.
const IdentityHint = "write it as os/arch[/variant][:distro@version], as inspect lists it, or as the digest of an image"

// ParseIdentity parses the output of [Identity.String], and the form
// "os(os.version)/arch[/variant][:distro@version]". It returns a
// [*diag.InvalidError] for anything else.
func ParseIdentity(s string) (Identity, error) {
	m := identityForm.Get().FindStringSubmatch(s)
	if m == nil || m[2] != "" && m[7] != "" {
		return Identity{}, diag.WithHint(diag.Invalidf("%q is not a platform", s), IdentityHint)
	}
	return NewIdentity(v1.Platform{OS: m[1], Architecture: m[3], Variant: m[4], OSVersion: m[2] + m[7]}, extension.Distro{Name: m[5], Version: m[6]}), nil
}

// ParseImage is like [ParseIdentity], and returns a [*diag.InvalidError] for an
// unknown os or architecture, too, with the closest spelling.
func ParseImage(s string) (Identity, error) {
	id, err := ParseIdentity(s)
	if err != nil {
		if _, better := ParseTarget(s); better != nil {
			err = better
		}
		return id, err
	}
	_, err = ParseTarget(Format(id.Platform()))
	return id, err
}

// ParsePlatform parses any spelling of an image that [ParseImage] accepts, and
// returns its platform without os.version and distro.
func ParsePlatform(s string) (v1.Platform, error) {
	id, err := ParseImage(s)
	return v1.Platform{OS: id.OS, Architecture: id.Architecture, Variant: id.Variant}, err
}

// ParsePlatforms is [ParsePlatform] for a list. The error has all problems.
func ParsePlatforms(list []string) ([]v1.Platform, error) {
	var all []v1.Platform
	var problems diag.List
	for _, s := range list {
		p, err := ParsePlatform(s)
		if err != nil {
			problems = append(problems, diag.Of(err)...)
			continue
		}
		all = append(all, p)
	}
	return all, problems.Err()
}
