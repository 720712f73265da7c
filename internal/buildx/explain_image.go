package buildx

import (
	"strings"

	"github.com/extpack/extpack/internal/lazyregexp"
)

// imageCauses are failures to pull an image: $1 is its name, $2 its registry.
// {correct} in a hint is replaced by how to correct the name.
var imageCauses = []struct {
	text        *lazyregexp.Regexp
	cause, hint string
}{
	{
		lazyregexp.New(`failed to resolve source metadata for (([^\s/]+)\S*): (?:\S+: )?not found`),
		"image $1 not found",
		`{correct}; "docker buildx imagetools inspect $1" shows whether it exists`,
	},
	{
		lazyregexp.New(`failed to resolve source metadata for (([^\s/]+)/\S+): .*(?:401 Unauthorized|403 Forbidden|authorization failed|insufficient_scope|access denied|failed to authorize)`),
		"the builder is not allowed to pull the image $1",
		`run "docker login $2", or {correct}`,
	},
	{
		lazyregexp.New(`failed to resolve source metadata for (([^\s/]+)/\S+): .*(?:429 Too Many Requests|toomanyrequests)`),
		"the registry of the image $1 limits the rate of requests",
		`wait, or run "docker login $2": registries limit anonymous pulls more`,
	},
	{
		lazyregexp.New(`failed to resolve source metadata for (([^\s/]+)/\S+): failed to do request: (.*(?:x509:|tls:|server gave HTTP response to HTTPS client).*)`),
		"the builder does not trust the registry of the image $1: $3",
		`run "docker extpack builder ensure --registry $2" and add --builder extpack, if you trust it`,
	},
	{
		lazyregexp.New(`failed to resolve source metadata for (([^\s/:]+)(?::[0-9]+)?/\S+): failed to do request: .*dial tcp: lookup `),
		"the builder's machine cannot resolve the registry of the image $1",
		`check DNS on that machine and the spelling of $2, or configure a mirror or proxy for the builder`,
	},
	{
		lazyregexp.New(`failed to resolve source metadata for (([^\s/]+)/\S+): failed to do request: (.*)`),
		"the builder cannot reach the registry of the image $1: $3",
		`check whether the builder's machine can reach it, or configure a mirror or proxy for the builder`,
	},
}

// ExplainImage returns the reason why the builder could not pull an image, and
// a hint. correct says how to correct the name. ok is false for output about
// other failures.
func ExplainImage(output, correct string) (cause, hint string, ok bool) {
	for _, c := range imageCauses {
		if m := c.text.Get().FindStringSubmatchIndex(output); m != nil {
			hint := string(c.text.Get().ExpandString(nil, c.hint, output, m))
			return string(c.text.Get().ExpandString(nil, c.cause, output, m)), strings.ReplaceAll(hint, "{correct}", correct), true
		}
	}
	return "", "", false
}
