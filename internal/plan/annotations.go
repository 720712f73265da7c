package plan

import (
	"maps"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
)

// DefaultCreated is the creation time of every package unless the user sets
// SOURCE_DATE_EPOCH: the earliest that zip files can hold, as pack uses.
var DefaultCreated = time.Date(1980, time.January, 1, 0, 0, 1, 0, time.UTC)

// IndexAnnotations returns the annotations of the index: those from the
// descriptor, then the user's. An image without an index has them. They must not
// depend on the machine or the checkout, or digests would differ.
func (e *Extension) IndexAnnotations(created time.Time) (map[string]string, error) {
	all := e.Descriptor.KnownAnnotations()
	all[v1.AnnotationCreated] = created.UTC().Format(time.RFC3339)
	maps.Copy(all, e.Annotations)
	identity, err := e.Descriptor.IdentityAnnotations()
	maps.Copy(all, identity)
	if e.AnyPlatform() {
		all[extension.AnnotationPlatform] = extension.AnyPlatform
	}
	return all, err
}
