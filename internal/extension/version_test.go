package extension

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
)

func TestReadAs(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"replaced", "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"0.0.1\" # here\nname = \"$HOME ${x}\"\n", "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.2.3\" # here\nname = \"$HOME ${x}\"\n"},
		{"a placeholder", "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"{{.version}}\"\n", "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.2.3\"\n"},
		{"other quotes", "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = '''x'''\n", "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.2.3\"\n"},
		{"no text", "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = 1.2\n", "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.2.3\"\n"},
		{"inserted", "api = \"0.10\"\n  [extension] # x\nid = \"a/b\"\n", "api = \"0.10\"\n  [extension] # x\nversion = \"1.2.3\"\nid = \"a/b\"\n"},
		{"inserted with CRLF", "api = \"0.10\"\r\n[extension]\r\nid = \"a/b\"\r\n", "api = \"0.10\"\r\n[extension]\r\nversion = \"1.2.3\"\r\nid = \"a/b\"\r\n"},
		{"a child first", "api = \"0.10\"\n[[extension.licenses]]\ntype = \"MIT\"\n[extension]\nid = \"a/b\"\n", "api = \"0.10\"\n[[extension.licenses]]\ntype = \"MIT\"\n[extension]\nversion = \"1.2.3\"\nid = \"a/b\"\n"},
		{"inline", "api = \"0.10\"\nextension = { id = \"a/b\", version = \"0\" }\n", "api = \"0.10\"\nextension = { id = \"a/b\", version = \"1.2.3\" }\n"},
		{"dotted", "api = \"0.10\"\nextension.id = \"a/b\"\nextension.version = \"0\"\n", "api = \"0.10\"\nextension.id = \"a/b\"\nextension.version = \"1.2.3\"\n"},
		{"without an end", "api = \"0.10\"\n[extension]\nversion = \"0\"\nid = \"a/b\"", "api = \"0.10\"\n[extension]\nversion = \"1.2.3\"\nid = \"a/b\"\n"},
		{"byte order mark", "\uFEFFapi = \"0.10\"\n[extension]\nid = \"a/b\"\n", "api = \"0.10\"\n[extension]\nversion = \"1.2.3\"\nid = \"a/b\"\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, DescriptorFile), []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			d, list, err := ReadAs(dir, "1.2.3")
			if err != nil || len(list) > 0 {
				t.Fatal(list, err)
			}
			if string(d.Text) != tt.want || d.Info.Version != "1.2.3" {
				t.Errorf("got %s\n%q\nwant\n%q", d.Info, d.Text, tt.want)
			}
		})
	}
}

func TestReadAsRefuses(t *testing.T) {
	for name, file := range map[string]string{
		"nowhere to put it":       "api = \"0.10\"\nextension.id = \"a/b\"\n",
		"not a table":             "api = \"0.10\"\nextension = 1\n",
		"another normalised form": "api = \"0.10\"\n[extension]\nid = \"a/b\"\nname = \"u\u0308\"\n",
	} {
		if _, _, err := parseAs("extension.toml", []byte(file), "1.2.3"); !diag.IsInvalid(err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for in, want := range map[string]string{"1.2.3": "1.2.3", "v1.2.3": "1.2.3", "0.0.0": "0.0.0"} {
		if got, err := ParseVersion(in); err != nil || got != want {
			t.Errorf("%s: got %q, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"": "version \"\" is not X.Y.Z", "1.2": `did you mean "1.2.0"?`, "01.2.3": `did you mean "1.2.3"?`, "v1.2.3-rc1": `did you mean "1.2.3"?`, "latest": "is not X.Y.Z",
		"vv1.2.3": `did you mean "1.2.3"?`,
	} {
		if _, err := ParseVersion(in); !diag.IsInvalid(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", in, err)
		}
	}
}

func TestExpandNumbers(t *testing.T) {
	info := Info{ID: "a/b", Version: "1.20.3"}
	if got, err := info.Expand("r/{{.Slug}}:{{.Major}}-{{.Major}}.{{.Minor}}-{{.Patch}}"); err != nil || got != "r/a_b:1-1.20-3" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := info.Expand("{{.Majour}}"); err == nil || !strings.Contains(err.Error(), `did you mean "{{.Major}}"?`) {
		t.Errorf("got %v", err)
	}
}
