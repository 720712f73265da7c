package extension

import (
	"strings"
	"testing"
)

func TestInfoDiagnostics(t *testing.T) { runDiagnostics(t, infoTests, parseDescriptor) }

func withAPI(api string) string { return strings.Replace(valid, `"0.10"`, api, 1) }

func withID(id string) string { return strings.Replace(valid, "samples/curl", id, 1) }

func withVersion(v string) string { return strings.Replace(valid, `"0.0.1"`, v, 1) }

var infoTests = []diagnosticTest{
	{"valid", valid, ``},
	{"all problems at once", "apy = 1\n[extension]\nid = \"a b\"\nverison = \"1\"\nname = 3\n[[targets]]\nos = \"linux\"\narch = \"amd46\"\n", `extension.toml: missing api
  add api = "0.10" as the first line
extension.toml:1:1: warning: unknown key "apy" at the top level (did you mean "api"?)
extension.toml:2:1: missing version in [extension]
  add version = "0.0.1" below [extension], or set it with --version
extension.toml:3:6: id "a b" may contain only letters, digits, ".", "/" and "-", found ' '
extension.toml:4:1: warning: unknown key "verison" in [extension] (did you mean "version"?)
extension.toml:5:8: name in [extension] must be a string, found an integer
  quote it: name = "3"
extension.toml:8:8: unknown arch "amd46" (did you mean "amd64"?)`},
	{"no table", `api = "0.10"`, `extension.toml: missing [extension]
  add the table [extension] with id and version`},
	{"extension is a string", "api = \"0.10\"\nextension = \"a\"", `extension.toml:2:13: extension must be a table, found a string`},
	{"inline table", "api = \"0.10\"\nextension = { id = \"a\", version = \"1\" }", `extension.toml:2:35: version "1" is not X.Y.Z, three numbers without leading zeros (did you mean "1.0.0"?)`},
	{"dotted keys", "api = \"0.10\"\nextension.id = \"a\"\nextension.version = \"1\"", `extension.toml:3:21: version "1" is not X.Y.Z, three numbers without leading zeros (did you mean "1.0.0"?)`},
	{"header after its child", "api = \"0.10\"\n[[extension.licenses]]\ntype = \"MIT\"\n[extension]\nid = \"a\"", `extension.toml:4:1: missing version in [extension]
  add version = "0.0.1" below [extension], or set it with --version`},
	{"api is a number", withAPI("0.10"), `extension.toml:1:7: api must be a string, found a float
  quote it: api = "0.10"`},
	{"api with v", withAPI(`"v0.10"`), `extension.toml:1:7: api "v0.10" is not a Buildpack API version, MAJOR.MINOR (did you mean "0.10"?)`},
	{"api with patch", withAPI(`"0.10.0"`), `extension.toml:1:7: api "0.10.0" is not a Buildpack API version, MAJOR.MINOR (did you mean "0.10"?)`},
	{"api not a version", withAPI(`"latest"`), `extension.toml:1:7: api "latest" is not a Buildpack API version, MAJOR.MINOR`},
	{"api overflows", withAPI(`"0.18446744073709551616"`), `extension.toml:1:7: api "0.18446744073709551616" has a number that is too large`},
	{"api old", withAPI(`"0.6"`), `extension.toml:1:7: api "0.6" is not supported by lifecycles that run extensions (0.7 to 0.12)`},
	{"api new", withAPI(`"0.13"`), `extension.toml:1:7: api "0.13" is not supported by lifecycles that run extensions (0.7 to 0.12)`},
	{"api major only", withAPI(`"1"`), `extension.toml:1:7: api "1" is not supported by lifecycles that run extensions (0.7 to 0.12)`},
	{"id empty", withID(""), `extension.toml:3:6: id "" is empty`},
	{"id with space", withID("my ext"), `extension.toml:3:6: id "my ext" may contain only letters, digits, ".", "/" and "-", found ' '`},
	{"id with escape", withID(`a\u001b[0m`), `extension.toml:3:6: id "a\x1b[0m" may contain only letters, digits, ".", "/" and "-", found '\x1b'`},
	{"id not ASCII", withID("größe"), `extension.toml:3:6: id "größe" may contain only letters, digits, ".", "/" and "-", found 'ö'`},
	{"id reserved", withID("sbom"), `extension.toml:3:6: id "sbom" is reserved by the specification`},
	{"id underscore", withID("a_b"), `extension.toml:3:6: warning: id "a_b" contains "_", which the specification does not allow`},
	{"id leading slash", withID("/a"), `extension.toml:3:6: id "/a" begins or ends with "/"`},
	{"id trailing slash", withID("a/"), `extension.toml:3:6: id "a/" begins or ends with "/"`},
	{"id empty segment", withID("a//b"), `extension.toml:3:6: id "a//b" contains "//"`},
	{"id dots", withID("a/../b"), `extension.toml:3:6: id "a/../b" has the segment "..", which is not allowed`},
	{"id dot", withID("."), `extension.toml:3:6: id "." has the segment ".", which is not allowed`},
	{"id long", withID(strings.Repeat("a", 256)), `extension.toml:3:6: id "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…" is longer than 255 characters`},
	{"version short", withVersion(`"1.0"`), `extension.toml:4:11: version "1.0" is not X.Y.Z, three numbers without leading zeros (did you mean "1.0.0"?)`},
	{"version with v", withVersion(`"v1.2.3"`), `extension.toml:4:11: version "v1.2.3" is not X.Y.Z, three numbers without leading zeros (did you mean "1.2.3"?)`},
	{"version with zero", withVersion(`"01.2.3"`), `extension.toml:4:11: version "01.2.3" is not X.Y.Z, three numbers without leading zeros (did you mean "1.2.3"?)`},
	{"version zeros", withVersion(`"1.00.0"`), `extension.toml:4:11: version "1.00.0" is not X.Y.Z, three numbers without leading zeros (did you mean "1.0.0"?)`},
	{"version pre-release", withVersion(`"1.2.3-rc.1"`), `extension.toml:4:11: version "1.2.3-rc.1" is not X.Y.Z, three numbers without leading zeros (did you mean "1.2.3"?)`},
	{"version four parts", withVersion(`"1.2.3.4"`), `extension.toml:4:11: version "1.2.3.4" is not X.Y.Z, three numbers without leading zeros`},
	{"version text", withVersion(`"{{.version}}"`), `extension.toml:4:11: version "{{.version}}" is not X.Y.Z, three numbers without leading zeros
  set the version with --version X.Y.Z`},
	{"version empty", withVersion(`""`), `extension.toml:4:11: version "" is not X.Y.Z, three numbers without leading zeros`},
	{"version control", withVersion(`"1.2.3\n"`), `extension.toml:4:11: version "1.2.3\n" contains a control character`},
	{"version number", withVersion(`1.0`), `extension.toml:4:11: version in [extension] must be a string, found a float
  quote it: version = "1.0"`},
	{"version date", withVersion(`2026-01-02`), `extension.toml:4:11: version in [extension] must be a string, found a date or time
  quote it: version = "2026-01-02"`},
	{"version long", withVersion(`"1.2.` + strings.Repeat("3", 128) + `"`), `extension.toml:4:11: version "1.2.3333333333333333333333333333333333333333333333333333333333333333333333333333…" is longer than the 128 characters of an image tag`},
	{"wrong types", valid + "clear-env = \"yes\"\nkeywords = [\"a\", 1, [2]]\nexec-env = \"test\"\ndescription = [\"x\"]\nlicenses = [\"MIT\"]", `extension.toml:5:13: clear-env in [extension] must be true or false, found a string
extension.toml:6:12: keywords in [extension] must contain only strings, found an array
extension.toml:6:18: keywords in [extension] must contain only strings, found an integer
extension.toml:7:12: exec-env in [extension] must be an array of strings, found a string
extension.toml:8:15: description in [extension] must be a string, found an array
extension.toml:9:13: licenses in [extension] must contain only tables, found a string
  write [[extension.licenses]] and its keys for each`},
	{"license as table", valid + "[extension.licenses]\ntype = \"MIT\"", `extension.toml:5:1: licenses in [extension] must be an array of tables, [[extension.licenses]], found a table`},
	{"license keys", valid + "[[extension.licenses]]\nuir = \"LICENSE\"", `extension.toml:5:1: warning: [[extension.licenses]] has neither type nor uri
extension.toml:6:1: warning: unknown key "uir" in [[extension.licenses]] (did you mean "uri"?)`},
	{"homepage", valid + `homepage = "buildpacks.io"`, `extension.toml:5:12: warning: homepage "buildpacks.io" is not an http or https URL`},
	{"homepage control", valid + `homepage = "https://a\u0007"`, `extension.toml:5:12: homepage "https://a\a" contains a control character`},
	{"name control", valid + `name = "a\tb"`, `extension.toml:5:8: name "a\tb" contains a control character`},
	{"upper case key", valid + `Name = "a"`, `extension.toml:5:1: key "Name" in [extension] is ambiguous: some readers treat it as name`},
	{"foreign tables", valid + "[[order]]\n[[stacks]]\n[\"\\u001b\"]", `extension.toml:5:3: extensions have no order
extension.toml:6:3: warning: stacks are deprecated, and extensions have none
extension.toml:7:2: warning: unknown key "\x1b" at the top level`},
	{"long value", withAPI(`"` + strings.Repeat("é", 90) + `"`), `extension.toml:1:7: api "éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé…" is not a Buildpack API version, MAJOR.MINOR`},
}

