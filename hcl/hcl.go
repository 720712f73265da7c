// Package hcl writes HCL files from typed values. It is a thin layer over
// hclwrite that never writes a string as syntax.
//
// Strings, lists and maps go in as values and are escaped (quotes, "${", "%{",
// newlines, also in map keys). The only ways to write an expression are
// [Body.Expr], [Expr] and [Directive], which are for constants of the calling
// program.
//
// Text must be valid UTF-8. It is written in Unicode normalisation form C,
// because HCL readers (cty) normalise it. Callers for whom that matters, for
// instance with file names, must check beforehand.
//
// It is independent of bake and of extensions.
package hcl

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// File is an HCL file being written. Blocks and attributes appear in the order
// they are added.
type File struct {
	file *hclwrite.File
	Body
}

// New returns an empty file.
func New() *File {
	f := hclwrite.NewEmptyFile()
	return &File{file: f, Body: Body{body: f.Body()}}
}

// Bytes returns the file in the canonical format of "terraform fmt".
func (f *File) Bytes() []byte { return hclwrite.Format(f.file.Bytes()) }

// Body is the inside of a file or of a block.
type Body struct{ body *hclwrite.Body }

// Comment adds a line "# text" for each line of text. Control characters other
// than the line break are dropped, so no text can end the comment early.
func (b Body) Comment(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
				return -1
			}
			return r
		}, line)
		b.raw(hclsyntax.TokenComment, strings.TrimRight("# "+line, " ")+"\n")
	}
}

// Newline adds an empty line.
func (b Body) Newline() { b.body.AppendNewline() }

// Block adds a block and returns its body.
func (b Body) Block(typeName string, labels ...string) Body {
	return Body{body: b.body.AppendNewBlock(typeName, labels).Body()}
}

// EmptyBlock adds a block without content. Its label must not need escaping.
func (b Body) EmptyBlock(typeName, label string) {
	b.raw(hclsyntax.TokenIdent, typeName+" \""+label+"\" {}\n")
}

// ShortBlock adds a block with a single attribute, a list of strings, on one
// line. Its label must not need escaping.
func (b Body) ShortBlock(typeName, label, name string, values []string) {
	b.raw(hclsyntax.TokenIdent, typeName+" \""+label+"\" { "+name+" = ")
	var all []Value
	for _, v := range values {
		all = append(all, Text(v))
	}
	b.body.AppendUnstructuredTokens(List(all...).tokens)
	b.raw(hclsyntax.TokenCBrace, " }\n")
}

// String adds name = "value".
func (b Body) String(name, value string) {
	b.body.SetAttributeValue(name, cty.StringVal(value))
}

// Strings adds name = ["value", …].
func (b Body) Strings(name string, values []string) {
	list := make([]cty.Value, len(values))
	for i, v := range values {
		list[i] = cty.StringVal(v)
	}
	b.body.SetAttributeValue(name, cty.TupleVal(list))
}

// Map adds name = { key = "value", … } with the keys sorted.
func (b Body) Map(name string, values map[string]string) {
	object := make(map[string]hclwrite.Tokens, len(values))
	for k, v := range values {
		object[k] = hclwrite.TokensForValue(cty.StringVal(v))
	}
	b.body.SetAttributeRaw(name, objectTokens(object))
}

// Heredoc adds name = <<EOT … EOT. Template sequences in texts are escaped, so
// that readers get them unchanged, with a newline at the end. Texts must not
// contain the end marker as a line, nor a carriage return outside a line break,
// because HCL cannot represent them here.
func (b Body) Heredoc(name string, parts ...Value) error {
	const marker = "EOT"
	var text, raw strings.Builder
	for _, p := range parts {
		if p.err != nil {
			return fmt.Errorf("writing %s: %w", name, p.err)
		}
		text.WriteString(p.text)
		raw.WriteString(p.heredoc())
	}
	for line := range strings.SplitSeq(text.String(), "\n") {
		if strings.TrimSpace(line) == marker {
			return fmt.Errorf("writing %s: text contains the heredoc marker %s", name, marker)
		}
	}
	if strings.Contains(strings.ReplaceAll(text.String(), "\r\n", ""), "\r") {
		return fmt.Errorf("writing %s: text contains a carriage return", name)
	}
	b.body.SetAttributeRaw(name, hclwrite.Tokens{
		{Type: hclsyntax.TokenOHeredoc, Bytes: []byte("<<" + marker + "\n")},
		{Type: hclsyntax.TokenStringLit, Bytes: []byte(strings.TrimSuffix(raw.String(), "\n") + "\n")},
		{Type: hclsyntax.TokenCHeredoc, Bytes: []byte(marker)},
	})
	return nil
}

// Expr adds name = expr without escaping it. expr must be a constant of the
// program or consist of validated identifiers.
func (b Body) Expr(name, expr string) error {
	tokens, err := exprTokens(expr)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	b.body.SetAttributeRaw(name, tokens)
	return nil
}

// ExprMap adds name = { key = expr } for one key, under the rules of Expr.
func (b Body) ExprMap(name, key, expr string) error {
	tokens, err := exprTokens(expr)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	b.body.SetAttributeRaw(name, shortObject([]hclwrite.ObjectAttrTokens{{Name: hclwrite.TokensForIdentifier(key), Value: tokens}}))
	return nil
}

func exprTokens(expr string) (hclwrite.Tokens, error) {
	file, diags := hclwrite.ParseConfig([]byte("x = "+expr+"\n"), "expression", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	return file.Body().GetAttribute("x").Expr().BuildTokens(nil), nil
}

func (b Body) raw(t hclsyntax.TokenType, text string) {
	b.body.AppendUnstructuredTokens(hclwrite.Tokens{{Type: t, Bytes: []byte(text)}})
}
