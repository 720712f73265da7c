package choice

import (
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	if err := Check("--format", "json", "text", "json"); err != nil {
		t.Error(err)
	}
	for want, err := range map[string]error{
		"--format \"yaml\" is not supported\n  use text, json or sarif":                   Check("--format", "yaml", "text", "json", "sarif"),
		"--format \"jsno\" is not supported (did you mean \"json\"?)\n  use text or json": Check("--format", "jsno", "text", "json"),
		"--version-from \"\" is not supported\n  use git":                                 Check("--version-from", "", "git"),
	} {
		if !diag.IsInvalid(err) || diag.Text(err) != want {
			t.Errorf("got  %v\nwant %s", diag.Text(err), want)
		}
	}
}
