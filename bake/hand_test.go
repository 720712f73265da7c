package bake

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestFilesAreNotMuchLonger than what an expert writes by
// hand for the examples, without comments and validation, and evaluates alike.
func TestFilesAreNotMuchLonger(t *testing.T) {
	t.Parallel()
	for name, example := range map[string]string{"hello": "hello", "platform_roots": "platform-roots", "stage": "compiled"} {
		hand, err := os.ReadFile(filepath.Join("testdata", "hand", name+".hcl"))
		if err != nil {
			t.Fatal(err)
		}
		generated, err := os.ReadFile(filepath.Join("testdata", name+".hcl"))
		if err != nil {
			t.Fatal(err)
		}
		if long, short := bytes.Count(generated, []byte("\n")), bytes.Count(hand, []byte("\n")); long >= 2*short {
			t.Errorf("%s: %d lines, by hand %d", name, long, short)
		}
		for _, group := range []string{"default", "samples_" + example + platformSuffix} {
			got, err := json.MarshalIndent(evaluate(t, generated, group), "", " ")
			if err != nil {
				t.Fatal(err)
			}
			want, err := json.MarshalIndent(evaluate(t, hand, group), "", " ")
			if err != nil {
				t.Fatal(err)
			}
			// Comments in a Dockerfile are text of it.
			for _, comment := range []string{`# Readers of a package look at one layer only.\n`, `# The files of the build stage. COPY --exclude preserves symbolic links below a folder, not at a root.\n`} {
				got = bytes.ReplaceAll(got, []byte(comment), nil)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s, %s:\ngot\n%s\nwant\n%s", name, group, got, want)
			}
		}
	}
}
