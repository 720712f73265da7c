package annotate

import (
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
)

// annotations gives those of the index: what the descriptor says in the OCI
// image specification's names ("Pre-Defined Annotation Keys"), then the user's.
// Nothing comes from the machine or the checkout, or digests would differ.
func (m *maker) annotations() (map[string]string, error) {
	d := m.extension.Descriptor
	metadata, err := d.MetadataLabel()
	if err != nil {
		return nil, err
	}
	title := d.Info.Name
	if title == "" {
		title = d.Info.ID
	}
	all := map[string]string{
		v1.AnnotationTitle:       title,
		v1.AnnotationVersion:     d.Info.Version,
		v1.AnnotationDescription: d.Info.Description,
		v1.AnnotationURL:         d.Info.Homepage,
		v1.AnnotationLicenses:    licenses(d.Info.Licenses),
		v1.AnnotationCreated:     m.opts.Created.UTC().Format(time.RFC3339),
	}
	for k, v := range all {
		if v == "" {
			delete(all, k)
		}
	}
	for k, v := range m.extension.Annotations {
		all[k] = v
	}
	all[extension.AnnotationID] = d.Info.ID
	all[extension.AnnotationVersion] = d.Info.Version
	all[extension.AnnotationAPI] = d.API
	all[extension.LabelMetadata] = metadata
	return all, nil
}

// licenses gives an SPDX expression: all of the licenses apply to the package.
func licenses(list []extension.License) string {
	var types []string
	for _, l := range list {
		if l.Type != "" {
			types = append(types, l.Type)
		}
	}
	return strings.Join(types, " AND ")
}
