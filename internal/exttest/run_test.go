package exttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
)

// many returns cases that differ in what BP_DO says.
func many(n int, do func(int) string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[[case]]\nname = \"case %d\"\n%s\n", i, do(i))
	}
	return b.String()
}

func does(what string) string { return fmt.Sprintf("env = { BP_DO = %q }", what) }

// TestRunBuilds counts the bakes and the jobs that export something, on which the
// time depends: twenty cases take as many bakes as one.
func TestRunBuilds(t *testing.T) {
	for name, tt := range map[string]struct {
		cases     string
		platforms []string
		outputs   []int
		failed    int
	}{
		"one":                 {many(1, func(int) string { return does("true") }), []string{"linux/amd64"}, []int{1, 1}, 0},
		"twenty":              {many(20, func(i int) string { return does(fmt.Sprint("echo ", i)) }), []string{"linux/amd64"}, []int{2, 1}, 0},
		"two platforms":       {many(12, func(i int) string { return does(fmt.Sprint("echo ", i)) }), []string{"linux/amd64", "linux/arm64"}, []int{4, 2}, 0},
		"nothing to extend":   {many(3, func(int) string { return does("none") }), []string{"linux/amd64"}, []int{1}, 0},
		"one of twenty fails": {many(20, func(i int) string { return does(either(i == 7, "false", "true")) }), []string{"linux/amd64"}, []int{2, 1, 1}, 1},
		"the same Dockerfile": {many(6, func(i int) string { return does(either(i%2 == 0, "false", "true")) }), []string{"linux/amd64"}, []int{1, 1, 1}, 3},
		"two of five fail":    {many(5, func(i int) string { return does(either(i < 2, fmt.Sprint("false ", i), "true")) }), []string{"linux/amd64"}, []int{1, 1, 1, 3}, 2},
		"expected to fail": {many(3, func(i int) string {
			return does(either(i == 1, "false", "true")) + either(i == 1, "\nfails = \"no luck\"", "")
		}), []string{"linux/amd64"}, []int{1, 2}, 0},
		"expected, and does not":   {many(1, func(int) string { return does("true") + "\nfails = \"no luck\"" }), []string{"linux/amd64"}, []int{1, 1}, 1},
		"expected, says otherwise": {many(1, func(int) string { return does("false") + "\nfails = \"other\"" }), []string{"linux/amd64"}, []int{1, 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			results, _ := l.run(l.request(l.subject("acme/x", tt.cases, tt.platforms...)))
			if got := l.outputs(); !slices.Equal(got, tt.outputs) {
				t.Errorf("exported %v, want %v", got, tt.outputs)
			}
			failed := 0
			for _, r := range results {
				if r.Status == Failed {
					failed++
				}
			}
			if failed != tt.failed {
				t.Errorf("%d failed, want %d\n%s", failed, tt.failed, show(results))
			}
		})
	}
}

func either(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// TestRunSharesImages builds what several cases make of the same base once.
func TestRunSharesImages(t *testing.T) {
	l := newLab(t)
	l.run(l.request(l.subject("acme/x", many(10, func(i int) string { return does(either(i < 5, "true", "echo")) }), "linux/amd64")))
	if jobs := l.calls[1]; len(jobs) != 3 {
		t.Errorf("%d jobs: %s", len(jobs), show(jobs))
	}
}

// TestRunJudges runs a case of each kind on two platforms.
func TestRunJudges(t *testing.T) {
	const present = "\n[[case.build-image.file]]\npath = \"/etc/present\"\ncontent = \"here\"\n"
	for name, tt := range map[string]struct{ text, want, message string }{
		"passes":        {does("true") + present, "passed passed", ""},
		"one target":    {does("true") + "\ntargets = [\"linux/arm64\"]", "passed", ""},
		"no file":       {does("true") + strings.ReplaceAll(present, "present", "other"), "failed failed", "the build image has no file /etc/other"},
		"command":       {does("true") + "\n[[case.build-image.command]]\nrun = [\"x\"]\noutput = \"sung\"", "failed failed", `the output of x in the build image does not match "sung"`},
		"not detected":  {does("no"), "failed failed", "detection of acme/x@1.0.0 failed"},
		"expected":      {does("no") + "\ndetect = \"fail\"", "passed passed", ""},
		"crash":         {does("crash"), "failed failed", "bin/generate ended with exit code 7"},
		"run image":     {does("run") + "\n[case.run-image]\nuser = \"1002:1000\"\nenv = { A = \"1\" }", "passed passed", ""},
		"wrong user":    {does("run") + "\n[case.run-image]\nuser = \"0\"", "failed failed", `the user of the run image is "1002:1000", want "0"`},
		"switched":      {does("switch") + "\ntargets = [\"linux/amd64\"]\n[case.run-image]\nbase = \"localhost/other:1\"", "passed", ""},
		"no such image": {does("switch") + "\ntargets = [\"linux/arm64\"]", "failed", "localhost/other:1 has no image for linux/arm64"},
		"app":           {does("none") + "\napp = \"app\"", "passed passed", ""},
		"plan":          {does("none") + "\nplan = [\"a\"]", "failed failed", "the plan of generate has nothing, want a"},
		"output":        {does("none") + "\noutput = \"singing\"", "failed failed", `nothing in the output of detect and generate matches "singing"`},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			results, got := l.run(l.request(l.subject("acme/x", "[[case]]\nname = \"x\"\n"+tt.text, "linux/amd64", "linux/arm64")))
			if got != tt.want || tt.message != "" && (len(results[0].Failures) == 0 || !strings.Contains(results[0].Failures[0].Message, tt.message)) {
				t.Errorf("%s, want %s: %s\n%s", got, tt.want, tt.message, show(results))
			}
		})
	}
}

