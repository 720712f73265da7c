package extension

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
)

func (r *reader) testCases(root *table) []TestCase {
	var cases []TestCase
	names := map[string]bool{}
	for _, t := range root.children("case") {
		c := r.testCase(t)
		if names[c.Name] && c.Name != "" {
			r.report(r.types, t.keyPosition("name"), "the case %s already exists in this file", quote(c.Name))
		}
		names[c.Name] = true
		cases = append(cases, c)
	}
	root.unknown()
	return cases
}

func (r *reader) testCase(t *table) TestCase {
	c := TestCase{File: r.file, Position: t.position(), Name: t.plain("name")}
	t.needs("name")
	if c.Name == "" {
		r.report(r.types, t.position(), "missing name in %s", t)
	}
	for _, e := range []struct {
		name string
		to   *Entry
	}{{"app", &c.App}, {"platform-api", &c.PlatformAPI}, {"golden", &c.Golden}} {
		if found := t.text(e.name); found != nil {
			*e.to = *found
		}
	}
	if v := c.PlatformAPI; v.Value != "" && !platformAPI.Get().MatchString(v.Value) {
		r.report(r.types, v.Position, "platform-api %s is not a version that runs extensions", quote(v.Value)).Hint = "use 0.10 to 0.15, or leave it out for the newest"
	}
	c.Env = t.textMap("env", func(key Entry) {
		if !envName.Get().MatchString(key.Value) {
			r.report(r.types, key.Position, "%s is not a name of an environment variable", quote(key.Value))
		}
	})
	c.Requires = r.requirements(t)
	c.Targets, c.Order, c.Plan = t.texts("targets"), t.texts("order"), t.texts("plan")
	if e := t.text("detect"); e != nil {
		if c.DetectFails = e.Value == "fail"; !c.DetectFails && e.Value != "pass" {
			r.report(r.types, e.Position, "detect is %s, not \"pass\" or \"fail\"", quote(e.Value))
		}
	}
	c.Messages = r.patterns(t, "output")
	c.Fails = r.pattern(t, "fails")
	c.ChangesApp = t.flag("changes-app")
	c.Build, c.Run = r.imageChecks(t, "build-image"), r.imageChecks(t, "run-image")
	if c.Build.Base.Value != "" {
		r.report(r.types, c.Build.Base.Position, "base is for run images: extensions cannot switch the build image")
	}
	t.unknown()
	return c
}

var (
	platformAPI = lazyregexp.New(`^0\.1[0-9]$`)
	envName     = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// requirements reads names, or tables with a name and metadata.
func (r *reader) requirements(t *table) []Requirement {
	const want = "an array of names or of tables with a name"
	n := t.typed("requires", arrayKind, want)
	if t.schema != nil {
		one := t.recordedOr("requires", schema{Type: "string"})
		one.needs("name")
		one.plain("name")
		one.child("metadata")
		one.unknown()
	}
	if n == nil {
		return nil
	}
	var out []Requirement
	for _, item := range n.items {
		switch item.kind {
		case stringKind:
			out = append(out, Requirement{Name: item.text})
		case tableKind:
			one := &table{r: r, node: item, path: t.join("requires"), array: true}
			out = append(out, Requirement{Name: one.plain("name")})
			one.child("metadata")
			one.unknown()
		default:
			r.report(r.types, r.position(item.at), "requires%s must be %s, found %s", t.in(), want, item.kind)
			continue
		}
		if out[len(out)-1].Name == "" {
			r.report(r.types, r.position(item.at), "missing name in requires%s", t.in())
		}
	}
	return out
}

// requirementMetadata adds the metadata of requirements, which may be any TOML.
func (r *reader) requirementMetadata(cases []TestCase) error {
	var file struct {
		Case []struct {
			Requires []any `toml:"requires"`
		} `toml:"case"`
	}
	if err := toml.NewDecoder(bytes.NewReader(r.data)).Decode(&file); err != nil {
		return diag.Invalidf("%s: %v", r.file, err)
	}
	for i := range cases {
		for j, found := range file.Case[i].Requires {
			if t, ok := found.(map[string]any); ok {
				cases[i].Requires[j].Metadata, _ = t["metadata"].(map[string]any)
			}
		}
	}
	return nil
}

// maxPattern is the length of the longest pattern.
const maxPattern = 4096

func (r *reader) pattern(t *table, name string) *Pattern {
	e := t.text(name)
	if e == nil {
		return nil
	}
	return r.compile(name, *e)
}

func (r *reader) compile(name string, e Entry) *Pattern {
	re, err := regexp.Compile("(?m)" + e.Value)
	switch {
	case len(e.Value) > maxPattern:
		r.report(r.types, e.Position, "%s is longer than %d bytes", name, maxPattern)
		return nil
	case err != nil:
		r.report(r.types, e.Position, "%s %s is not a regular expression: %v", name, quote(e.Value), strings.Replace(strings.TrimPrefix(err.Error(), "error parsing regexp: "), "(?m)", "", 1))
		return nil
	}
	return &Pattern{Regexp: re, Position: e.Position}
}

// patterns reads a pattern or an array of patterns.
func (r *reader) patterns(t *table, name string) []Pattern {
	var out []Pattern
	for _, e := range t.textOrTexts(name) {
		if p := r.compile(name, e); p != nil {
			out = append(out, *p)
		}
	}
	return out
}
