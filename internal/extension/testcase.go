package extension

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

// TestCase is one [[case]] of a file that "docker extpack test" reads.
type TestCase struct {
	// File is the path of the file in messages.
	File     string
	Position diag.Position
	// Name is unique in its file.
	Name string
	// App is the directory of the application, relative to the file. Empty means
	// an application without files.
	App Entry
	// Env are the variables of the platform, such as BP_LOG_LEVEL.
	Env map[string]string
	// Requires is what the test buildpack requires.
	Requires []Requirement
	// Targets are the platforms that the case applies to; none means all.
	Targets []Entry
	// PlatformAPI is the CNB_PLATFORM_API of the lifecycle, "" for the newest.
	PlatformAPI Entry
	// Order are the extensions that run, in their order: "." is the extension
	// under test, others are directories relative to its own. None means "."
	// alone.
	Order []Entry
	// DetectFails is whether detection of the extension under test has to fail.
	DetectFails bool
	// Messages are patterns that the output of detect and generate matches.
	Messages []Pattern
	// Fails is a pattern that a failure of generate or of a Dockerfile matches.
	Fails *Pattern
	// Plan are the names of the plan that the extensions provide, nil when they
	// are not checked.
	Plan []Entry
	// Golden is a directory with the files that generate has to write, relative
	// to the file of the case.
	Golden Entry
	// ChangesApp allows generate to change the application.
	ChangesApp bool
	Build, Run ImageChecks
}

// Requirement is an entry of a build plan that a buildpack requires.
type Requirement struct {
	Name     string         `toml:"name"`
	Metadata map[string]any `toml:"metadata,omitempty"`
}

// Pattern is a regular expression of a test case.
type Pattern struct {
	*regexp.Regexp
	Position diag.Position
}

// ImageChecks are what a case asserts of an extended image.
type ImageChecks struct {
	// Base is the run image that the extension switches to.
	Base Entry
	// User is the user of the image, as in its config.
	User Entry
	// Env and Labels have the exact values of variables and labels.
	Env, Labels map[string]string
	// EnvPositions and LabelPositions are the positions of their names.
	EnvPositions, LabelPositions map[string]diag.Position
	// Rebasable is the label io.buildpacks.rebasable, nil when not checked.
	Rebasable         *bool
	RebasablePosition diag.Position
	Files             []FileCheck
	Commands          []CommandCheck
}

// IsZero reports whether nothing is asserted.
func (c *ImageChecks) IsZero() bool {
	return c.Base.Value == "" && c.User.Value == "" && len(c.Env)+len(c.Labels)+len(c.Files)+len(c.Commands) == 0 && c.Rebasable == nil
}

// FileCheck is a file of an extended image.
type FileCheck struct {
	Position diag.Position
	// Path is absolute and clean.
	Path string
	// Mode are the permission bits, nil when they are not checked.
	Mode    *fs.FileMode
	Content *Pattern
	// Absent is whether there may be no such file.
	Absent bool
}

// CommandCheck is a command that runs in an extended image.
type CommandCheck struct {
	Position diag.Position
	Run      []string
	Exit     int
	Output   *Pattern
}

// testRules are the rules in findings of test files. They are not in the
// catalogue: nothing but "docker extpack test" reads these files.
var testRules = struct{ value, unknown *rules.Rule }{
	value:   &rules.Rule{ID: "test-case", Severity: diag.Error},
	unknown: &rules.Rule{ID: "test-case-key", Severity: diag.Error},
}

// IsTestFile reports whether data, the content of a TOML file, has test cases.
func IsTestFile(data []byte) bool { return caseHeader.Match(data) }

var caseHeader = regexp.MustCompile(`(?m)^[ \t]*\[\[[ \t]*case[ \t]*\]\]`)

