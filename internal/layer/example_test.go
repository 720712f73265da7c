package layer_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/extpack/extpack/internal/layer"
)

// The content decides how a layer is compressed, not its media type.
func ExampleStored_Expand() {
	var blob bytes.Buffer
	w := gzip.NewWriter(&blob)
	_, _ = io.WriteString(w, "the files of a layer")
	_ = w.Close()

	stored := layer.From(&blob)
	plain, err := stored.Expand()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer plain.Close()
	text, err := io.ReadAll(plain)
	fmt.Println(plain.Compression, string(text), err, stored.Err())
	// Output: gzip the files of a layer <nil> <nil>
}