// TestRunPlatforms tests on what the extension, the images and the builder have.
func TestRunPlatforms(t *testing.T) {
	const one = "[[case]]\nname = \"x\"\nenv = { BP_DO = \"none\" }\n"
	l := newLab(t)
	results, got := l.run(l.request(l.subject("acme/x", one, "linux/amd64", "linux/arm64", "linux/s390x")))
	if got != "passed passed not-run" || results[0].Emulated || !results[1].Emulated || !strings.Contains(results[2].Reason, "has no image for linux/s390x; it has linux/amd64, linux/arm64") {
		t.Errorf("%s\n%s", got, show(results))
	}
	if results, got := l.run(l.request(l.subject("acme/x", one, "any"))); got != "passed passed" || results[1].Platform != "linux/arm64" {
		t.Errorf("any platform: %s\n%s", got, show(results))
	}
	if _, got := l.run(l.request(l.subject("acme/x", one+"targets = [\"linux/arm64\", \"linux/ppc64le\"]", "any"))); got != "passed not-run" {
		t.Errorf("named ones of any platform: %s", got)
	}
	r := l.request(l.subject("acme/x", one, "linux/amd64", "linux/arm64"))
	r.Platforms = []v1.Platform{parsePlatform(t, "linux/arm64")}
	if results, got := l.run(r); got != "passed" || results[0].Platform != "linux/arm64" {
		t.Errorf("--target: %s\n%s", got, show(results))
	}
	partial := l.request(l.subject("acme/x", one+"targets = [\"linux/arm64\"]", "linux/amd64"))
	partial.Subjects[0].Partial = true
	if results, _ := l.run(partial); len(results) > 0 {
		t.Errorf("a case for a platform that was left out of the package: %s", show(results))
	}
	r.Platforms = nil
	r.Support = func(_ context.Context, p v1.Platform) (bool, string, error) {
		return p.Architecture != "amd64", either(p.Architecture == "arm64", "it cannot", ""), nil
	}
	if results, got := l.run(r); got != "passed not-run" || results[1].Reason != "it cannot" || results[1].Emulated {
		t.Errorf("a platform that the builder cannot run: %s\n%s", got, show(results))
	}
	r.Support = func(context.Context, v1.Platform) (bool, string, error) { return false, "", os.ErrClosed }
	if _, err := Run(t.Context(), r); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a builder that does not respond: %v", err)
	}
}

