package registry

import (
	"strings"

	"github.com/distribution/reference"
	"github.com/extpack/extpack/internal/diag"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry"
)

// dockerHub is the host of Docker Hub in references. oras-go knows the host of
// its registry.
const dockerHub = "docker.io"

const referenceHint = "write [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST], such as ghcr.io/acme/curl:1.0"

// Reference names an image in a registry by tag, digest or both. The zero value
// is invalid; use [ParseReference] or [ParseTag].
type Reference struct {
	named reference.Named
}

// ParseReference parses a reference as docker does: the default host is Docker
// Hub, and the default tag is "latest" unless there is a digest.
//
// It fails with a [*diag.InvalidError].
func ParseReference(s string) (Reference, error) {
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		hint := referenceHint
		if _, rest, ok := strings.Cut(s, "://"); ok {
			hint = "leave out the scheme: " + rest
		}
		return Reference{}, diag.WithHint(diag.Invalidf("%q is not an image reference: %s", s, err), hint)
	}
	ref := Reference{named: reference.TagNameOnly(named)}
	// Docker's grammar permits hosts that are invalid in a URL, such as
	// [0]:5000.
	if err := ref.remote().Validate(); err != nil {
		return Reference{}, diag.WithHint(diag.Invalidf("%q is not an image reference: %s", s, err), referenceHint)
	}
	return ref, nil
}

// ParseTag parses a reference to publish to. It is like [ParseReference], but
// references with a digest are invalid.
//
// It fails with a [*diag.InvalidError].
func ParseTag(s string) (Reference, error) {
	ref, err := ParseReference(s)
	if err != nil {
		return Reference{}, err
	}
	if d := ref.Digest(); d != "" {
		return Reference{}, diag.WithHint(diag.Invalidf("%q has a digest, so it cannot be published to", s), "leave out @"+d.String())
	}
	return ref, nil
}

// String returns the form that docker prints: without docker.io/library, with
// tag and digest.
func (r Reference) String() string {
	if r.named == nil {
		return ""
	}
	return reference.FamiliarString(r.named)
}

// Host returns the host and port of the registry as written, docker.io for
// Docker Hub.
func (r Reference) Host() string {
	if r.named == nil {
		return ""
	}
	return reference.Domain(r.named)
}

// RepositoryName returns the form that docker prints, without tag and digest.
func (r Reference) RepositoryName() string {
	if r.named == nil {
		return ""
	}
	return reference.FamiliarName(r.named)
}

// Tag returns the tag, or "".
func (r Reference) Tag() string {
	if tagged, ok := r.named.(reference.Tagged); ok {
		return tagged.Tag()
	}
	return ""
}

// Digest returns the digest, or "".
func (r Reference) Digest() digest.Digest {
	if digested, ok := r.named.(reference.Digested); ok {
		return digested.Digest()
	}
	return ""
}

// target returns the last part of a manifest URL: the digest if there is one,
// as docker interprets "repo:tag@digest", or the tag.
func (r Reference) target() string {
	if d := r.Digest(); d != "" {
		return d.String()
	}
	return r.Tag()
}

// remote returns the repository in oras-go's form.
func (r Reference) remote() registry.Reference {
	return registry.Reference{Registry: reference.Domain(r.named), Repository: reference.Path(r.named)}
}

// Published is a tag that points at the published content.
type Published struct {
	Reference  Reference
	Descriptor v1.Descriptor
}

// String returns "repo:tag@sha256:…".
func (p Published) String() string {
	return p.Reference.String() + "@" + p.Descriptor.Digest.String()
}
