package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/extpack/extpack/internal/oci"
)

// maxTagList limits the size of a list of tags.
const maxTagList = 4 << 20

// absentError is a tag that a registry denies access to and does not list.
type absentError struct{ refusal error }

func (e *absentError) Error() string {
	return fmt.Sprintf("the tag was not found (%s)", e.refusal)
}

// Unwrap returns [oci.ErrNotFound], and not the refusal.
func (e *absentError) Unwrap() error { return oci.ErrNotFound }

// absent converts a denial to [oci.ErrNotFound] if the repository does not list
// the tag: Artifactory returns 403 for both.
func (r *repository) absent(ctx context.Context, target string, err error) error {
	if _, isDigest := digest.Parse(target); isDigest == nil || !IsForbidden(err) {
		return err
	}
	req, reqErr := http.NewRequestWithContext(r.scoped(withRetries(ctx, 1)), http.MethodGet, r.url("tags/list").String(), nil)
	if reqErr != nil {
		return err
	}
	resp, listErr := r.client.auth.Do(req)
	if listErr != nil {
		return err
	}
	defer drain(resp.Body)
	if resp.StatusCode == http.StatusNotFound {
		return &absentError{err}
	}
	var list struct {
		Tags []string `json:"tags"`
	}
	data, readErr := readLimited(resp.Body, maxTagList)
	if resp.StatusCode != http.StatusOK || readErr != nil || json.Unmarshal(data, &list) != nil ||
		resp.Header.Get("Link") != "" || slices.Contains(list.Tags, target) {
		return err // it exists, or may exist
	}
	return &absentError{err}
}
