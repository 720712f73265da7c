package extension

import (
	"strings"
	"testing"
)

func TestSyntaxDiagnostics(t *testing.T) { runDiagnostics(t, syntaxTests, parseDescriptor) }

var syntaxTests = []diagnosticTest{
	{"empty", "", `extension.toml: missing api
  add api = "0.10" as the first line
extension.toml: missing [extension]
  add the table [extension] with id and version`},
	{"byte order mark", "\uFEFF" + valid + "a = 1", `extension.toml:5:1: warning: unknown key "a" in [extension]`},
	{"unquoted text", "api = 0.10.1\n", `extension.toml:1:11: expected the end of the line, found '.'
  text is quoted in TOML: key = "value"`},
	{"unquoted word", "api = foo\n", `extension.toml:1:7: expected a value, found 'f'
  text is quoted in TOML: key = "value"`},
	{"unquoted word 2", "api = vier\n", `extension.toml:1:7: expected a value, found 'v'
  text is quoted in TOML: key = "value"`},
	{"columns count characters", `description = "größer" x`, `extension.toml:1:24: expected the end of the line, found 'x'
  text is quoted in TOML: key = "value"`},
	{"key outside ASCII", "größe = 1", `extension.toml:1:3: expected "=" after the key, found 'ö'
  quote a key that contains more than letters, digits, - and _`},
	{"open table", "[extension\nid = 1", "extension.toml:1:11: expected ']' to close table name\n  write the header of a table as [name]"},
	{"open string", valid + `name = "Curl`, "extension.toml:5:12: unterminated basic string\n  correct the syntax; https://toml.io/en/v1.0.0 describes it"},
	{"key twice", valid + "id = \"b\"", "extension.toml:5:1: key id is already defined\n  keep one of them"},
	{"control character in a key", valid + "\"\\u001b\\n\" = 1\n\"\\u001b\\n\" = 2", `extension.toml:6:1: key \x1b\n is already defined` + "\n  keep one of them"},
	{"table twice", valid + "[extension]", "extension.toml:5:2: table extension already exists\n  keep one of them"},
	{"not UTF-8", valid + "name = \"gr\xfc\xdf\"", `extension.toml:5:11: the file is not UTF-8 text, found byte 0xfc
  save the file as UTF-8`},
	{"UTF-16", "a\x00p\x00i\x00", `extension.toml:1:2: expected "=" after the key, found '\x00'
  quote a key that contains more than letters, digits, - and _`},
	{"too large", strings.Repeat("#", MaxSize+1), `extension.toml: the file is larger than 256 KiB
  move other data to other files`},
	{"carriage returns", strings.ReplaceAll(valid, "\n", "\r\n") + "nmae = \"\"\r\n", `extension.toml:5:1: warning: unknown key "nmae" in [extension] (did you mean "name"?)`},
}