// ParseTests returns the cases of a test file. file is its name in messages. It
// returns a [*diag.InvalidError] with every problem of the file.
func ParseTests(file string, data []byte) ([]TestCase, error) {
	r := newReader(file, data)
	r.syntax, r.types, r.unknown = testRules.value, testRules.value, testRules.unknown
	root := r.root()
	if root == nil {
		return nil, r.list.Err()
	}
	cases := r.testCases(root)
	if _, err := r.result(); err != nil {
		return nil, err
	}
	return cases, r.requirementMetadata(cases)
}

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
	if v := c.PlatformAPI; v.Value != "" && !platformAPI.MatchString(v.Value) {
		r.report(r.types, v.Position, "platform-api %s is not a version that runs extensions", quote(v.Value)).Hint = "use 0.10 to 0.15, or leave it out for the newest"
	}
	c.Env = t.textMap("env", func(key Entry) {
		if !envName.MatchString(key.Value) {
			r.report(r.types, key.Position, "%s is not a name of an environment variable", quote(key.Value))
		}
	})
	c.Requires = r.requirements(t)
	c.Targets, c.Order, c.Plan = t.texts("targets"), t.texts("order"), t.texts("plan")
	if e := t.text("detect"); e != nil {
		if c.DetectFails = e.Value == "fail"; !c.DetectFails && e.Value != "pass" {
			r.report(r.types, e.Position, "detect is %s, neither \"pass\" nor \"fail\"", quote(e.Value))
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
	platformAPI = regexp.MustCompile(`^0\.1[0-9]$`)
	envName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// requirements reads names, or tables with a name and metadata.
func (r *reader) requirements(t *table) []Requirement {
	const want = "an array of names or of tables with a name"
	n := t.typed("requires", arrayKind, want)
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

func (r *reader) imageChecks(parent *table, name string) ImageChecks {
	c := ImageChecks{EnvPositions: map[string]diag.Position{}, LabelPositions: map[string]diag.Position{}}
	t := parent.child(name)
	if t == nil {
		return c
	}
	if e := t.text("base"); e != nil {
		c.Base = *e
	}
	if e := t.text("user"); e != nil {
		c.User = *e
	}
	c.Env = t.textMap("env", func(key Entry) { c.EnvPositions[key.Value] = key.Position })
	c.Labels = t.textMap("labels", func(key Entry) { c.LabelPositions[key.Value] = key.Position })
	if t.has("rebasable") || t.schema != nil {
		is := t.flag("rebasable")
		c.Rebasable, c.RebasablePosition = &is, t.keyPosition("rebasable")
	}
	for _, f := range t.children("file") {
		c.Files = append(c.Files, r.fileCheck(f))
	}
	for _, cmd := range t.children("command") {
		c.Commands = append(c.Commands, r.commandCheck(cmd))
	}
	t.unknown()
	return c
}

func (r *reader) fileCheck(t *table) FileCheck {
	c := FileCheck{Position: t.position(), Path: t.plain("path"), Content: r.pattern(t, "content"), Absent: t.flag("absent")}
	t.needs("path")
	if !path.IsAbs(c.Path) || path.Clean(c.Path) != c.Path || c.Path == "/" || !imagePath.MatchString(c.Path) {
		r.report(r.types, t.position(), "path %s in %s is not an absolute path of a file", quote(c.Path), t)
	}
	if e := t.text("mode"); e != nil {
		n, err := strconv.ParseUint(e.Value, 8, 12)
		if err != nil || !octal.MatchString(e.Value) {
			r.report(r.types, e.Position, "mode %s is not octal, such as \"0755\"", quote(e.Value))
		}
		mode := fs.FileMode(n)
		c.Mode = &mode
	}
	if c.Absent && (c.Mode != nil || c.Content != nil) {
		r.report(r.types, t.keyPosition("absent"), "a file that is absent has no mode and no content")
	}
	t.unknown()
	return c
}

var (
	octal = regexp.MustCompile(`^0?[0-7]{3,4}$`)
	// imagePath excludes what Dockerfiles expand, and control characters.
	imagePath = regexp.MustCompile(`^/[A-Za-z0-9/._+@:,=~%-]*[A-Za-z0-9._+@:,=~%]$`)
)

func (r *reader) commandCheck(t *table) CommandCheck {
	c := CommandCheck{Position: t.position(), Run: t.plains("run"), Output: r.pattern(t, "output")}
	t.needs("run")
	if len(c.Run) == 0 || c.Run[0] == "" {
		r.report(r.types, t.position(), "missing run in %s", t).Hint = `write it as run = ["curl", "--version"]`
	}
	if n := t.typed("exit", integerKind, integerKind.String()); n != nil {
		code, err := strconv.Atoi(n.text)
		if err != nil || code < 0 || code > 255 {
			r.report(r.types, r.position(n.at), "exit is %s, not between 0 and 255", n.text)
		}
		c.Exit = code
	}
	t.unknown()
	return c
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
		r.report(r.types, e.Position, "%s %s is not a regular expression: %v", name, quote(e.Value), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
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
