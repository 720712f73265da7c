package sarif

import (
	"os"
	"strings"
	"testing"
)

const golden = `{
  "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
  "version": "2.1.0",
  "runs": [
    {
      "tool": {
        "driver": {
          "name": "docker extpack",
          "version": "v1.2.3",
          "informationUri": "https://example.com",
          "rules": [
            {
              "id": "a",
              "shortDescription": {
                "text": "A holds."
              },
              "defaultConfiguration": {
                "level": "warning"
              }
            },
            {
              "id": "b",
              "shortDescription": {
                "text": "B holds."
              },
              "help": {
                "text": "do b"
              },
              "defaultConfiguration": {
                "level": "error"
              }
            }
          ]
        }
      },
      "results": [
        {
          "ruleId": "b",
          "ruleIndex": 1,
          "level": "error",
          "message": {
            "text": "b is <{{0}}>: [here\\](https://example.com)"
          },
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "uri": "x.cnb"
                }
              },
              "logicalLocations": [
                {
                  "fullyQualifiedName": "linux/arm64 bin/generate"
                }
              ]
            }
          ]
        }
      ]
    }
  ]
}
`

func TestWrite(t *testing.T) {
	run := Run{
		Tool: "docker extpack", Version: "v1.2.3", URI: "https://example.com",
		Rules: []Rule{{ID: "a", Summary: "A holds.", Level: Warning}, {ID: "b", Summary: "B holds.", Help: "do b", Level: Error}},
		Results: []Result{{
			RuleID: "b", Level: Error, Message: "b is <{0}>: [here](https://example.com)", URI: "x.cnb", Inside: "linux/arm64 bin/generate",
		}},
	}
	var b strings.Builder
	if err := Write(&b, run); err != nil {
		t.Fatal(err)
	}
	if b.String() != golden {
		t.Errorf("got\n%s", b.String())
	}
	b.Reset()
	if err := Write(&b, Run{}); err != nil || !strings.Contains(b.String(), `"results": []`) || !strings.Contains(b.String(), `"rules": []`) {
		t.Errorf("empty: %v\n%s", err, b.String())
	}
	run.Rules = run.Rules[:1]
	if err := Write(&b, run); err == nil {
		t.Error("a result without its rule was written")
	}
}

func TestFileURI(t *testing.T) {
	for name, want := range map[string]string{
		"x.cnb":         "x.cnb",
		"./a b/x.cnb":   "./a%20b/x.cnb",
		"/tmp/x y":      "file:///tmp/x%20y",
		"a:b":           "./a:b",
		"100%/\x1b.cnb": "100%25/%1B.cnb",
	} {
		if got := FileURI(name); got != want {
			t.Errorf("%q gives %q, want %q", name, got, want)
		}
	}
}

// TestPackageURI tells files and directories, which a reader looks for in the
// checkout, from references.
func TestPackageURI(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("x y.cnb", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"x y.cnb": "x%20y.cnb", "localhost:5000/acme/x:1": "oci://localhost:5000/acme/x:1"} {
		if got := PackageURI(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
