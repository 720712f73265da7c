package verify

import (
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/oci"
)

// wantedAnnotations are the annotations that every package must have. Others,
// such as description and licenses, depend on the descriptor.
var wantedAnnotations = []string{
	extension.AnnotationID, extension.AnnotationVersion, extension.AnnotationAPI, extension.LabelMetadata,
	v1.AnnotationTitle, v1.AnnotationVersion, v1.AnnotationCreated,
}

// checkAnnotations checks the annotations that identify a package without
// reading its images. Without an index, or if a package file contains a single
// image, the image has them. A Docker manifest list has none.
func (c *checker) checkAnnotations(p *pkg) {
	var labelled *image
	for _, i := range p.images {
		if i.labels != nil {
			labelled = i
			break
		}
	}
	if labelled == nil {
		return // no extension, which was reported
	}
	get := func(name string) string { return p.annotations[name] }
	where := "the index"
	if len(p.images) == 1 && p.images[0].manifest != nil && p.annotations[extension.AnnotationID] == "" {
		get = func(name string) string {
			if value := p.images[0].manifest.Annotations[name]; value != "" {
				return value
			}
			return p.annotations[name]
		}
		if !labelled.listed {
			where = "the image"
		}
	}
	var missing []string
	for _, name := range wantedAnnotations {
		if get(name) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 && !p.dockerList {
		c.report(idAnnotationMissing, nil, "", "%s has no annotation %s", where, strings.Join(missing, ", "))
	}
	for _, a := range []struct{ name, want string }{
		{extension.AnnotationID, labelled.labels.id},
		{extension.AnnotationVersion, labelled.labels.version},
		{extension.AnnotationAPI, labelled.labels.api},
	} {
		if got := get(a.name); got != "" && a.want != "" && got != a.want {
			c.report(idAnnotationMismatch, nil, a.name, "%s has the annotation %s %q, but the labels have %q", where, a.name, got, a.want)
		}
	}
	var metadata metadataLabel
	if raw := get(extension.LabelMetadata); raw == "" {
		return
	} else if err := oci.Decode([]byte(raw), &metadata); err != nil {
		c.report(idAnnotationMismatch, nil, extension.LabelMetadata, "the annotation %s is not valid JSON in the expected form: %v", extension.LabelMetadata, err)
		return
	}
	if got := metadata.ID + "@" + metadata.Version; got != labelled.labels.String() {
		c.report(idAnnotationMismatch, nil, extension.LabelMetadata, "the annotation %s names %s, but the labels name %s", extension.LabelMetadata, got, labelled.labels)
	}
}