// TestRunRefuses what cannot be run, before anything is built.
func TestRunRefuses(t *testing.T) {
	const head = "[[case]]\nname = \"x\"\n"
	for name, tt := range map[string]struct {
		cases, want string
		change      func(*lab, *Request)
	}{
		"no builder image": {head, "a builder image is required", func(_ *lab, r *Request) { r.BuilderImage = "" }},
		"no run image":     {head, "a run image is required in addition to a build image", func(_ *lab, r *Request) { r.BuilderImage, r.BuildImage = "", "localhost/builder:1" }},
		"run image":        {head, "localhost/run:1 is not a builder image", func(_ *lab, r *Request) { r.BuilderImage = "localhost/run:1" }},
		"not an image":     {head, "is not an image reference", func(_ *lab, r *Request) { r.BuilderImage = "a b" }},
		"not found":        {head, "not found", func(_ *lab, r *Request) { r.BuilderImage = "localhost/none:1" }},
		"old lifecycle": {head, "the lifecycle of localhost/old:1 has Platform API 0.3, 0.9, and extensions need 0.10 or newer", func(l *lab, r *Request) {
			l.builder("localhost/old:1", `["0.3", "0.9"]`, "linux/amd64")
			r.BuilderImage = "localhost/old:1"
		}},
		"no user": {head, "has no CNB_", func(l *lab, r *Request) { r.BuildImage, r.RunImage = "localhost/run:1", "localhost/run:1" }},
		"label": {head, "is not the metadata of a builder", func(l *lab, r *Request) {
			l.image("localhost/label:1", v1.ImageConfig{Labels: map[string]string{labelBuilder: "{"}}, "linux/amd64")
			r.BuilderImage = "localhost/label:1"
		}},
		"label without run image": {head, "has no run image in its label", func(l *lab, r *Request) {
			l.image("localhost/label:1", v1.ImageConfig{Labels: map[string]string{labelBuilder: "{}"}}, "linux/amd64")
			r.BuilderImage = "localhost/label:1"
		}},
		"--target":              {head, "acme/x@1.0.0 has none of the platforms of --target", func(_ *lab, r *Request) { r.Platforms = []v1.Platform{{OS: "linux", Architecture: "arm64"}} }},
		"target":                {head + "targets = [\"linux/arm64\"]", "cases.toml:3:12: acme/x@1.0.0 is not for linux/arm64; it has linux/amd64", nil},
		"target syntax":         {head + "targets = [\"linux\"]", "cases.toml:3:12: ", nil},
		"API":                   {head + "platform-api = \"0.14\"", "cases.toml:3:16: the lifecycle of localhost/builder:1 does not support Platform API 0.14", nil},
		"app outside":           {head + "app = \"../../\"", "cases.toml:3:7: \"../../\" is outside the directory of the extension", nil},
		"app missing":           {head + "app = \"/etc\"", "cases.toml:3:7: app \"/etc\" is not a directory of the extension", nil},
		"golden outside":        {head + "golden = \"../../x\"", "cases.toml:3:10: \"../../x\" is outside the directory of the extension", nil},
		"golden over sources":   {head + "golden = \"../bin\"", "cases.toml:3:10: golden \"../bin\" is not below the directory of this file", nil},
		"golden over the cases": {head + "golden = \".\"", "cases.toml:3:10: golden \".\" is not below the directory of this file", nil},
		"golden over the app":   {head + "golden = \"app\"\napp = \"app\"", "cases.toml:3:10: golden \"app\" and app \"app\" are the same directory", nil},
		"order without .":       {head + "order = []\n[[case]]\nname = \"y\"\norder = [\"../other\"]", "cases.toml:6:10: order does not have \".\"", nil},
		"order of a package":    {head + "order = [\"../other\", \".\"]", "is a package, so a case cannot use other extensions", func(_ *lab, r *Request) { r.Subjects[0].Dir = "" }},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			r := l.request(l.subject("acme/x", tt.cases, "linux/amd64"))
			r.Extension = func(context.Context, string) (*Subject, error) {
				return l.subject("acme/other", "", "linux/amd64"), nil
			}
			if tt.change != nil {
				tt.change(l, &r)
			}
			_, err := Run(t.Context(), r)
			if err == nil || !strings.Contains(diag.Text(err), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if len(l.calls) > 0 {
				t.Errorf("built %s", show(l.calls))
			}
		})
	}
}

// TestRunOrder runs several extensions in their order.
func TestRunOrder(t *testing.T) {
	l := newLab(t)
	other := l.subject("acme/other", "", "linux/amd64")
	r := l.request(l.subject("acme/x", "[[case]]\nname = \"x\"\norder = [\"../other\", \".\"]\nenv = { BP_DO = \"true\" }\n", "linux/amd64", "linux/arm64"))
	r.Extension = func(_ context.Context, dir string) (*Subject, error) {
		if filepath.Base(dir) != "other" {
			return nil, diag.Invalidf("no extension in %s", dir)
		}
		return other, nil
	}
	results, got := l.run(r)
	if got != "passed not-run" || results[1].Reason != "acme/other@1.0.0 has no image for linux/arm64" {
		t.Errorf("%s\n%s", got, show(results))
	}
	job := l.calls[0][0]
	if len(job.Layouts) != 2 || job.Layouts[0] != other.Layout || !strings.HasPrefix(job.Contexts["package-0"], "oci-layout://"+other.Layout+"@sha256:") {
		t.Errorf("the packages are %s", show(job))
	}
}

