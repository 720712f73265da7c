package suite

import (
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/safefile"
)

// checkBeside returns an error for the directory of an extension that a case
// names, unless it is in the repository of one of the extensions under test. It
// returns the directory without symbolic links.
func checkBeside(dir string, tested []string) (string, error) {
	real, err := safefile.Real(dir)
	if err != nil {
		return "", err
	}
	for _, name := range tested {
		own, err := safefile.Real(name)
		if err != nil {
			return "", err
		}
		root, _ := grants.RepositoryOf(own)
		_, inside, err := safefile.Below(root, real)
		if err != nil {
			return "", err
		}
		if inside {
			return real, nil
		}
	}
	return "", diag.WithHint(diag.Invalidf("the extension %s is outside the repository of the extension under test", dir), "name both as arguments, or copy it")
}
