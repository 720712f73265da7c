package oci

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

// ReadIndex returns an index or manifest list, and its bytes, which hold what
// the type does not know.
func ReadIndex(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (v1.Index, []byte, error) {
	return readJSON[v1.Index](ctx, src, desc)
}

// ReadManifest returns an image manifest and its bytes.
func ReadManifest(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (v1.Manifest, []byte, error) {
	return readJSON[v1.Manifest](ctx, src, desc)
}

// ReadConfig returns an image config and its bytes.
func ReadConfig(ctx context.Context, src content.Fetcher, desc v1.Descriptor) (v1.Image, []byte, error) {
	config, raw, err := readJSON[v1.Image](ctx, src, desc)
	BudgetOf(ctx).share(config.Config.Labels)
	return config, raw, err
}

func readJSON[T any](ctx context.Context, src content.Fetcher, desc v1.Descriptor) (T, []byte, error) {
	var doc T
	raw, err := ReadBytes(ctx, src, desc, MaxManifestSize)
	if err != nil {
		return doc, nil, err
	}
	values, err := checkDocument(src, desc, raw, &doc)
	if err != nil {
		return doc, raw, err
	}
	if err := BudgetOf(ctx).Values(values); err != nil {
		return doc, raw, limited(src, desc, err)
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return doc, raw, malformed(src, desc, err)
	}
	return doc, raw, nil
}

// CheckDocument refuses an index or manifest that two readers could understand
// differently.
func CheckDocument(src any, desc v1.Descriptor, raw []byte) error {
	var v any = &references{}
	switch {
	case IsIndex(desc.MediaType):
		v = &v1.Index{}
	case IsManifest(desc.MediaType):
		v = &v1.Manifest{}
	}
	_, err := checkDocument(src, desc, raw, v)
	return err
}

// checkDocument also refuses an index that has a field of manifests and the
// reverse: a document that is an index to one reader and a manifest to another
// means different images to them (GHSA-77vh-xpmg-72qh, GHSA-mc8v-mgrf-8f4m).
func checkDocument(src any, desc v1.Descriptor, raw []byte, v any) (values int, err error) {
	found, err := scan(raw, v)
	if err != nil {
		return found.values, malformed(src, desc, err)
	}
	var foreign []string
	switch {
	case IsIndex(desc.MediaType):
		foreign = []string{"config", "layers"}
	case IsManifest(desc.MediaType):
		foreign = []string{"manifests"}
	}
	for _, name := range foreign {
		if slices.Contains(found.fields, fold(name)) {
			return found.values, Errorf(src, desc, ErrMalformed, "is ambiguous: it has the field %q of another document type", name)
		}
	}
	return found.values, nil
}

func malformed(src any, desc v1.Descriptor, err error) error {
	cause := ErrMalformed
	if errors.Is(err, ErrTooLarge) {
		cause = ErrTooLarge
	}
	return Errorf(src, desc, cause, "is not valid: %v", err)
}
