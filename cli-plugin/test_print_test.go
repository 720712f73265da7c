package cliplugin

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/exttest"
)

// testResults are a result of each status, with text that formats have to escape.
func testResults() []exttest.Result {
	at := func(line int) diag.Position { return diag.Position{File: "tests/a.toml", Line: line, Column: 3} }
	return []exttest.Result{
		{
			Extension: "acme/curl@1.2.3", Case: "installs curl", Platform: "linux/amd64", Position: at(1), Status: exttest.Passed,
			Output: "installing\n", Updated: []string{"tests/golden/build.Dockerfile"}, Time: 1234 * time.Millisecond,
		},
		{
			Extension: "acme/curl@1.2.3", Case: "a: b, 100%", Platform: "linux/arm64", Emulated: true, Position: at(5), Status: exttest.Failed,
			Time: 2 * time.Second, Failures: []exttest.Failure{
				{Position: at(6), Message: `the user of the build image is "0", want "1001"`},
				{Position: at(7), Message: "curl ended with exit code 1", Detail: "<no>\n\x1b[31m& 50%\n"},
			},
		},
		{
			Extension: "acme/jq@1.0.0", Case: "installs jq", Platform: "linux/s390x", Position: at(9), Status: exttest.NotRun,
			Reason: "the builder cannot run programs for linux/s390x",
		},
	}
}

func TestTestFormats(t *testing.T) {
	for _, format := range []string{"text", "json", "junit", "github"} {
		print, err := testPrinter(format, false)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := print(&b, testResults()); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "test", format+".txt")
		if *update {
			if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", format, b.String(), want)
		}
	}
	if _, err := testPrinter("yaml", false); !diag.IsInvalid(err) {
		t.Errorf("yaml: %v", err)
	}
}

func TestTestQuiet(t *testing.T) {
	var b bytes.Buffer
	if err := printTestText(&b, testResults(), true); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Contains(got, "PASS") || strings.Contains(got, "passed") || !strings.HasPrefix(got, "FAIL  linux/arm64 (emulated)") {
		t.Errorf("got\n%s", got)
	}
}

func TestLastLines(t *testing.T) {
	var long []string
	for i := range 50 {
		long = append(long, strconv.Itoa(i))
	}
	got := lastLines(strings.Join(long, "\n"), 3)
	if strings.Join(got, ",") != "… 47 lines,47,48,49" {
		t.Errorf("got %q", got)
	}
	if got := lastLines("\n", 3); got != nil {
		t.Errorf("got %q", got)
	}
}
