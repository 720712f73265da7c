package bake

import (
	"fmt"
	"slices"

	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/safefile"
)

// entitlements returns the entitlements that buildx requires to build t, such
// as "fs.read=DIR", one for each folder or file. buildx before 0.38 does not
// always ask for each. It returns an error for access that was not granted.
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
	if !t.usesStage() && len(e.CacheFrom)+len(e.CacheTo) == 0 {
		return list, nil
	}
	for _, r := range e.Requests {
		if r.By == "" {
			continue // optional, and omitted
		}
		for _, entitlement := range r.Entitlements {
			if !slices.Contains(list, entitlement) {
				list = append(list, entitlement)
			}
		}
	}
	return list, nil
}
