package hostile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// build runs a build into a layout and returns how it ended and what is in its
// index.
func build(t *testing.T, work string, env []string, args ...string) (r result, manifests string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "layout")
	r = runPlugin(t, work, env, append([]string{"build", "-o", out + string(filepath.Separator)}, args...)...)
	if r.code != 0 {
		return r, ""
	}
	var index struct {
		Manifests []struct{ Digest string }
	}
	data, err := os.ReadFile(filepath.Join(out, "index.json"))
	if err == nil {
		err = json.Unmarshal(data, &index)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range index.Manifests {
		manifests += m.Digest + " "
	}
	return r, manifests
}

// TestIDsThatLookLikeFlags builds them in both ways in which buildx gets the names
// of targets.
func TestIDsThatLookLikeFlags(t *testing.T) {
	s := sandboxed(t)
	for i, id := range []string{"--push", "-h", "7zip", "--help", "-", "default", "x--push", "a/--push", "a/-b"} {
		if !full && i >= 3 {
			break
		}
		t.Run(id, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"extension.toml": descriptor(id, "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"), "bin/generate": "#!/bin/sh\n"})
			r, plain := build(t, dir, s.Env())
			if r.code != 0 {
				t.Fatalf("exit code %d\n%s", r.code, r.stderr)
			}
			if r, embedded := build(t, dir, s.Env(), "--engine", "embedded"); r.code != 0 || embedded != plain {
				t.Errorf("embedded: exit code %d, %s, want %s\n%s", r.code, embedded, plain, r.stderr)
			}
			if r, _ := build(t, dir, s.Env(), "--provenance"); r.code != 0 {
				t.Errorf("attested: exit code %d\n%s", r.code, r.stderr)
			}
		})
	}
}

// TestIDOnSeveralNodes: there each platform is named to buildx as a target of
// its own.
func TestIDOnSeveralNodes(t *testing.T) {
	s := sandboxed(t)
	if err := s.AddNodes(t.Context(), "hostile", "linux/amd64", "linux/arm64"); err != nil {
		t.Fatal(err)
	}
	dir := extension(t, "--push", `args = { A = "x" }`, nil)
	for _, flags := range [][]string{nil, {"--provenance"}} {
		args := append([]string{"--builder", "hostile", "--target", "linux/amd64", "--target", "linux/arm64"}, flags...)
		if r, _ := build(t, dir, s.Env(), args...); r.code != 0 {
			t.Errorf("%q: exit code %d\n%s", flags, r.code, r.stderr)
		}
	}
}

// TestLabelsOfAttestedImages: keys that are more than a key to "--set".
func TestLabelsOfAttestedImages(t *testing.T) {
	s := sandboxed(t)
	want := map[string]string{"a=b": "1", "c+": "2", "d.e": "3", "*": "4", "${x}": "${y} %{z}", "f": "a\nb\"c", "": ""}
	delete(want, "")
	var labels strings.Builder
	for key, value := range want {
		labels.WriteString(quote(key) + " = " + quoteAll(value) + "\n")
	}
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"extension.toml": descriptor("hostile/labels", "\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n\n[metadata.extpack.labels]\n"+labels.String()),
		"bin/generate":   "#!/bin/sh\n",
	})
	out := filepath.Join(t.TempDir(), "layout") + string(filepath.Separator)
	r := runPlugin(t, dir, s.Env(), "build", "-o", out, "--provenance")
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	configs := 0
	blobs, err := filepath.Glob(filepath.Join(out, "blobs/sha256/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range blobs {
		var config struct {
			OS     string
			Config struct{ Labels map[string]string }
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal(data, &config) != nil || config.OS != "linux" {
			continue
		}
		configs++
		for key, value := range want {
			if got := config.Config.Labels[key]; got != value {
				t.Errorf("label %q is %q, want %q", key, got, value)
			}
		}
		if n := len(config.Config.Labels); n != len(want)+2 {
			t.Errorf("there are %d labels: %q", n, config.Config.Labels)
		}
	}
	if configs != 2 {
		t.Errorf("there are %d configs", configs)
	}
}

func quoteAll(s string) string { return strings.ReplaceAll(quote(s), "\n", `\n`) }

// always is how many of names are looked at in every run.
const always = 8

// names are those that some program on the way reads as more than a name.
var names = []string{
	"!x", " x", "x ", "a\u2028b", "git@x:y", "-", ".git", "e\u0301",
	"-x", "--from=x", "#x", "a:b", "a@b", "x y", "é", `a\b`, `a"b`, "a*", "a?", "[a]", "${x}", "$x", "%{x}", "..x", "...", "~", "{a,b}", "a\tb", "a\u0085b", "a\u2029b", "a\u202eb",
	"https:x", "github.com", "x.cnb", "docker-bake.hcl", ".GIT", "CON", "target:x", "docker-image:x", "cwd:x", "oci-layout:x", "a,b", "a=b", "a;b", "a|b", "a&b", "a'b", "`a`", "日本", "\U0001F600", "a\u200bb", "\ufeffa",
}

// TestStringsInPaths: the two engines pack the same, or both refuse, with the
// place in the descriptor.
func TestStringsInPaths(t *testing.T) {
	s := sandboxed(t)
	n, refused := 0, 0
	for i, name := range names {
		if !full && i >= always && i%16 != 0 {
			continue
		}
		for field, toml := range map[string]string{
			"shared":        "[[targets]]\nos = \"linux\"\narch = \"amd64\"\npath = \"linux/amd64\"\n[metadata.extpack]\nshared = [NAME]\n",
			"include-files": "[metadata]\ninclude-files = [NAME, \"bin/generate\"]\n",
			"path":          "[[targets]]\nos = \"linux\"\narch = \"amd64\"\npath = NAME\n",
		} {
			n++
			t.Run(field+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				writeFiles(t, dir, map[string]string{
					"extension.toml": descriptor("hostile/path", strings.ReplaceAll(toml, "NAME", unicodeQuote(name))),
					"bin/generate":   "#!/bin/sh\n", "linux/amd64/bin/generate": "#!/bin/sh\n", name + "/bin/generate": "#!/bin/sh\n# own\n", name + "/file": "",
				})
				if sameEngines(t, dir, s.Env(), ".") {
					refused++
				}
			})
		}
	}
	t.Logf("%d paths, %d refused", n, refused)
}

