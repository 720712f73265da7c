package registry

import (
	"strings"

	"github.com/distribution/reference"
	"github.com/extpack/extpack/internal/diag"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry"
)

// dockerHub is how references name Docker Hub; its registry is on another
// host, which oras-go knows.
const dockerHub = "docker.io"

const referenceHint = "write [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST], such as ghcr.io/acme/curl:1.0"

// Reference names an image in a registry by tag, digest or both. The zero
// value names nothing; make one with [ParseReference] or [ParseTag].
type Reference struct {
	named reference.Named
}

// ParseReference reads a reference as docker does: without a host it is on
// Docker Hub, without a tag or digest the tag is "latest".
//
// It fails with a [*diag.InvalidError].
func ParseReference(s string) (Reference, error) {
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		hint := referenceHint
		if _, rest, ok := strings.Cut(s, "://"); ok {
			hint = "leave the scheme out: " + rest
		}
		return Reference{}, diag.WithHint(diag.Invalidf("%q is not an image reference: %s", s, err), hint)
	}
	ref := Reference{named: reference.TagNameOnly(named)}
	// Docker's grammar takes hosts, such as [0]:5000, that no URL can hold.
	if err := ref.remote().Validate(); err != nil {
		return Reference{}, diag.WithHint(diag.Invalidf("%q is not an image reference: %s", s, err), referenceHint)
	}
	return ref, nil
}

// ParseTag reads a reference that something can be published under: as
// [ParseReference], but with a digest it is refused, since content decides its
// digest.
//
// It fails with a [*diag.InvalidError].
func ParseTag(s string) (Reference, error) {
	ref, err := ParseReference(s)
	if err != nil {
		return Reference{}, err
	}
	if d := ref.Digest(); d != "" {
		return Reference{}, diag.WithHint(diag.Invalidf("%q holds a digest and cannot be published to", s), "leave out @"+d.String())
	}
	return ref, nil
}

// String gives the form docker prints: without docker.io/library, with tag and
// digest.
func (r Reference) String() string {
	if r.named == nil {
		return ""
	}
	return reference.FamiliarString(r.named)
}

// Host gives the registry's host and port as written, docker.io for Docker
// Hub.
func (r Reference) Host() string {
	if r.named == nil {
		return ""
	}
	return reference.Domain(r.named)
}

// RepositoryName gives the form docker prints, without tag and digest.
func (r Reference) RepositoryName() string {
	if r.named == nil {
		return ""
	}
	return reference.FamiliarName(r.named)
}

// Tag gives the tag, or "".
func (r Reference) Tag() string {
	if tagged, ok := r.named.(reference.Tagged); ok {
		return tagged.Tag()
	}
	return ""
}

// Digest gives the digest, or "".
func (r Reference) Digest() digest.Digest {
	if digested, ok := r.named.(reference.Digested); ok {
		return digested.Digest()
	}
	return ""
}

// target is what stands behind manifests/ in a request: the digest when there
// is one, as docker reads "repo:tag@digest".
func (r Reference) target() string {
	if d := r.Digest(); d != "" {
		return d.String()
	}
	return r.Tag()
}

// remote gives the repository in oras-go's form.
func (r Reference) remote() registry.Reference {
	return registry.Reference{Registry: reference.Domain(r.named), Repository: reference.Path(r.named)}
}

// Published is a tag that points at what was published.
type Published struct {
	Reference  Reference
	Descriptor v1.Descriptor
}

// String gives "repo:tag@sha256:…".
func (p Published) String() string {
	return p.Reference.String() + "@" + p.Descriptor.Digest.String()
}
