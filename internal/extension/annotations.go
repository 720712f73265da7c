package extension

import (
	"cmp"
	"maps"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// KnownAnnotations returns the fields of the descriptor under the names of the OCI image
// specification ("Pre-Defined Annotation Keys").
func (d *Descriptor) KnownAnnotations() map[string]string {
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

// IdentityAnnotations returns the annotations that identify the
func (d *Descriptor) IdentityAnnotations() (map[string]string, error) {
	metadata, err := d.MetadataLabel()
	return map[string]string{
		AnnotationID:      d.Info.ID,
		AnnotationVersion: d.Info.Version,
		AnnotationAPI:     d.API,
		LabelMetadata:     metadata,
	}, err
}

// licenses returns an SPDX expression: all of the licenses apply to the
// package.
func licenses(list []License) string {
	var types []string
	for _, l := range list {
		if l.Type != "" {
			types = append(types, l.Type)
		}
	}
	return strings.Join(types, " AND ")
}
