package e2e_test

import (
	"regexp"
	"strings"
	"testing"
)

// releaser publishes versions of an extension to one repository.
type releaser struct {
	t          *testing.T
	repository string
	dir        string
}

func newReleaser(t *testing.T) releaser {
	t.Helper()
	r := releaser{t: t, repository: strings.TrimSuffix(tag(t, ""), ":"), dir: t.TempDir()}
	writeFile(t, r.dir+"/extension.toml", descriptor("samples/release", linuxTargets))
	r.change("# first\n")
	return r
}

func (r releaser) change(more string) {
	r.t.Helper()
	for _, platform := range []string{"amd64", "arm64"} {
		writeFile(r.t, r.dir+"/linux/"+platform+"/bin/detect", script+more)
	}
}

// build pushes to all tags that follow a version.
func (r releaser) build(args ...string) result {
	r.t.Helper()
	return extpack(r.t, r.dir, append([]string{
		"build", "--engine", "embedded", "--push",
		"-t", r.repository + ":{{.Major}}.{{.Minor}}", "-t", r.repository + ":{{.Version}}", "-t", r.repository + ":latest", "-t", r.repository + ":edge",
	}, args...)...)
}

func (r releaser) at(tag string) string { r.t.Helper(); return fetch(r.t, r.repository+":"+tag).digest }

func (r releaser) expect(tags map[string]string) {
	r.t.Helper()
	for tag, want := range tags {
		if got := r.at(tag); got != want {
			r.t.Errorf("%s is at %s, want %s", tag, got, want)
		}
	}
}

