package hcl

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// objectTokens returns the tokens of an object with untrusted keys. hclwrite
// leaves keys that look like identifiers unquoted, which is wrong for keywords
// such as "for" and "null", so all other keys are quoted and escaped.
func objectTokens(values map[string]hclwrite.Tokens) hclwrite.Tokens {
	attrs := make([]hclwrite.ObjectAttrTokens, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name := hclwrite.TokensForValue(cty.StringVal(key))
		if hclsyntax.ValidIdentifier(key) && !slices.Contains(keywords, key) {
			name = hclwrite.TokensForIdentifier(key)
		}
		attrs = append(attrs, hclwrite.ObjectAttrTokens{Name: name, Value: values[key]})
	}
	return shortObject(attrs)
}

// shortObject returns the tokens of an object, on one line if it has a single
// attribute.
func shortObject(attrs []hclwrite.ObjectAttrTokens) hclwrite.Tokens {
	if len(attrs) != 1 {
		return hclwrite.TokensForObject(attrs)
	}
	tokens := hclwrite.Tokens{token(hclsyntax.TokenOBrace, "{")}
	tokens = append(append(tokens, attrs[0].Name...), token(hclsyntax.TokenEqual, "="))
	return append(append(tokens, attrs[0].Value...), token(hclsyntax.TokenCBrace, "}"))
}

// keywords are the identifiers with a special meaning in expressions (HCL
// Native Syntax Specification, "Literal Values" and "For Expressions").
var keywords = []string{"for", "null", "true", "false"}
