package extension_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

func TestParseTests(t *testing.T) {
	cases, err := extension.ParseTests("tests/a.toml", []byte(`
[[case]]
name = "one"
app = "apps/one"
env = { BP_X = "1" }
requires = ["a", { name = "b", metadata = { packages = ["curl"], build = true } }]
order = ["../first", "."]
detect = "fail"
output = ["x", "y"]

[case.run-image]
rebasable = true
env = { PATH = "/bin" }

[[case.run-image.file]]
path = "/etc/x"
mode = "4755"
content = "^a$"

[[case.run-image.command]]
run = ["sh", "-c", "exit 3"]
exit = 3

[[case]]
name = "two"
`))
	if err != nil || len(cases) != 2 {
		t.Fatalf("%v: %d cases", err, len(cases))
	}
	c := cases[0]
	if c.Position.String() != "tests/a.toml:2:1" || !c.DetectFails || c.App.Value != "apps/one" || len(c.Order) != 2 || len(c.Messages) != 2 || c.Env["BP_X"] != "1" {
		t.Errorf("got %+v", c)
	}
	if len(c.Requires) != 2 || c.Requires[1].Name != "b" || c.Requires[1].Metadata["build"] != true {
		t.Errorf("requires %+v", c.Requires)
	}
	run := c.Run
	if run.Rebasable == nil || !*run.Rebasable || *run.Files[0].Mode != 0o4755 || !run.Files[0].Content.MatchString("b\na\n") || run.Commands[0].Exit != 3 {
		t.Errorf("run image %+v", run)
	}
	if run.EnvPositions["PATH"].Line != 13 || !c.Build.IsZero() {
		t.Errorf("env at %v", run.EnvPositions)
	}
}

func TestParseTestsReports(t *testing.T) {
	for text, want := range map[string]string{
		"[[case]]": "a.toml:1:1: missing name in [[case]]",
		"[[case]]\nname = \"a\"\n[[case]]\nname = \"a\"":                                                 `a.toml:4:1: the case "a" already exists in this file`,
		"[[case]]\nname = \"a\"\ndetect = \"yes\"":                                                       `a.toml:3:10: detect is "yes", not "pass" or "fail"`,
		"[[case]]\nname = \"a\"\nplatform-api = \"0.9\"":                                                 `a.toml:3:16: platform-api "0.9" is not a version that runs extensions`,
		"[[case]]\nname = \"a\"\nenv = { \"A-B\" = \"\" }":                                               `a.toml:3:9: "A-B" is not a name of an environment variable`,
		"[[case]]\nname = \"a\"\nrequires = [1]":                                                         "a.toml:3:13: requires in [[case]] must be an array of names or of tables with a name, found an integer",
		"[[case]]\nname = \"a\"\nrequires = [{}]":                                                        "missing name in requires in [[case]]",
		"[[case]]\nname = \"a\"\noutput = \"(\"":                                                         "a.toml:3:10: output \"(\" is not a regular expression: missing closing ): `(`",
		"[[case]]\nname = \"a\"\nappp = \"x\"":                                                           `a.toml:3:1: unknown key "appp" in [[case]] (did you mean "app"?)`,
		"[[case]]\nname = \"a\"\n[case.build-image]\nbase = \"x\"":                                       "a.toml:4:8: base is for run images: extensions cannot switch the build image",
		"[[case]]\nname = \"a\"\n[[case.run-image.file]]\npath = \"etc\"":                                `a.toml:3:1: path "etc" in [[case.run-image.file]] is not an absolute path of a file`,
		"[[case]]\nname = \"a\"\n[[case.run-image.file]]\npath = \"/a b\"":                               "is not an absolute path of a file",
		"[[case]]\nname = \"a\"\n[[case.run-image.file]]\npath = \"/etc/$X\"":                            "is not an absolute path of a file",
		"[[case]]\nname = \"a\"\n[[case.run-image.file]]\npath = \"/e\"\nmode = \"rwx\"":                 `a.toml:5:8: mode "rwx" is not octal, such as "0755"`,
		"[[case]]\nname = \"a\"\n[[case.run-image.file]]\npath = \"/e\"\nabsent = true\nmode = \"0644\"": "a.toml:5:1: an absent file cannot have a mode or content",
		"[[case]]\nname = \"a\"\n[[case.run-image.command]]\nrun = []":                                   "a.toml:3:1: missing run in [[case.run-image.command]]",
		"[[case]]\nname = \"a\"\n[[case.run-image.command]]\nrun = [\"x\"]\nexit = 256":                  "a.toml:5:8: exit is 256, not between 0 and 255",
		"[[case]]\nname = ": "a.toml:2:",
		"case = 1":          "a.toml:1:8: case must be an array of tables, [[case]], found an integer",
	} {
		_, err := extension.ParseTests("a.toml", []byte(text))
		if err == nil || !strings.Contains(diag.Text(err), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// A folder without cases is one like any other.
func TestTestsFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("extension.toml", "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.0.0\"\n")
	folder := func() string {
		t.Helper()
		d, _, err := extension.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		name, err := extension.TestsFolder(d)
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	if got := folder(); got != "" {
		t.Errorf("without a folder: %q", got)
	}
	write("tests/config.toml", "# [[case]]\ncase = \"lower\"\n")
	write("tests/deep/case.toml", "[[case]]\nname = \"x\"\n")
	if got := folder(); got != "" {
		t.Errorf("without cases: %q", got)
	}
	write("tests/case.toml", "\n  [[ case ]]\nname = \"x\"\n")
	if got := folder(); got != "tests" {
		t.Errorf("with cases: %q", got)
	}
	write("extension.toml", "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.0.0\"\n[metadata.extpack.test]\ncases = \"spec\"\n")
	if got := folder(); got != "spec" {
		t.Errorf("named: %q", got)
	}
}

func FuzzParseTests(f *testing.F) {
	f.Add([]byte("[[case]]\nname = \"a\"\nrequires = [{ name = \"b\", metadata = { x = 1979-05-27 } }]\n"))
	f.Add([]byte("case = [{name = \"a\", requires = [\"x\"]}, {name = \"b\"}]"))
	f.Add([]byte("[[case]]\nname=\"a\"\n[case.build-image]\nfile = [{path=\"/x\"}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cases, err := extension.ParseTests("a.toml", data)
		if err != nil && !diag.IsInvalid(err) {
			t.Errorf("%v", err)
		}
		for _, c := range cases {
			if c.Name == "" {
				t.Error("a case without a name")
			}
		}
	})
}
