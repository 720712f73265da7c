//go:build unix

package cliplugin

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// jsonOutputs are commands whose JSON is in testdata/json by name, in the order
// in which they run. docs/json.md shows it; that of "test" is in testdata/test.
var jsonOutputs = []struct {
	name string
	// before is a command whose output is not looked at.
	before []string
	args   []string
	// file is what the command writes, instead of standard output.
	file string
	// first reports whether only the first element of a list is compared.
	first bool
}{
	{name: "build", args: []string{"build", "jq", "--engine", "embedded", "--push", "-t", "REGISTRY/acme/jq:1.7.1", "--metadata-file", "metadata.json"}, file: "metadata.json"},
	{name: "build-progress", args: []string{"build", "wrong-key", "--engine", "embedded", "--push", "-t", "REGISTRY/UPPER", "--progress", "rawjson"}, file: "stderr"},
	{name: "bake-matrix", args: []string{"bake", "--matrix", "jq"}},
	{name: "inspect", args: []string{"inspect", "--format", "json", "REGISTRY/acme/jq:1.7.1"}},
	{name: "inspect-files", args: []string{"inspect", "--files", "--format", "json", "small.cnb"}, before: []string{"build", "small", "--engine", "embedded", "-o", "small.cnb"}},
	{name: "verify", args: []string{"verify", "--format", "json", "broken.cnb"}},
	{name: "lint", args: []string{"lint", "--format", "json", "wrong"}},
	{
		name: "run-image", args: []string{"run-image", "--format", "json", "--extension", "run", "--platform", "linux/amd64", "REGISTRY/acme/run:noble"},
		before: []string{"index", "create", "-t", "REGISTRY/acme/run:noble", "broken.cnb"},
	},
	{name: "doctor", args: []string{"builder", "doctor", "--format", "json", "jq", "-t", "REGISTRY/acme/jq:1.7.2"}},
	{name: "verify-checks", args: []string{"verify", "--list-checks", "--format", "json"}, first: true},
	{name: "lint-rules", args: []string{"lint", "--list-rules", "--format", "json"}, first: true},
	{name: "version", args: []string{"version", "--format", "json"}},
}

const jqDescriptor = `api = "0.10"

[extension]
id = "acme/jq"
version = "1.7.1"
name = "jq"
description = "Installs jq"
homepage = "https://example.com/jq"

[metadata.extpack.annotations]
"org.opencontainers.image.source" = "https://github.com/acme/jq"
`

// moreChecks matches all checks of verify but the first two. Others are added.
var moreChecks = regexp.MustCompile(`("checks": \[(?:\s+"[a-z-]+",){2})(?:\s+"[a-z-]+",)*`)

// TestJSONOutput compares the JSON of each command with testdata/json; -update
// rewrites it.
func TestJSONOutput(t *testing.T) {
	s := newStage(t)
	for name, text := range map[string]string{
		"jq/extension.toml":         jqDescriptor,
		"jq/linux/amd64/bin/detect": "#!/bin/sh\n", "jq/linux/amd64/bin/generate": "#!/bin/sh\necho amd64\n",
		"jq/linux/arm64/bin/detect": "#!/bin/sh\n", "jq/linux/arm64/bin/generate": "#!/bin/sh\necho arm64\n",
		"wrong-key/extension.toml": "api = \"0.10\"\nhomepage = \"x\"\n[extension]\nid = \"samples/wrong\"\nversion = \"1.2.3\"\n", "wrong-key/bin/generate": "#!/bin/sh\n",
		"run/extension.toml":          "api = \"0.10\"\n[extension]\nid = \"samples/run\"\nversion = \"1.2.3\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
		"run/generate/run.Dockerfile": "FROM " + s.registry + "/acme/run:noble\n",
	} {
		file := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), fileMode(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range jsonOutputs {
		if o.before != nil {
			if out, err := s.command(80, o.before...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", o.name, err, out)
			}
		}
		cmd := s.command(80, o.args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		got, err := cmd.Output() // some fail
		switch o.file {
		case "":
		case "stderr":
			got = []byte(stderr.String())
		default:
			if got, err = os.ReadFile(filepath.Join(s.dir, o.file)); err != nil {
				t.Fatalf("%s: %v\n%s", o.name, err, stderr.String())
			}
		}
		for doc := json.NewDecoder(strings.NewReader(string(got))); doc.More(); {
			var any any
			if err := doc.Decode(&any); err != nil {
				t.Fatalf("%s: %v\n%s%s", o.name, err, got, stderr.String())
			}
		}
		if len(got) == 0 {
			t.Fatalf("%s: %v\n%s", o.name, err, stderr.String())
		}
		if o.first {
			if end := bytes.Index(got, []byte("\n  },\n")); end > 0 {
				got = append(got[:end], "\n  }\n]\n"...)
			}
		}
		text := strings.NewReplacer(s.registry, "registry.example.com", s.dir, "/home/ann").Replace(string(got))
		if o.name == "version" {
			text = regexp.MustCompile(`: "[^"]*"`).ReplaceAllString(text, `: "…"`)
		}
		text = moreChecks.ReplaceAllString(text, "$1")
		for _, u := range unstable[1:] {
			text = u.pattern.ReplaceAllString(text, u.with)
		}
		golden := filepath.Join("testdata", "json", o.name+".json")
		if *update {
			if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if text != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", o.name, text, want)
		}
	}
}
