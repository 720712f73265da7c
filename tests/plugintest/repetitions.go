package plugintest

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	digests  = regexp.MustCompile(`sha256:[0-9a-f]{12}`) // some are shortened
	requests = regexp.MustCompile(`\b(?:GET|HEAD|POST|PUT|PATCH|DELETE) \S+`)

	// unknownManifest is the text of a registry (distribution) about a manifest
	// that it does not have; it contains the digest of the request's path.
	unknownManifest = regexp.MustCompile(`: unknown manifest name=\S+ revision=[0-9a-z:]+`)
)

// repeats returns what a line of an error says twice: a digest, a request, or a
// phrase of three words.
func repeats(line string) string {
	for _, kind := range []*regexp.Regexp{digests, requests} {
		seen := map[string]bool{}
		for _, found := range kind.FindAllString(line, -1) {
			if seen[found] {
				return found
			}
			seen[found] = true
		}
	}
	const phrase = 3
	words, seen := strings.Fields(line), map[string]bool{}
	for i := 0; i+phrase <= len(words); i++ {
		found := strings.Join(words[i:i+phrase], " ")
		if seen[found] {
			return found
		}
		seen[found] = true
	}
	return ""
}

// Repetitions returns the lines of standard error that repeat themselves. Tags
// that have moved are listed with their digest, as on standard output.
func Repetitions(stderr string) (problems []string) {
	for line := range strings.Lines(stderr) {
		line, _, _ = strings.Cut(line, "already moved: ")
		line = unknownManifest.ReplaceAllLiteralString(line, "")
		if found := repeats(line); found != "" {
			problems = append(problems, fmt.Sprintf("repeats %q: %s", found, strings.TrimSpace(line)))
		}
	}
	return problems
}
