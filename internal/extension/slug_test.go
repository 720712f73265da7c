package extension

import (
	"regexp"
	"strings"
	"testing"
)

var targetName = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// unslug undoes Slug; that it can be written shows that Slug is injective.
func unslug(slug string) string {
	var b strings.Builder
	codes := map[string]string{"_2e": ".", "_5f": "_", "_2f": "/", "_64": "d"}
	for i := 0; i < len(slug); i++ {
		if slug[i] != '_' {
			b.WriteByte(slug[i])
			continue
		}
		if i+3 <= len(slug) && codes[slug[i:i+3]] != "" {
			b.WriteString(codes[slug[i:i+3]])
			i += 2
			continue
		}
		b.WriteByte('/')
	}
	return b.String()
}

func TestSlug(t *testing.T) {
	tests := map[string]string{
		"samples/curl":      "samples_curl",
		"a_b":               "a_5fb",
		"a/b":               "a_b",
		"io.buildpacks.apt": "io_2ebuildpacks_2eapt",
		"a/5fb":             "a_2f5fb",
		"a/2e":              "a_2f2e",
		"a/2f":              "a_2f2f",
		"a/64efault":        "a_2f64efault",
		"a/65":              "a_65",
		"a/.b":              "a__2eb",
		"default":           "_64efault",
		"Default":           "Default",
		"a/default":         "a_default",
	}
	for id, want := range tests {
		if got := Slug(id); got != want {
			t.Errorf("Slug(%q) is %q, want %q", id, got, want)
		}
		if got := unslug(want); got != id {
			t.Errorf("%q reads as %q, want %q", want, got, id)
		}
	}
}

func FuzzSlug(f *testing.F) {
	for _, id := range []string{"samples/curl", "a_b", "a/5f", "a/2e.2f/64", "default", "a/_2e", "a/2_2e"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if idProblem(id) != "" {
			return // no id, so its slug is not used
		}
		slug := Slug(id)
		if !targetName.MatchString(slug) || slug == "default" {
			t.Errorf("Slug(%q) is %q, no name for a bake target", id, slug)
		}
		if got := unslug(slug); got != id {
			t.Errorf("Slug(%q) is %q, which reads as %q", id, slug, got)
		}
	})
}
