package extension

import (
	"io/fs"
	"regexp"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
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
func IsTestFile(data []byte) bool { return caseHeader.Get().Match(data) }

var caseHeader = lazyregexp.New(`(?m)^[ \t]*\[\[[ \t]*case[ \t]*\]\]`)

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
