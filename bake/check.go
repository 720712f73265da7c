package bake

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pmezard/go-difflib/difflib"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/safefile"
)

// ErrOutdated is returned for a file that differs from the one that would be
// written.
var ErrOutdated = errors.New("out of date")

// CheckFile compares the file at name with want. It returns [ErrOutdated], with a
// unified diff, if they differ or there is no file.
func CheckFile(name string, want []byte) (diff string, err error) {
	have, err := ReadFile(name)
	switch {
	case errors.Is(err, safefile.ErrOutside), errors.Is(err, safefile.ErrNotRegular), errors.Is(err, safefile.ErrTooLarge):
		return "", diag.Invalidf("%s: %v", name, err)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("reading %s: %w", name, safefile.Cause(err))
	case err == nil && bytes.Equal(have, want):
		return "", nil
	}
	diff, err = difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(string(have)), B: difflib.SplitLines(string(want)),
		FromFile: name, ToFile: name + " (generated)", Context: 3,
	})
	if err != nil {
		return "", fmt.Errorf("comparing bake files: %w", err)
	}
	if have == nil {
		return diff, fmt.Errorf("%s is %w: it does not exist", name, ErrOutdated)
	}
	return diff, fmt.Errorf("%s is %w", name, ErrOutdated)
}
