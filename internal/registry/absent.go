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

// maxTagList limits the answer to a request for the tags of a repository.
const maxTagList = 4 << 20

// absentError is a tag that a registry refuses to show, and does not list.
type absentError struct{ refusal error }

func (e *absentError) Error() string {
	return fmt.Sprintf("there is no such tag (%s)", e.refusal)
}

// Unwrap returns [oci.ErrNotFound], and not the refusal.
func (e *absentError) Unwrap() error { return oci.ErrNotFound }

// absent turns the refusal to show a tag into [oci.ErrNotFound] when the tag is
// not among those that the repository lists: Artifactory answers 403 for both.
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
		return err // it is there, or may be
	}
	return &absentError{err}
}
