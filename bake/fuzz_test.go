package bake

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

// fragments are what HCL, Dockerfiles and shells read as more than text.
var fragments = []string{
	"${", "$${", "$$${", "%{", "%%{", "}", "$", "%", "\"", "'", "\\", "\\n", "\n", "\r\n", "\t", "EOT", "\nEOT\n", "<<EOT", "#", "//", "/*",
	"for", "null", "true", "{{.ID}}", "é", "e\u0301", "日本", "\u0001", "\u001b[31m", "\u007f", "\u0085", "\u2028", "\ufeff", "😀", " ", "=", ",",
	"${upper(\"x\")}", "${PLATFORMS}", "%{ for x in y }", "target", "\u200d",
}

// tomlString writes a basic string; TOML knows \u and \U for everything.
func tomlString(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '"' || r == '\\' || unicode.IsControl(r) {
			fmt.Fprintf(&b, "\\U%08X", r)
			continue
		}
		b.WriteRune(r)
	}
	return `"` + b.String() + `"`
}

// withoutControl drops what names and keys may not hold.
func withoutControl(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// checkStrings plans an extension whose free texts are given, and has buildx
// evaluate its file.
func checkStrings(t testing.TB, name, description, key, value string) {
	t.Helper()
	work := t.TempDir()
	toml := "name = " + tomlString(withoutControl(name)) + "\ndescription = " + tomlString(description) + "\nkeywords = [" + tomlString(value) + "]\n" +
		targetTOML("linux/amd64", "linux/arm/v7") + "[metadata.extpack.labels]\n" + tomlString("k"+withoutControl(key)) + " = " + tomlString(value) + "\n"
	p := mustPlan(t, plan.Options{Tags: []string{"r.example/x"}}, extensionDir(t, work, "x", "x", toml, bin))
	if got := p.Extensions[0].Descriptor.Info.Description; got != description {
		t.Fatalf("the descriptor says %q, want %q", got, description)
	}
	if p.CheckLabels("", "") != nil { // what buildx would change
		if _, err := File(p, work, FileOptions{}); !diag.IsInvalid(err) {
			t.Errorf("%q, %q, %q, %q: got %v", name, description, key, value, err)
		}
		return
	}
	checkEvaluated(t, p, work)
}

func TestAwkwardStrings(t *testing.T) {
	t.Parallel()
	for _, s := range fragments {
		t.Run(strconv.Quote(s), func(t *testing.T) {
			checkStrings(t, s, s, s, s)
			checkStrings(t, "a"+s+"b", s+s, s+"x"+s, "x"+s)
		})
	}
	checkStrings(t, strings.Repeat("n", 2048), strings.Repeat("${x}\n", 512), "k", strings.Repeat("%{", 1024))
	checkStrings(t, "", "", "", "")
}

func TestRandomStrings(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) // the same every time
	text := func() string {
		var b strings.Builder
		for range random.IntN(12) {
			b.WriteString(fragments[random.IntN(len(fragments))])
		}
		return b.String()
	}
	for range 200 {
		checkStrings(t, text(), text(), text(), text())
	}
}

func FuzzFile(f *testing.F) {
	for _, s := range fragments {
		f.Add(s, s, s, s)
	}
	f.Fuzz(func(t *testing.T, name, description, key, value string) {
		for _, s := range []string{name, description, key, value} {
			if !utf8.ValidString(s) || len(s) > 4096 {
				return // TOML is UTF-8
			}
		}
		checkStrings(t, name, description, key, value)
	})
}

// Label keys that HCL would read as something else, and flags, which are
// checked less than a descriptor.
func TestLabelKeys(t *testing.T) {
	t.Parallel()
	labels := map[string]string{}
	for _, key := range append([]string{"for", "null", "true", "false", "if", "in", "x.y", "a-b", "-", "1", "", "a b", "a:b", "x\ny"}, fragments...) {
		labels[key] = key
	}
	delete(labels, "e\u0301") // the same as "é" to every reader of HCL
	work := t.TempDir()
	p := mustPlan(t, plan.Options{Labels: labels}, extensionDir(t, work, "x", "x", "", bin))
	checkEvaluated(t, p, work)
}
