package hcl

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// objectTokens writes an object whose keys come from strangers. hclwrite's own
// writer of object values leaves an identifier-like key unquoted; that is right
// for "a", but a key such as "for" or "null" would be read as a keyword, so
// everything else is written as a quoted, escaped string.
func objectTokens(values map[string]cty.Value) hclwrite.Tokens {
	attrs := make([]hclwrite.ObjectAttrTokens, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name := hclwrite.TokensForValue(cty.StringVal(key))
		if hclsyntax.ValidIdentifier(key) && !slices.Contains(keywords, key) {
			name = hclwrite.TokensForIdentifier(key)
		}
		attrs = append(attrs, hclwrite.ObjectAttrTokens{Name: name, Value: hclwrite.TokensForValue(values[key])})
	}
	return hclwrite.TokensForObject(attrs)
}

// keywords are the identifiers HCL reads as something else in expressions
// (HCL Native Syntax Specification, "Literal Values" and "For Expressions").
var keywords = []string{"for", "null", "true", "false"}