func TestExceptionDiagnostics(t *testing.T) {
	const ignore = "[[metadata.extpack.lint.ignore]]\n"
	runDiagnostics(t, []diagnosticTest{
		{"rule off", strings.Replace(valid, "0.10", "0.13", 1) + ignore + "rule = \"api-unsupported\"\nreason = \"new\"", ""},
		{
			"another path", strings.Replace(valid, "0.10", "0.13", 1) + ignore + "rule = \"api-unsupported\"\nreason = \"new\"\npath = \"bin\"",
			`extension.toml:1:7: api "0.13" is not supported by lifecycles that run extensions (0.7 to 0.12)`,
		},
		{"no rule", valid + ignore + "reason = \"x\"", "extension.toml:5:1: missing rule in [[metadata.extpack.lint.ignore]]\n  see \"docker extpack lint --list-rules\""},
		{"no reason", valid + ignore + "rule = \"secret\"\nreason = \" \"", "extension.toml:5:1: missing reason in [[metadata.extpack.lint.ignore]]\n  add the reason: reason = \"…\""},
		{"unknown rule", valid + ignore + "rule = \"secrets\"\nreason = \"x\"", `extension.toml:6:8: warning: unknown rule "secrets" (did you mean "secret"?)`},
		{"required rule", valid + ignore + "rule = \"id-invalid\"\nreason = \"x\"", `extension.toml:6:8: warning: the rule id-invalid cannot be turned off, because every package requires it`},
		{"unknown key", valid + ignore + "rule = \"secret\"\nreason = \"x\"\nfile = \"x\"", `extension.toml:8:1: warning: unknown key "file" in [[metadata.extpack.lint.ignore]] (did you mean "rule"?)`},
	}, parseDescriptor)
}