// TestRunLocal takes what cannot be pulled from the Docker Engine, and passes it to
// the builder as a layout.
func TestRunLocal(t *testing.T) {
	l := newLab(t)
	dir := t.TempDir()
	l.images[dir] = l.images["localhost/builder:1"]
	r := l.request(l.subject("acme/x", "[[case]]\nname = \"x\"\nenv = { BP_DO = \"true\" }\n", "linux/amd64"))
	r.BuilderImage = "acme/builder:dev"
	asked := 0
	r.Local = func(_ context.Context, name string) (string, bool, error) {
		asked++
		return dir, name == "acme/builder:dev", nil
	}
	if results, got := l.run(r); got != "passed" || asked != 1 {
		t.Errorf("%s, asked %d times\n%s", got, asked, show(results))
	}
	for i, arg := range []string{"BUILD_IMAGE", "base_image"} {
		job := l.calls[i][0]
		context := job.Contexts[job.Args[arg]]
		if !strings.HasPrefix(context, "oci-layout://"+filepath.ToSlash(dir)+"@sha256:") || !slices.Contains(job.Layouts, dir) {
			t.Errorf("%s: %s", arg, show(job))
		}
	}
	r.BuilderImage = "acme/none:dev"
	if _, err := Run(t.Context(), r); err == nil || !strings.Contains(err.Error(), "reading acme/none:dev: not found") {
		t.Errorf("an image that is nowhere: %v", err)
	}
}

// TestRunGolden writes golden files, compares them, and removes what generate no
// longer writes.
func TestRunGolden(t *testing.T) {
	l := newLab(t)
	s := l.subject("acme/x", "[[case]]\nname = \"x\"\ngolden = \"golden/x\"\nenv = { BP_DO = \"true\" }\n", "linux/amd64")
	dir := filepath.Join(s.Dir, "tests", "golden", "x")
	if results, got := l.run(l.request(s)); got != "failed" || !strings.Contains(results[0].Failures[0].Detail, "+RUN true") {
		t.Errorf("without golden files: %s\n%s", got, show(results))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "old"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := l.request(s)
	r.Update = true
	if results, got := l.run(r); got != "passed" || len(results[0].Updated) != 2 {
		t.Errorf("--update: %s\n%s", got, show(results))
	}
	if _, err := os.Stat(filepath.Join(dir, "old")); err == nil {
		t.Error("an old golden file is left")
	}
	if results, got := l.run(l.request(s)); got != "passed" {
		t.Errorf("with golden files: %s\n%s", got, show(results))
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	if err := os.Symlink(outside, dir); err != nil {
		t.Skip(err)
	}
	for _, r.Update = range []bool{false, true} {
		if _, err := Run(t.Context(), r); err == nil {
			t.Errorf("update %v: a link that leads out of the extension was followed", r.Update)
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("wrote outside of the extension: %v, %v", entries, err)
	}
}

// TestRunKeep: files are written only below the directory, for any name of a case.
func TestRunKeep(t *testing.T) {
	l := newLab(t)
	name := "../../up/\u001b[31m/" + strings.Repeat("long", 200)
	r := l.request(l.subject("acme/x", fmt.Sprintf("[[case]]\nname = %q\nenv = { BP_DO = \"true\" }\napp = \"app\"\n", strings.ReplaceAll(name, "\u001b", "")), "linux/amd64"))
	parent := t.TempDir()
	r.Keep = filepath.Join(parent, "kept")
	l.run(r)
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) != 1 {
		t.Errorf("wrote %v, %v", entries, err)
	}
	found, err := filepath.Glob(filepath.Join(r.Keep, "acme_x", "01-*", "linux-amd64", "app", "Aptfile"))
	if err != nil || len(found) != 1 {
		t.Errorf("kept %v, %v", found, err)
	}
	if err := CheckKeep(r.Keep); !diag.IsInvalid(err) {
		t.Errorf("a directory that has files: %v", err)
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(parent, "new")} {
		if err := CheckKeep(dir); err != nil {
			t.Error(err)
		}
	}
}
