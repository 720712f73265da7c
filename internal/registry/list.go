package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/extpack/extpack/internal/oci"
)

const (
	maxTagPage = 4 << 20
	// maxTagPages limits the number of pages of tags, and maxTagBytes what is
	// kept of them. A name has 128 bytes at most.
	maxTagPages = 1000
	maxTagBytes = 32 << 20
	tagOverhead = 16
)

var errManyTags = errors.New("the registry returned too many tags")

// Tags returns the tags of the repository of a reference, or none if the
// repository does not exist (OCI distribution specification, "Listing Tags").
func (c *Client) Tags(ctx context.Context, ref Reference) ([]string, error) {
	r, err := c.repository(ctx, ref, auth.ActionPull)
	if err != nil {
		return nil, c.explain(ref, fmt.Errorf("listing the tags of %s: %w", ref.RepositoryName(), err))
	}
	var tags []string
	query, left := "", maxTagBytes
	for range maxTagPages {
		page, next, err := r.tagPage(ctx, query)
		if err != nil {
			return nil, c.explain(ref, fmt.Errorf("listing the tags of %s: %w", ref.RepositoryName(), err))
		}
		for _, tag := range page {
			left -= len(tag) + tagOverhead
		}
		if query = next; left < 0 {
			break
		}
		tags = append(tags, page...)
		if query == "" {
			return tags, nil
		}
	}
	return nil, c.explain(ref, fmt.Errorf("listing the tags of %s: %w", ref.RepositoryName(), errManyTags))
}

// tagPage returns a page of tags and the query of the next one, or "" if it is
// the last.
func (r *repository) tagPage(ctx context.Context, query string) (tags []string, next string, err error) {
	at := r.url("tags/list")
	at.RawQuery = query
	req, err := http.NewRequestWithContext(r.scoped(ctx), http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, "", err
	}
	resp, err := r.client.auth.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer drain(resp.Body)
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, "", nil
	default:
		return nil, "", newResponseError(resp)
	}
	data, err := readLimited(resp.Body, maxTagPage)
	if err != nil {
		return nil, "", err
	}
	var list struct {
		Tags []string `json:"tags"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, "", faultf(oci.ErrMalformed, "is not a list of tags: %v", err)
	}
	return list.Tags, nextPage(resp.Header.Get("Link"), query), nil
}

// nextPage returns the query of a link to the next page (RFC 8288). Its host
// and path are ignored, because a registry serves its own pages.
func nextPage(link, query string) string {
	target, rel, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link), "<"), ">")
	u, err := url.Parse(target)
	if !ok || err != nil || !strings.Contains(rel, "next") || u.RawQuery == query {
		return ""
	}
	return u.RawQuery
}
