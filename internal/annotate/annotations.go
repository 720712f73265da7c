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
func (d *describer) annotations() (map[string]string, error) {
	desc := d.extension.Descriptor
	metadata, err := desc.MetadataLabel()
	if err != nil {
		return nil, err
	}
	title := desc.Info.Name
	if title == "" {
		title = desc.Info.ID
	}
	all := map[string]string{
		v1.AnnotationTitle:       title,
		v1.AnnotationVersion:     desc.Info.Version,
		v1.AnnotationDescription: desc.Info.Description,
		v1.AnnotationURL:         desc.Info.Homepage,
		v1.AnnotationLicenses:    licenses(desc.Info.Licenses),
		v1.AnnotationCreated:     d.opts.Created.UTC().Format(time.RFC3339),
	}
	for k, v := range all {
		if v == "" {
			delete(all, k)
		}
	}
	for k, v := range d.extension.Annotations {
		all[k] = v
	}
	all[extension.AnnotationID] = desc.Info.ID
	all[extension.AnnotationVersion] = desc.Info.Version
	all[extension.AnnotationAPI] = desc.API
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
