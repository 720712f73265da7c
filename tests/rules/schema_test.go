package rules_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gotoml "github.com/pelletier/go-toml/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	return compiled(t, extension.SchemaURL, extension.Schema)
}

func compiled(t *testing.T, url string, schema func() ([]byte, error)) *jsonschema.Schema {
	t.Helper()
	data, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(url, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchema compares the schema with the parser, by an independent validator:
// a file that the parser accepts is valid, and the parser reports every file
// that is invalid.
func TestSchema(t *testing.T) {
	s := compileSchema(t)
	descriptors := map[string][]byte{}
	for _, p := range pairs {
		for kind, f := range map[string]files{"bad": p.bad, "good": p.good} {
			if data, ok := f["extension.toml"]; ok {
				descriptors[p.rule+"/"+p.name+" ("+kind+")"] = []byte(data)
			}
		}
	}
	for _, root := range []string{"../../examples", "../../internal", "../../tests"} {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.Name() != "extension.toml" || d.IsDir() {
				return err
			}
			descriptors[name], err = os.ReadFile(name)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	invalid := 0
	for name, data := range descriptors {
		var doc any
		if err := gotoml.Unmarshal(data, &doc); err != nil {
			continue // that is another rule's
		}
		asJSON, err := json.Marshal(doc)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, list, _ := extension.Parse("extension.toml", data)
		found := s.Validate(value)
		if found != nil {
			invalid++
		}
		switch reported := mattersToSchema(list); {
		case found == nil || reported:
		case len(list) == 0:
			t.Errorf("%s: the schema refuses what the parser takes: %v", name, found)
		default:
			t.Errorf("%s: the schema refuses it for another reason than the parser:\n%v\n%s", name, found, show(list))
		}
	}
	if len(descriptors) < 100 || invalid < 20 {
		t.Errorf("%d descriptors, of which %d are invalid", len(descriptors), invalid)
	}
}

// mattersToSchema reports whether the parser found what a schema can say.
func mattersToSchema(list diag.List) bool {
	for _, d := range list {
		switch d.Rule {
		case "setting-ignored", "lint-exception", "license-empty", "homepage":
		default:
			return true
		}
	}
	return false
}

// TestSchemaRefuses what an editor should underline.
func TestSchemaRefuses(t *testing.T) {
	s := compileSchema(t)
	for what, text := range map[string]string{
		"no api":           strings.Replace(descriptor, "api = \"0.10\"\n", "", 1),
		"api as a number":  strings.Replace(descriptor, `"0.10"`, "0.10", 1),
		"unsupported api":  strings.Replace(descriptor, "0.10", "0.6", 1),
		"misspelt key":     strings.Replace(descriptor, "homepage", "hompage", 1),
		"version":          strings.Replace(descriptor, "0.0.1", "v1", 1),
		"arch":             strings.Replace(descriptor, "amd64", "x86_64", 1),
		"unknown setting":  descriptor + "[metadata.extpack]\nimages = \"x\"\n",
		"network":          descriptor + "[metadata.extpack.build]\nnetwork = \"bridge\"\n",
		"label as a table": descriptor + "[metadata.extpack.labels]\na.b = \"c\"\n",
		"no reason":        descriptor + "[[metadata.extpack.lint.ignore]]\nrule = \"secret\"\n",
	} {
		if s.Validate(jsonValue(t, text)) == nil {
			t.Errorf("%s is valid", what)
		}
	}
}

// jsonValue returns a TOML document as a validator of JSON takes it.
func jsonValue(t *testing.T, text string) any {
	t.Helper()
	var doc any
	if err := gotoml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestTestSchema compares the schema of test cases with the parser: the files of
// the examples are valid, and a wrong file is wrong for both.
func TestTestSchema(t *testing.T) {
	s := compiled(t, extension.TestSchemaURL, extension.TestSchema)
	files, err := filepath.Glob("../../examples/*/tests/*.toml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files of cases, %v", len(files), err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := s.Validate(jsonValue(t, string(data))); found != nil {
			t.Errorf("%s: %v", name, found)
		}
		if _, err := extension.ParseTests(name, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	const head = "[[case]]\nname = \"x\"\n"
	for text, valid := range map[string]bool{
		head: true,
		head + "requires = [\"a\", { name = \"b\", metadata = { any = [1] } }]\n": true,
		head + "output = \"a\"\n":                                                      true,
		head + "output = [\"a\", \"b\"]\n":                                             true,
		head + "[case.run-image]\nbase = \"a/b\"\nrebasable = true\n":                  true,
		head + "[[case.run-image.file]]\npath = \"/etc/x\"\nmode = \"0644\"\n":         true,
		head + "[[case.run-image.command]]\nrun = [\"a\"]\nexit = 3\noutput = \"b\"\n": true,
		"[[case]]\n":                                                         false,
		"[[cases]]\nname = \"x\"\n":                                          false,
		head + "appp = \"x\"\n":                                              false,
		head + "output = 1\n":                                                false,
		head + "requires = [1]\n":                                            false,
		head + "requires = [{}]\n":                                           false,
		head + "detect = \"maybe\"\n":                                        false,
		head + "platform-api = \"1\"\n":                                      false,
		head + "env = { A = 1 }\n":                                           false,
		head + "requires = [{ name = \"b\", version = \"1\" }]\n":            false,
		head + "[case.build-image]\nbase = \"a/b\"\n":                        false,
		head + "[case.run-image]\nusers = \"a\"\n":                           false,
		head + "[[case.run-image.file]]\npath = \"etc\"\n":                   false,
		head + "[[case.run-image.file]]\npath = \"/etc\"\nmodes = \"1\"\n":   false,
		head + "[[case.run-image.command]]\nrun = [\"a\"]\nexit = \"3\"\n":   false,
		head + "[[case.run-image.command]]\nrun = [\"a\"]\nstdout = \"3\"\n": false,
	} {
		_, err := extension.ParseTests("a.toml", []byte(text))
		if bySchema := s.Validate(jsonValue(t, text)) == nil; bySchema != valid || (err == nil) != valid {
			t.Errorf("%s\nschema: %v, parser: %v, want %v", text, bySchema, err, valid)
		}
	}
}
