package exttest

import (
	"errors"
	"fmt"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/text"
)

// Verdict returns an error if a case failed, if none could be run or, with all,
// if one could not be run. Only the first is invalid input.
func Verdict(results []Result, all bool) error {
	counts := map[Status]int{}
	for _, r := range results {
		counts[r.Status]++
	}
	switch {
	case len(results) == 0:
		return diag.Invalidf("no case applies to a platform of --target")
	case counts[Failed] > 0:
		return diag.Invalidf("%s of %d failed", text.Count(counts[Failed], "case"), len(results))
	case all && counts[NotRun] > 0:
		return fmt.Errorf("%s of %d could not be run (--all-platforms)", text.Count(counts[NotRun], "case"), len(results))
	case counts[Passed] == 0:
		return errors.New("no case could be run")
	}
	return nil
}