// sameEngines reports whether both engines refuse; they must not differ.
func sameEngines(t *testing.T, work string, env []string, dir string) (refused bool) {
	t.Helper()
	embedded, want := build(t, work, env, dir, "--engine", "embedded")
	buildx, got := build(t, work, env, dir, "--engine", "buildx")
	if buildx.code != embedded.code || got != want {
		t.Errorf("buildx: exit code %d, %s\n%s\nembedded: exit code %d, %s\n%s", buildx.code, got, buildx.stderr, embedded.code, want, embedded.stderr)
	}
	if embedded.code != 0 && (embedded.code != 2 || !strings.Contains(embedded.stderr, "extension.toml:")) {
		t.Errorf("refused with exit code %d and no place:\n%s", embedded.code, embedded.stderr)
	}
	return embedded.code == 2
}

// TestFoldersWithSuchNames: the directory of an extension has a name like that.
func TestFoldersWithSuchNames(t *testing.T) {
	s := sandboxed(t)
	for i, name := range names {
		if name == ".git" || !full && i >= always && i%16 != 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			writeFiles(t, work, map[string]string{name + "/extension.toml": descriptor("hostile/folder", ""), name + "/bin/generate": "#!/bin/sh\n"})
			embedded, want := build(t, work, s.Env(), "--engine", "embedded", "--", name)
			buildx, got := build(t, work, s.Env(), "--engine", "buildx", "--", name)
			if buildx.code == 0 && got != want {
				t.Errorf("buildx makes %s, embedded %s", got, want)
			}
			if embedded.code != 0 || buildx.code != 0 && (buildx.code != 2 || !strings.Contains(buildx.stderr, "cannot be written to a bake file unchanged")) {
				t.Errorf("buildx: exit code %d\n%s\nembedded: exit code %d\n%s", buildx.code, buildx.stderr, embedded.code, embedded.stderr)
			}
		})
	}
}

// TestStringsInSettings: settings that would be cut or changed on their way are
// refused, with the place.
func TestStringsInSettings(t *testing.T) {
	s := sandboxed(t)
	for _, table := range []string{
		`cache-from = ["type=registry,ref=r.test/x\ntype=s3"]`, `cache-from = ["type=registry,ref=r.test/x\n"]`, `cache-to = ["\ntype=gha"]`, `cache-to = ["type=inline\r\n"]`,
		`cache-from = ["type=registry,\"ref=r.test/x\ny\""]`, `cache-from = ["type=registry,ref=r.test/x\u2028"]`, `cache-from = ["type=registry,ref=r.test/x,type=s3"]`, `cache-from = ["type=gha,Type=inline"]`,
		`cache-from = ["\"type=gha"]`, `cache-from = ["type=gha\",x"]`, `cache-from = [" "]`, `cache-from = [""]`,
		`secrets = ["id=x\n,env=AWS"]`, `secrets = ["id=x,src=a\u2029"]`, `secrets = ["id=x,id=y"]`, `secrets = ["id=x,src=a,source=b"]`, `secrets = [""]`, `secrets = ["id=x,type=b"]`, `secrets = ["id=x,required=maybe"]`,
		`ssh = ["default\n=/etc"]`, `ssh = [""]`, `ssh = ["=a"]`, `add-hosts = ["a:1\n"]`, `add-hosts = ["a"]`, `add-hosts = ["a:1", "a:2"]`,
		"args = { A = \"e\u0301\" }", "args = { \"e\u0301\" = \"x\" }", "contexts = { \"-\" = \"in\" }", `contexts = { "!" = "in" }`, `contexts = { a = "target:x" }`, `contexts = { a = "cwd:///etc" }`, `network = "Host"`, `network = "host "`,
	} {
		dir := extension(t, "hostile/settings", table, map[string]string{"in/x": ""})
		r := runPlugin(t, dir, s.Env(), "build", "-o", filepath.Join(t.TempDir(), "x.cnb"), "--allow", "cache-from=*", "--allow", "cache-to=*", "--allow", "env=*", "--allow", "secret=*")
		if r.code != 2 || !strings.Contains(r.stderr, "extension.toml:8:") {
			t.Errorf("%s: exit code %d\n%s", table, r.code, r.stderr)
		}
	}
}

// unicodeQuote writes a TOML string whose control characters are escaped.
func unicodeQuote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return quote(s)
	}
	return strings.ReplaceAll(string(text), `\u003c`, "<")
}
