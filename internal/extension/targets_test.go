package extension

import "testing"

func TestTargetDiagnostics(t *testing.T) { runDiagnostics(t, targetTests, parseDescriptor) }

// target returns a descriptor whose [[targets]] is in line 5.
func target(lines string) string { return valid + "[[targets]]\n" + lines }

const linuxAMD64 = "os = \"linux\"\narch = \"amd64\"\n"

var targetTests = []diagnosticTest{
	{"valid", target(linuxAMD64) + "[[targets]]\nos = \"linux\"\narch = \"arm\"\nvariant = \"v6\"\npath = \"./arm/v6/\"\n[[targets]]\nos = \"windows\"\narch = \"amd64\"\n[[targets.distros]]\nversion = \"10.0.14393.1066\"", ``},
	{"not an array", valid + "[targets]\nos = \"linux\"", `extension.toml:5:1: targets must be an array of tables, [[targets]], found a table`},
	{"nothing named", target(""), ``},
	{"no arch", target("os = \"linux\""), ``},
	{"no os", target("arch = \"arm\"\nvariant = \"v6\""), ``},
	{"wildcards", target("os = \"*\"\narch = \"*\""), `extension.toml:6:6: unknown os "*"
  an image has exactly one platform: add one [[targets]] for each
extension.toml:7:8: unknown arch "*"
  an image has exactly one platform: add one [[targets]] for each`},
	{"empty strings", target("os = \"\"\narch = \"\""), `extension.toml:6:6: unknown os ""
  an image has exactly one platform: add one [[targets]] for each
extension.toml:7:8: unknown arch ""
  an image has exactly one platform: add one [[targets]] for each`},
	{"misspelt", target("os = \"linx\"\narch = \"amd46\""), `extension.toml:6:6: unknown os "linx" (did you mean "linux"?)
extension.toml:7:8: unknown arch "amd46" (did you mean "amd64"?)`},
	{"aliases", target("os = \"macos\"\narch = \"x86_64\"\n[[targets]]\nos = \"Linux\"\narch = \"aarch64\"\n[[targets]]\nos = \"linux\"\narch = \"armhf\""), `extension.toml:6:6: unknown os "macos" (did you mean "darwin"?)
extension.toml:7:8: unknown arch "x86_64" (did you mean "amd64"?)
extension.toml:9:6: unknown os "Linux" (did you mean "linux"?)
extension.toml:10:8: unknown arch "aarch64" (did you mean "arm64"?)
extension.toml:13:8: unknown arch "armhf" (did you mean "arm" with variant "v7"?)`},
	{"unlike any", target("os = \"beos\"\narch = \"quantum\""), `extension.toml:6:6: unknown os "beos" (did you mean "ios"?)
extension.toml:7:8: unknown arch "quantum"`},
	{"wrong types", target("os = 1\narch = [\"amd64\"]\nvariant = 8"), `extension.toml:6:6: os in [[targets]] must be a string, found an integer
  quote it: os = "1"
extension.toml:7:8: arch in [[targets]] must be a string, found an array
extension.toml:8:11: variant in [[targets]] must be a string, found an integer
  quote it: variant = "8"`},
	{"unknown pair", target("os = \"windows\"\narch = \"s390x\""), `extension.toml:7:8: warning: no toolchain is known for windows/s390x`},
	{"variant without v", target("os = \"linux\"\narch = \"arm\"\nvariant = \"7\""), `extension.toml:8:11: unknown variant "7" of arm (did you mean "v7"?)
  supported: v5, v6, v7, v8`},
	{"variant upper case", target("os = \"linux\"\narch = \"arm64\"\nvariant = \"V8\""), `extension.toml:8:11: unknown variant "V8" of arm64 (did you mean "v8"?)
  supported: v8, v8.0, v8.1, v8.2, v8.3, v8.4, v8.5, v8.6, v8.7, v8.8, v8.9, v9, v9.0, v9.1, v9.2, v9.3, v9.4, v9.5, v9.6, v9.7`},
	{"variant of another", target(linuxAMD64 + "variant = \"v8\""), `extension.toml:8:11: unknown variant "v8" of amd64
  supported: v1, v2, v3, v4`},
	{"variant where none are known", target("os = \"linux\"\narch = \"mips\"\nvariant = \"softfloat\""), `extension.toml:8:11: warning: no variants are known of mips, found "softfloat"`},
	{"variant not a token", target("os = \"linux\"\narch = \"mips\"\nvariant = \"a b\""), `extension.toml:8:11: variant "a b" may contain only letters, digits and . _ + ~ -`},
	{"variant by both names", target(linuxAMD64 + "variant = \"v2\"\narch-variant = \"v2\""), ``},
	{"variant contradicts", target(linuxAMD64 + "variant = \"v2\"\narch-variant = \"v3\""), `extension.toml:9:16: arch-variant "v3" contradicts variant "v2"`},
	{"unknown keys", target(linuxAMD64 + "varient = \"v2\"\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\nverison = \"\""), `extension.toml:8:1: warning: unknown key "varient" in [[targets]] (did you mean "variant"?)
extension.toml:12:1: warning: unknown key "verison" in [[targets.distros]] (did you mean "version"?)`},
	{"twice", target(linuxAMD64 + "[[targets]]\n" + linuxAMD64), `extension.toml:8:1: target linux/amd64 is specified twice, first at line 5`},
	{"twice after normalising", target("os = \"linux\"\narch = \"arm\"\n[[targets]]\nos = \"linux\"\narch = \"arm\"\nvariant = \"v7\""), `extension.toml:8:1: target linux/arm/v7 is specified twice, first at line 5`},
	{"twice with a distribution", target(linuxAMD64 + "distros = [{ name = \"ubuntu\", version = \"24.04\" }, { name = \"ubuntu\", version = \"22.04\" }]\n[[targets]]\n" + linuxAMD64 + "distros = [{ name = \"ubuntu\", version = \"22.04\" }]"), `extension.toml:9:1: target linux/amd64 ubuntu@22.04 is specified twice, first at line 5`},
	{"one with and one without distribution", target(linuxAMD64 + "distros = [{ name = \"ubuntu\", version = \"24.04\" }]\n[[targets]]\n" + linuxAMD64), ``},
	{"distribution keys", target(linuxAMD64 + "[[targets.distros]]\n[[targets.distros]]\nname = \"ubuntu\"\n[[targets.distros]]\nversion = \"1\""), `extension.toml:8:1: missing name and version in [[targets.distros]]
extension.toml:9:1: warning: missing version in [[targets.distros]]: it matches every version
extension.toml:11:1: missing name in [[targets.distros]]
  add the ID of the distribution's /etc/os-release, such as name = "ubuntu"`},
	{"distribution keys empty", target(linuxAMD64 + "distros = [{ name = \"\", version = \"\" }]"), `extension.toml:8:12: missing name and version in [[targets.distros]]`},
	{"distribution not a token", target(linuxAMD64 + "[[targets.distros]]\nname = \"../ubuntu\"\nversion = \"24 04\""), `extension.toml:9:8: distribution name "../ubuntu" may contain only letters, digits and . _ + ~ -
extension.toml:10:11: distribution version "24 04" may contain only letters, digits and . _ + ~ -`},
	{"old spellings", target(linuxAMD64 + "[[targets.distributions]]\nname = \"ubuntu\"\nversions = [\"18.04\", \"20/04\"]"), `extension.toml:8:11: warning: distributions in [[targets]] is an old spelling that other tools ignore (did you mean "distros"?)
extension.toml:10:1: warning: versions in [[targets.distributions]] is an old spelling that other tools ignore: write a separate table for each version
extension.toml:10:22: distribution versions "20/04" may contain only letters, digits and . _ + ~ -`},
	{"path leaves", target(linuxAMD64 + `path = "../x"`), `extension.toml:8:8: path "../x" leaves the extension root`},
	{"path up and down", target(linuxAMD64 + `path = "a/../b"`), `extension.toml:8:8: path "a/../b" contains ".." (did you mean "b"?)`},
	{"path absolute", target(linuxAMD64 + `path = "/x"`), `extension.toml:8:8: path "/x" is absolute: paths are relative to the extension root`},
	{"path empty", target(linuxAMD64 + `path = ""`), `extension.toml:8:8: path is empty`},
	{"path pattern", target(linuxAMD64 + `path = "linux/*"`), `extension.toml:8:8: path "linux/*" contains '*': paths are literal and separated by "/", patterns are not supported`},
	{"path backslash", target(linuxAMD64 + `path = 'linux\amd64'`), `extension.toml:8:8: path "linux\\amd64" contains '\\': paths are literal and separated by "/", patterns are not supported`},
	{"path variable", target(linuxAMD64 + `path = "$X"`), `extension.toml:8:8: path "$X" contains '$': paths are literal and separated by "/", patterns are not supported`},
	{"path control", target(linuxAMD64 + `path = "a\nb"`), `extension.toml:8:8: path "a\nb" contains a control character`},
	{"path is the root", target(linuxAMD64 + `path = "."`), ``},
}
