package ocilayout

import (
	"archive/tar"
	"fmt"
	"io"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
)

// asDockerArchive returns the error for an archive in Docker's own format in
// place of err, what was wrong with f as an OCI layout. Engines since version 25
// write archives that are both, engines before and "skopeo copy" do not: such
// archives hold no manifests, so there is nothing that a digest names.
func asDockerArchive(name string, f io.ReadSeeker, err error) error {
	if _, seekErr := f.Seek(0, io.SeekStart); seekErr != nil {
		return err
	}
	docker := false
	tr := tar.NewReader(f)
	for range MaxTarEntries {
		h, nextErr := tr.Next()
		if nextErr != nil {
			break
		}
		switch h.Name {
		case v1.ImageLayoutFile:
			return err
		case "manifest.json":
			docker = true
		}
	}
	if !docker {
		return err
	}
	return diag.WithHint(diag.Invalidf("%s is a Docker archive without an OCI layout, as docker save wrote before Docker 25", name),
		fmt.Sprintf("convert it with: skopeo copy docker-archive:%s oci-archive:NAME.cnb", name))
}
