package annotation

import (
	"reflect"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func TestKeyValues(t *testing.T) {
	t.Parallel()
	got, err := KeyValues("--index-annotation", []string{"a=b=c", "io.buildpacks.x=", "a=d"})
	if err != nil || !reflect.DeepEqual(got, map[string]string{"a": "d", "io.buildpacks.x": ""}) {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"a", "=b", ""} {
		if got, err := KeyValues("--index-annotation", []string{bad}); !diag.IsInvalid(err) || diag.Hint(err) == "" {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
}

// TestReserved: names of Cloud Native Buildpacks can be given neither as a label
// nor as an annotation, and the message is the same.
func TestReserved(t *testing.T) {
	t.Parallel()
	const value, want = "io.buildpacks.x=y", `--flag "io.buildpacks.x=y": names beginning with io.buildpacks. are reserved for docker extpack`
	_, err := Labels("--flag", []string{"a=b", value})
	if !diag.IsInvalid(err) || err.Error() != want {
		t.Errorf("label: %v", err)
	}
	list, err := Parse("--flag", []string{"a=b", value})
	if err != nil {
		t.Fatal(err)
	}
	if err := list.CheckReserved("--flag"); !diag.IsInvalid(err) || err.Error() != want {
		t.Errorf("annotation: %v", err)
	}
	if got, err := Labels("--flag", []string{"a=b"}); err != nil || got["a"] != "b" {
		t.Errorf("%v, %v", got, err)
	}
}
