package lint

import (
	"fmt"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/text"
)

// Verdict returns how many findings there are, as a [*diag.InvalidError] if one
// is an error.
func Verdict(reports []*Report) (summary string, err error) {
	counts := map[diag.Severity]int{}
	for _, r := range reports {
		for _, d := range r.Findings {
			counts[d.Severity]++
		}
	}
	summary = fmt.Sprintf("%s, %s, %s in %s", text.Count(counts[diag.Error], "error"), text.Count(counts[diag.Warning], "warning"),
		text.Count(counts[diag.Note], "note"), text.Count(len(reports), "extension"))
	if counts[diag.Error] > 0 {
		return summary, diag.Invalidf("%s", summary)
	}
	return summary, nil
}