// TestRelease publishes versions and content that change.
func TestRelease(t *testing.T) {
	t.Parallel()
	r := newReleaser(t)
	if got := r.build("--dry-run"); got.code != 0 || strings.Count(got.stdout, ": new\n") != 4 {
		t.Fatalf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	if got := r.build(); got.code != 0 || strings.Count(got.stdout, "\n") != 4 {
		t.Fatal(got.stderr)
	}
	first := r.at("1.2.3")
	r.expect(map[string]string{"1.2": first, "latest": first, "edge": first})

	// The same content again is fine, also when it is built again.
	for _, args := range [][]string{nil, {"--force"}, {"--append"}} {
		if got := r.build(args...); got.code != 0 {
			t.Errorf("%q: exit code %d\n%s", args, got.code, got.stderr)
		}
	}
	if got := r.build("--dry-run"); got.code != 0 || strings.Count(got.stdout, ": unchanged, at "+first+"\n") != 4 {
		t.Errorf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}

	// Other content under the same version is refused, and no tag moves.
	r.change("# second\n")
	refused := regexp.MustCompile(`:1\.2\.3 is already published with different content: it is at ` + first + `, and this is (sha256:[0-9a-f]{64}) \(linux/amd64 differs\)`)
	for _, args := range [][]string{nil, {"--append"}, {"--append", "--target", "linux/amd64"}, {"--dry-run"}, {"--engine", "buildx"}} {
		got := r.build(args...)
		if got.code != 2 || !refused.MatchString(got.stderr) || !strings.Contains(got.stderr, "--allow-overwrite") {
			t.Errorf("%q: exit code %d\n%s", args, got.code, got.stderr)
		}
	}
	r.expect(map[string]string{"1.2.3": first, "1.2": first, "latest": first, "edge": first})
	dry := r.build("--dry-run", "--allow-overwrite")
	moves := regexp.MustCompile(`:1\.2\.3: would move from ` + first + ` to (sha256:[0-9a-f]{64})\n`).FindStringSubmatch(dry.stdout)
	if dry.code != 0 || moves == nil {
		t.Fatalf("exit code %d\n%s%s", dry.code, dry.stdout, dry.stderr)
	}
	// It is refused in other ways to the tag too.
	copied := r.repository + ":copy"
	if got := extpack(t, r.dir, "build", "--push", "-t", copied, "."); got.code != 0 {
		t.Fatal(got.stderr)
	}
	for _, args := range [][]string{{"index", "create", "-t", r.repository + ":1.2.3", copied}, {"annotate", "-t", r.repository + ":v1.2.3", "-t", r.repository + ":1.2.3", copied}} {
		if got := extpack(t, r.dir, args...); got.code != 2 || !refused.MatchString(got.stderr) {
			t.Errorf("%q: exit code %d\n%s", args, got.code, got.stderr)
		}
	}
	// Dry runs of edits print what would happen to each tag.
	dry = extpack(t, r.dir, "index", "create", "--dry-run", "-t", r.repository+":1.2.3", "-t", r.repository+":none", "-t", copied, copied)
	if want := regexp.MustCompile(`(?m)^tag \S+:1\.2\.3: refused; it is at ` + first + `\ntag \S+:none: new\ntag \S+:copy: unchanged, at (sha256:[0-9a-f]{64})$`); dry.code != 2 || dry.stdout != "" || !want.MatchString(dry.stderr) {
		t.Errorf("exit code %d\n%s%s", dry.code, dry.stdout, dry.stderr)
	}
	for _, args := range [][]string{
		{"annotate", "--dry-run", copied, "--annotation", "a=b"},
		{"index", "annotate", "--dry-run", copied, "--index-annotation", "a=b"},
		{"index", "remove", "--dry-run", copied, "linux/arm64"},
		{"index", "add", "--dry-run", copied, r.repository + ":1.2.3", "--replace"},
	} {
		got := extpack(t, r.dir, args...)
		if want := regexp.MustCompile(`(?m)^tag \S+:copy: would move from ` + r.at("copy") + ` to sha256:[0-9a-f]{64}$`); got.code != 0 || !strings.HasPrefix(got.stdout, "{") || !want.MatchString(got.stderr) {
			t.Errorf("%q: exit code %d\n%s%s", args, got.code, got.stdout, got.stderr)
		}
	}
	if got := r.build("--allow-overwrite"); got.code != 0 {
		t.Fatal(got.stderr)
	}
	second := r.at("1.2.3")
	if second != moves[1] {
		t.Errorf("1.2.3 is at %s, the dry run said %s", second, moves[1])
	}

	// A lower version moves neither 1.2 nor latest.
	got := r.build("--version", "1.2.2")
	if got.code != 0 || !strings.Contains(got.stderr, ":latest stays at "+second+", which is 1.2.3 and newer than 1.2.2; to move it, use --allow-downgrade") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
	lower := r.at("1.2.2")
	r.expect(map[string]string{"1.2.3": second, "1.2": second, "latest": second, "edge": lower})
	if got := r.build("--dry-run", "--version", "1.2.1"); strings.Count(got.stdout, "would stay at "+second+", which is newer\n") != 2 {
		t.Errorf("dry run:\n%s", got.stdout)
	}
	latest := []string{"build", "--engine", "embedded", "--push", "-t", r.repository + ":latest", "--version", "1.2.2"}
	if got := extpack(t, r.dir, latest...); got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, "nothing to publish") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
	if got := extpack(t, r.dir, append(latest, "--allow-downgrade")...); got.code != 0 {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
	r.expect(map[string]string{"latest": lower})
	// A higher one does.
	if got := r.build("--version", "1.10.0"); got.code != 0 {
		t.Fatal(got.stderr)
	}
	r.expect(map[string]string{"latest": r.at("1.10.0"), "1.2": second})
}

// TestReleaseGrows adds a platform to a published version from another machine.
func TestReleaseGrows(t *testing.T) {
	t.Parallel()
	r := newReleaser(t)
	for _, target := range []string{"linux/amd64", "linux/arm64", "linux/arm64"} {
		if got := r.build("--append", "--target", target); got.code != 0 {
			t.Fatalf("%s: exit code %d\n%s", target, got.code, got.stderr)
		}
	}
	whole := r.at("1.2.3")
	if n := len(fetch(t, r.repository+":1.2.3").images); n != 2 {
		t.Errorf("%d images", n)
	}
	// It is what one build makes, and less than that is other content.
	if got := r.build(); got.code != 0 {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
	r.expect(map[string]string{"1.2.3": whole})
	if got := r.build("--target", "linux/amd64"); got.code != 2 || !strings.Contains(got.stderr, "(linux/arm64 is missing)") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
	// Edits of the index itself are what they say.
	mustExtpack(t, r.dir, "index", "annotate", r.repository+":1.2.3", "--index-annotation", "a=b")
	mustExtpack(t, r.dir, "index", "remove", r.repository+":1.2.3", "linux/arm64")
}

// TestReleaseHeldBack: several extensions of which one is published with other
// content are all held back.
func TestReleaseHeldBack(t *testing.T) {
	t.Parallel()
	r := newReleaser(t)
	other := extensionDir(t, map[string]string{"extension.toml": descriptor("samples/other", linuxTargets), "bin/detect": script})
	both := extpack(t, r.dir, "build", "--engine", "embedded", "--push", r.dir, other, "-t", r.repository+"/{{.Slug}}:{{.Version}}")
	if both.code != 0 {
		t.Fatal(both.stderr)
	}
	r.change("# third\n")
	writeFile(t, other+"/bin/generate", script)
	got := extpack(t, r.dir, "build", "--engine", "embedded", "--push", r.dir, other, "-t", r.repository+"/{{.Slug}}:{{.Version}}", "-t", r.repository+"/{{.Slug}}:edge")
	if got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, "samples_release:1.2.3 is already published") || !strings.Contains(got.stderr, "samples_other:1.2.3 is already published") {
		t.Errorf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}
