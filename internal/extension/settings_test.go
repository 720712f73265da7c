package extension

import "testing"

func TestSettingsDiagnostics(t *testing.T) { runDiagnostics(t, settingsTests, parseDescriptor) }

// settings returns a descriptor whose [metadata.extpack] is in line 5.
func settings(lines string) string { return valid + "[metadata.extpack]\n" + lines }

var settingsTests = []diagnosticTest{
	{"free-form metadata", valid + "[metadata]\nanything = 1\n[metadata.deep.er]\nimage = 2", ``},
	{"metadata is a string", "metadata = \"x\"\n" + valid, `extension.toml:1:12: metadata must be a table, found a string`},
	{"pre-package", valid + "[metadata]\npre-package = \"./scripts/build.sh\"", `extension.toml:6:15: warning: docker extpack does not run metadata.pre-package
  if you trust it and the package needs what it makes, run it before docker extpack`},
	{"include-files", valid + "[metadata]\ninclude-files = [\"bin/detect\", \"bin/*\", \"../x\", \".\", 1]", `extension.toml:6:32: include-files entry "bin/*" contains '*': paths are literal and separated by "/", patterns are not supported
extension.toml:6:41: include-files entry "../x" leaves the extension root
extension.toml:6:49: include-files entry "." is the extension root itself: name files and folders in it
extension.toml:6:54: include-files in [metadata] must contain only strings, found an integer`},
	{"misspelt settings", valid + "[metadata]\ninclude_files = [\"bin\"]\nincludes = 1\n[metadata.extpak]\nimage = \"x\"\n[metadata.extract]\n[metadata.package]\n", `extension.toml:6:1: warning: unknown key "include_files" in [metadata] (did you mean "include-files"?)
extension.toml:8:11: warning: unknown key "extpak" in [metadata] (did you mean "extpack"?)`},
	{"include-files is a string", valid + "[metadata]\ninclude-files = \"bin\"", `extension.toml:6:17: include-files in [metadata] must be an array of strings, found a string`},
	{"unknown keys", settings("imgae = \"x\"\nannotation = {}\n[metadata.extpack.build]\ncahe-to = []\nplatforms = \"x\""), `extension.toml:6:1: warning: unknown key "imgae" in [metadata.extpack] (did you mean "image"?)
extension.toml:7:1: warning: unknown key "annotation" in [metadata.extpack] (did you mean "annotations"?)
extension.toml:9:1: warning: unknown key "cahe-to" in [metadata.extpack.build] (did you mean "cache-to"?)
extension.toml:10:1: warning: unknown key "platforms" in [metadata.extpack.build]`},
	{"wrong types", settings("image = 1\nshared = \"x\"\nlabels = []\nannotations = 1\nbuild = true"), `extension.toml:6:9: image in [metadata.extpack] must be a string, found an integer
  quote it: image = "1"
extension.toml:7:10: shared in [metadata.extpack] must be an array of strings, found a string
extension.toml:8:10: labels in [metadata.extpack] must be a table, found an array
extension.toml:9:15: annotations in [metadata.extpack] must be a table, found an integer
extension.toml:10:9: build in [metadata.extpack] must be a table, found a boolean`},
	{"image", settings(`image = "registry.example.com/{{.ID}}/{{.Slug}}:{{.Version}}"`), ``},
	{"image placeholder", settings(`image = "example/{{.Id}}:{{ .Version }}"`), `extension.toml:6:9: image "example/{{.Id}}:{{ .Version }}" has the unknown placeholder "{{.Id}}" (did you mean "{{.ID}}"?)`},
	{"image braces", settings(`image = "example/{{.ID}:1"`), `extension.toml:6:9: image "example/{{.ID}:1" has the unknown placeholder "{{"`},
	{"image upper case", settings(`image = "example/Curl"`), `extension.toml:6:9: image "example/Curl" is not an image reference: invalid reference format: repository name (example/Curl) must be lowercase`},
	{"image upper case id", "api = \"0.10\"\nextension = { id = \"My/Ext\", version = \"1.0.0\" }\nmetadata.extpack.image = \"example/{{.ID}}\"", `extension.toml:3:26: image "example/{{.ID}}", here "example/My/Ext", is not an image reference: invalid reference format: repository name (example/My/Ext) must be lowercase`},
	{"image digest", settings(`image = "example/curl@sha256:0000000000000000000000000000000000000000000000000000000000000000"`), `extension.toml:6:9: image "example/curl@sha256:000000000000000000000000000000000000000000000000000000000000…" has a digest, so it cannot be published to`},
	{"image empty", settings(`image = ""`), `extension.toml:6:9: image "" is not an image reference: invalid reference format`},
	{"image and wrong version", "api = \"0.10\"\nextension = { id = \"a\", version = \"1\" }\nmetadata.extpack.image = \"example/{{.ID}}:{{.Version}}\"", `extension.toml:2:35: version "1" is not X.Y.Z, three numbers without leading zeros (did you mean "1.0.0"?)`},
	{"shared", settings(`shared = ["lib", "./share/", "/etc", "a/../../b", "a?", "a\u0000"]`), `extension.toml:6:30: shared entry "/etc" is absolute: paths are relative to the extension root
extension.toml:6:38: shared entry "a/../../b" leaves the extension root
extension.toml:6:51: shared entry "a?" contains '?': paths are literal and separated by "/", patterns are not supported
extension.toml:6:57: shared entry "a\x00" contains a control character`},
	{"labels", settings("[metadata.extpack.labels]\n\"\" = \"a\"\n\"io.buildpacks.id\" = \"b\"\nnumber = 3\norg.example.title = \"x\""), `extension.toml:7:1: label without a name
extension.toml:8:1: label "io.buildpacks.id": names that begin with "io.buildpacks." are reserved
extension.toml:9:10: "number" in [metadata.extpack.labels] must be a string, found an integer
  quote it: "number" = "3"
extension.toml:10:1: "org" in [metadata.extpack.labels] must be a string, found a table
  quote a key that contains dots: "org.example.title" = …`},
	{"annotations", settings("[metadata.extpack.annotations]\n\"io.buildpacks.x\" = \"\"\n\"a\\nb\" = \"c\""), `extension.toml:7:1: annotation "io.buildpacks.x": names that begin with "io.buildpacks." are reserved
extension.toml:8:1: annotation "a\nb" contains a control character`},
	{"build values", settings("[metadata.extpack.build]\nnetwork = \"hots\"\ncontexts = { \"a b\" = \"x\", \"docker.io/library/go:1\" = \"y\" }\nstage = \"a\\u0000\""), `extension.toml:7:11: network "hots" is not supported (did you mean "host"?)
  use default, host or none
extension.toml:8:14: context "a b" cannot be used in a Dockerfile: it may contain letters, digits and . _ / : -
extension.toml:9:9: stage "a\x00" contains a control character`},
	{"build", settings("[metadata.extpack.build]\nargs = { \"\" = \"x\", A = 1 }\ncontexts = [\"x\"]\nsecrets = [{ id = \"x\" }]\ndockerfile = \"a\\u001b\"\nssh = true\ncache-from = 1\nstage = 2"), `extension.toml:7:10: build argument without a name
extension.toml:7:24: "A" in [metadata.extpack.build.args] must be a string, found an integer
  quote it: "A" = "1"
extension.toml:8:12: contexts in [metadata.extpack.build] must be a table, found an array
extension.toml:9:12: secrets in [metadata.extpack.build] must contain only strings, found a table
extension.toml:10:14: dockerfile "a\x1b" contains a control character
extension.toml:11:7: ssh in [metadata.extpack.build] must be an array of strings, found a boolean
extension.toml:12:14: cache-from in [metadata.extpack.build] must be an array of strings, found an integer
extension.toml:13:9: stage in [metadata.extpack.build] must be a string, found an integer
  quote it: stage = "2"`},
}
