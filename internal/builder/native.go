package builder

import (
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/platform"
)

// Native is a node that builds a platform without emulation.
type Native struct {
	// Platform is normalized, such as "linux/arm64".
	Platform string
	// Endpoint is a Docker host or context or, for the remote driver, the
	// address of a BuildKit daemon.
	Endpoint string
}

var architecturePattern = lazyregexp.New(`^[a-z0-9_]+$`)

// ParseNative parses PLATFORM=ENDPOINT. The platform may be just an
// architecture.
func ParseNative(s string) (Native, error) {
	const hint = "write it as PLATFORM=ENDPOINT, such as arm64=ssh://user@host"
	name, endpoint, ok := strings.Cut(s, "=")
	if !ok || name == "" || endpoint == "" {
		return Native{}, diag.WithHint(diag.Invalidf("--native %q has no platform and endpoint", s), hint)
	}
	if architecturePattern.Get().MatchString(name) {
		name = "linux/" + name // an os alone would be ambiguous
	}
	p, err := platform.ParsePlatform(name)
	if err != nil {
		return Native{}, diag.WithHint(diag.Invalidf("--native %q: %q is not a platform", s, name), hint)
	}
	return Native{Platform: platform.Format(p), Endpoint: endpoint}, nil
}

// node returns the name of the native node of a builder.
func (n Native) node(builder string) string {
	name := strings.TrimPrefix(n.Platform, "linux/")
	return builder + "-" + strings.ReplaceAll(name, "/", "-")
}
