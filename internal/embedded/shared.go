package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"reflect"

	"github.com/extpack/extpack/internal/plan"
)

// shared is a layer and the images that have it, by their index in the plan.
type shared struct {
	Layer
	images []int
}

// layersOf returns the distinct layers of an extension.
func layersOf(ctx context.Context, e *plan.Extension) ([]shared, error) {
	var layers []shared
	known := map[uintptr]int{} // by the address of the files, which images of a plan share
	equal := map[[sha256.Size]byte]int{}
	for i, image := range e.Images {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		files := reflect.ValueOf(image.Files).Pointer()
		n, ok := known[files]
		if !ok {
			l := NewLayer(e, i)
			key, err := l.key()
			if err != nil {
				return nil, err
			}
			if n, ok = equal[key]; !ok {
				n = len(layers)
				layers = append(layers, shared{Layer: l})
				equal[key] = n
			}
			known[files] = n
		}
		layers[n].images = append(layers[n].images, i)
	}
	return layers, nil
}

// key identifies the content of a layer before it is read: two layers of an
// extension with the same key have the same files.
func (l Layer) key() (key [sha256.Size]byte, err error) {
	hash := sha256.New()
	entries := json.NewEncoder(hash)
	for e := range l.Entries() {
		if err := entries.Encode(e); err != nil {
			return key, err
		}
	}
	return [sha256.Size]byte(hash.Sum(nil)), nil
}
