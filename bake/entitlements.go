package bake

import (
	"fmt"
	"slices"

	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/safefile"
)

// entitlements returns what buildx must be allowed so that t builds:
// "fs.read=DIR" and the like, one for each folder or file and never more
// (buildx before 0.38 does not always ask for each). What the extension was not
// granted is an error.
func (t Target) entitlements() ([]string, error) {
	e := t.Extension
	if err := grants.Missing(e.Requests).Err(); err != nil {
		return nil, err
	}
	dir, err := safefile.Real(e.Dir)
	if err != nil {
		return nil, fmt.Errorf("resolving context: %w", err)
	}
	list := []string{"fs.read=" + dir}
	if !t.staged() && len(e.CacheFrom)+len(e.CacheTo) == 0 {
		return list, nil
	}
	for _, r := range e.Requests {
		if r.By == "" {
			continue // optional, and left out
		}
		for _, entitlement := range r.Entitlements {
			if !slices.Contains(list, entitlement) {
				list = append(list, entitlement)
			}
		}
	}
	return list, nil
}
