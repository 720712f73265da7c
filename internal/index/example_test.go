package index_test

import (
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/index"
)

// An edit keeps what it does not know, and the order of everything.
func ExampleParseIndex() {
	x, err := index.ParseIndex(v1.MediaTypeImageIndex, []byte(`{
  "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "future": [1],
  "manifests": []
}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := x.Annotate(map[string]string{"org.opencontainers.image.title": "curl"}); err != nil {
		fmt.Println(err)
		return
	}
	raw, err := x.Bytes()
	fmt.Println(string(raw), err)
	// Output: {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","future":[1],"manifests":[],"annotations":{"org.opencontainers.image.title":"curl"}} <nil>
}
