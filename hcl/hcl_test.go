package hcl_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/extpack/extpack/hcl"
)

var awkward = []string{
	"", "plain", `"quoted"`, "${injected}", "$${kept}", "$$${x}", "%{if true}", "%%{x}", "line\nbreak", "tab\there",
	"back\\slash", "ünïcödé 日本", "trailing $", "trailing %", "null", "for", "EOT", "}\ntarget \"x\" {", "a\r\nb", "\x00\x01",
}

// evaluate parses src and evaluates every attribute without any variables: a
// string that became syntax fails to parse or comes back changed.
func evaluate(t *testing.T, src []byte) map[string]cty.Value {
	t.Helper()
	file, diags := hclsyntax.ParseConfig(src, "test.hcl", hclv2.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("parsing: %v\n%s", diags, src)
	}
	attrs, diags := file.Body.JustAttributes()
	if diags.HasErrors() {
		t.Fatalf("attributes: %v\n%s", diags, src)
	}
	values := map[string]cty.Value{}
	for name, attr := range attrs {
		v, diags := attr.Expr.Value(nil)
		if diags.HasErrors() {
			t.Fatalf("evaluating %s: %v\n%s", name, diags, src)
		}
		values[name] = v
	}
	return values
}

func TestAwkwardStringsComeBackUnchanged(t *testing.T) {
	for _, s := range awkward {
		f := hcl.New()
		f.Comment("about " + s)
		f.String("string", s)
		f.Strings("list", []string{s, "x"})
		f.Map("map", map[string]string{s: s, "other": ""})
		if s != "EOT" {
			if err := f.Heredoc("heredoc", hcl.Text("text "+s)); err != nil {
				t.Fatal(err)
			}
		}
		got := evaluate(t, f.Bytes())
		if v := got["string"].AsString(); v != s {
			t.Errorf("string: got %q, want %q", v, s)
		}
		if v := got["list"].AsValueSlice()[0].AsString(); v != s {
			t.Errorf("list: got %q, want %q", v, s)
		}
		if v, ok := got["map"].AsValueMap()[s]; !ok || v.AsString() != s {
			t.Errorf("map: got %#v, want key and value %q", got["map"], s)
		}
		if v, ok := got["heredoc"]; ok && v.AsString() != "text "+s+"\n" {
			t.Errorf("heredoc: got %q, want %q", v.AsString(), "text "+s+"\n")
		}
	}
}

func FuzzStrings(f *testing.F) {
	for _, s := range awkward {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return // outside the contract of the package
		}
		// cty normalises strings to NFC, so compare with what it makes of s.
		want := cty.StringVal(s).AsString()
		file := hcl.New()
		file.Comment(s)
		file.String("string", s)
		file.Map("map", map[string]string{s: s})
		file.Strings("list", []string{s})
		heredoc := file.Heredoc("heredoc", hcl.Text(s)) == nil // it may contain the marker
		got := evaluate(t, file.Bytes())
		if v := got["string"].AsString(); v != want {
			t.Errorf("got %q, want %q", v, want)
		}
		if v := got["list"].AsValueSlice(); len(v) != 1 || v[0].AsString() != want {
			t.Errorf("list: got %#v, want %q", v, want)
		}
		if v, ok := got["map"].AsValueMap()[want]; !ok || v.AsString() != want {
			t.Errorf("map: got %#v, want key and value %q", got["map"], want)
		}
		if v := cty.StringVal(strings.TrimSuffix(s, "\n") + "\n").AsString(); heredoc && got["heredoc"].AsString() != v {
			t.Errorf("heredoc: got %q, want %q", got["heredoc"].AsString(), v)
		}
	})
}

func TestHeredocRefusesWhatWouldEndIt(t *testing.T) {
	for _, text := range []string{"a\n  EOT\nb", "EOT", "a\rb"} {
		if err := hcl.New().Heredoc("x", hcl.Text(text)); err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}

func TestExprIsNotEscaped(t *testing.T) {
	f := hcl.New()
	if err := f.Expr("x", `split(",", PLATFORMS)`); err != nil {
		t.Fatal(err)
	}
	if err := f.Expr("y", `split(",`); err == nil {
		t.Error("want an error for a broken expression")
	}
	if got, want := string(f.Bytes()), "x = split(\",\", PLATFORMS)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExprMap(t *testing.T) {
	f := hcl.New()
	b := f.Block("target", "x")
	if err := b.ExprMap("matrix", "platform", `split(",", PLATFORMS)`); err != nil {
		t.Fatal(err)
	}
	if err := b.ExprMap("matrix", "platform", "}"); err == nil {
		t.Error("want an error for a broken expression")
	}
	want := "target \"x\" {\n  matrix = { platform = split(\",\", PLATFORMS) }\n}\n"
	if got := string(f.Bytes()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCommentsStayComments(t *testing.T) {
	f := hcl.New()
	f.Comment("one\ntwo\rthree\u2028four\u0085five\n\nx = 1")
	f.Newline()
	f.String("y", "")
	if got, want := string(f.Bytes()), "# one\n# twothreefourfive\n#\n# x = 1\n\ny = \"\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
