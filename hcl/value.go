package hcl

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Value is the value of an attribute, or a part of one.
type Value struct {
	tokens hclwrite.Tokens
	// text is the content of a text, template that of an expression or
	// directive in a template.
	text, template string
	// joined reports whether the value is a string of several parts.
	joined bool
	err    error
}

// Text returns a string, which is escaped.
func Text(s string) Value {
	return Value{tokens: hclwrite.TokensForValue(cty.StringVal(s)), text: s}
}

// Expr returns an expression. It must be a constant of the program or consist of
// validated identifiers.
func Expr(expr string) Value {
	tokens, err := exprTokens(expr)
	return Value{tokens: tokens, template: "${" + expr + "}", err: err}
}

// Directive returns a template directive such as "%{ if X ~}" for
// [Body.Heredoc], under the rules of [Expr].
func Directive(text string) Value {
	return Value{template: text}
}

// If returns then where the expression cond, under the rules of [Expr], is true,
// else otherwise.
func If(cond string, then, otherwise Value) Value {
	c := Expr(cond)
	tokens := append(slices.Clone(c.tokens), token(hclsyntax.TokenQuestion, " ? "))
	tokens = append(append(tokens, then.tokens...), token(hclsyntax.TokenColon, " : "))
	return Value{tokens: append(tokens, otherwise.tokens...), err: firstErr(c, then, otherwise)}
}

// Concat returns a string of texts and expressions.
func Concat(parts ...Value) Value {
	var kept []Value
	for _, p := range parts {
		if p.text != "" || p.template != "" || p.joined {
			kept = append(kept, p)
		}
	}
	if len(kept) == 1 {
		return kept[0]
	}
	tokens := hclwrite.Tokens{token(hclsyntax.TokenOQuote, `"`)}
	var text strings.Builder
	for _, p := range kept {
		text.WriteString(p.text)
		if p.template != "" {
			tokens = append(tokens, token(hclsyntax.TokenTemplateInterp, "${"))
			tokens = append(append(tokens, p.tokens...), token(hclsyntax.TokenTemplateSeqEnd, "}"))
			continue
		}
		tokens = append(tokens, p.tokens[1:len(p.tokens)-1]...) // without the quotes
	}
	return Value{tokens: append(tokens, token(hclsyntax.TokenCQuote, `"`)), text: text.String(), joined: true, err: firstErr(parts...)}
}

// List returns a list.
func List(values ...Value) Value {
	var all []hclwrite.Tokens
	for _, v := range values {
		all = append(all, v.tokens)
	}
	return Value{tokens: hclwrite.TokensForTuple(all), err: firstErr(values...)}
}

// Lines returns a list with a line for each value.
func Lines(values ...Value) Value {
	tokens := hclwrite.Tokens{token(hclsyntax.TokenOBrack, "["), token(hclsyntax.TokenNewline, "\n")}
	for _, v := range values {
		tokens = append(append(tokens, v.tokens...), token(hclsyntax.TokenComma, ","), token(hclsyntax.TokenNewline, "\n"))
	}
	return Value{tokens: append(tokens, token(hclsyntax.TokenCBrack, "]")), err: firstErr(values...)}
}

// Filter returns the values of a list if the expression cond, under the rules of
// [Expr], is true, else an empty list.
func Filter(list Value, cond string) Value {
	c := Expr(cond)
	tokens := hclwrite.Tokens{token(hclsyntax.TokenOBrack, "["), token(hclsyntax.TokenIdent, "for v in ")}
	tokens = append(append(tokens, list.tokens...), token(hclsyntax.TokenColon, " : "), token(hclsyntax.TokenIdent, "v if "))
	tokens = append(append(tokens, c.tokens...), token(hclsyntax.TokenCBrack, "]"))
	return Value{tokens: tokens, err: firstErr(c, list)}
}

// Call returns the result of a function.
func Call(function string, args ...Value) Value {
	var all []hclwrite.Tokens
	for _, a := range args {
		all = append(all, a.tokens)
	}
	return Value{tokens: hclwrite.TokensForFunctionCall(function, all...), err: firstErr(args...)}
}

// Object returns an object with its keys sorted.
func Object(values map[string]Value) Value {
	tokens := map[string]hclwrite.Tokens{}
	for key, v := range values {
		tokens[key] = v.tokens
	}
	return Value{tokens: objectTokens(tokens), err: firstErr(slices.Collect(maps.Values(values))...)}
}

// Set adds name = value.
func (b Body) Set(name string, v Value) error {
	if v.err != nil {
		return fmt.Errorf("writing %s: %w", name, v.err)
	}
	b.body.SetAttributeRaw(name, v.tokens)
	return nil
}

// heredoc returns the value as a part of a heredoc.
func (v Value) heredoc() string {
	if v.template != "" {
		return v.template
	}
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(v.text)
}

func token(t hclsyntax.TokenType, text string) *hclwrite.Token {
	return &hclwrite.Token{Type: t, Bytes: []byte(text)}
}

func firstErr(values ...Value) error {
	for _, v := range values {
		if v.err != nil {
			return v.err
		}
	}
	return nil
}
