package annotate

import (
	"cmp"
	"maps"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
)

// annotations returns the annotations of the index: those from the descriptor,
// then the user's. They must not depend on the machine or the checkout, or
// digests would differ.
func (d *describer) annotations() (map[string]string, error) {
	all := known(d.extension.Descriptor)
	all[v1.AnnotationCreated] = d.opts.Created.UTC().Format(time.RFC3339)
	maps.Copy(all, d.extension.Annotations)
	identity, err := identify(d.extension.Descriptor)
	maps.Copy(all, identity)
	if d.extension.AnyPlatform() {
		all[extension.AnnotationPlatform] = extension.AnyPlatform
	}
	return all, err
}

// known returns the fields of a descriptor under the names of the OCI image
// specification ("Pre-Defined Annotation Keys").
func known(d *extension.Descriptor) map[string]string {
	all := map[string]string{
		v1.AnnotationTitle:       cmp.Or(d.Info.Name, d.Info.ID),
		v1.AnnotationVersion:     d.Info.Version,
		v1.AnnotationDescription: d.Info.Description,
		v1.AnnotationURL:         d.Info.Homepage,
		v1.AnnotationLicenses:    licenses(d.Info.Licenses),
	}
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	return all
}

// identify returns the annotations that identify the extension.
func identify(d *extension.Descriptor) (map[string]string, error) {
	metadata, err := d.MetadataLabel()
	return map[string]string{
		extension.AnnotationID:      d.Info.ID,
		extension.AnnotationVersion: d.Info.Version,
		extension.AnnotationAPI:     d.API,
		extension.LabelMetadata:     metadata,
	}, err
}

// licenses returns an SPDX expression: all of the licenses apply to the
// package.
func licenses(list []extension.License) string {
	var types []string
	for _, l := range list {
		if l.Type != "" {
			types = append(types, l.Type)
		}
	}
	return strings.Join(types, " AND ")
}
