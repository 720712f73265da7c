//go:build unix

package cliplugin

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/extpack/extpack/tests/terminal"
)

const helloDescriptor = `api = "0.10"

[extension]
id = "samples/hello"
version = "0.0.1"
name = "Hello"
description = "Adds a greeting to build and run images, as an example of an extension whose text is longer than a line"
homepage = "https://example.com/hello"
keywords = ["hello", "example"]

[[extension.licenses]]
type = "Apache-2.0"

[[targets]]
os = "linux"
arch = "amd64"

[[targets]]
os = "linux"
arch = "arm64"

[metadata.extpack.annotations]
"org.opencontainers.image.source" = "https://github.com/acme/hello"
"com.acme.team" = "runtime"
"com.acme.owners" = '{"team": "runtime", "people": ["ann", "bob"]}'
`

// stage is a folder with extensions and packages, and a registry.
type stage struct {
	dir, registry string
	env           []string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	server := httptest.NewServer(ociserver.New(ocimem.New(), nil))
	t.Cleanup(server.Close)
	s := &stage{dir: t.TempDir(), registry: strings.TrimPrefix(server.URL, "http://")}
	s.env = []string{
		"PATH=" + filepath.Join(s.dir, "empty"), "HOME=" + s.dir, "DOCKER_CONFIG=" + filepath.Join(s.dir, ".docker"),
		"DOCKER_HOST=unix:///no/daemon.sock", "TERM=xterm-256color", "TMPDIR=/tmp",
	}
	data := make([]byte, 5_000_000) // cannot be compressed
	source := rand.NewChaCha8([32]byte{})
	_, _ = source.Read(data)
	script := "#!/bin/sh\nexit 0\n"
	for name, text := range map[string]string{
		"hello/extension.toml": helloDescriptor, "hello/bin/detect": script, "hello/bin/generate": script,
		"hello/linux/amd64/bin/detect": script, "hello/linux/amd64/bin/generate": script, "hello/linux/amd64/share/data": string(data),
		"hello/linux/arm64/bin/detect": script, "hello/linux/arm64/bin/generate": script, "hello/linux/arm64/share/data": string(data[1:]),
		"small/extension.toml": "api = \"0.10\"\n[extension]\nid = \"samples/small\"\nversion = \"1.2.3\"\nname = \"Small\"\n", "small/bin/generate": script, "small/bin/detect": script,
		"wrong/extension.toml": "api = \"0.10\"\n[extension]\nid = \"samples/wrong\"\nversion = \"1.2\"\nnmae = \"Wrong\"\n", "wrong/bin/generate": script,
	} {
		file := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), fileMode(name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, kind := range map[string]string{"broken.cnb": "two-platforms", "distros.cnb": "distros-attested"} {
		if err := writePackage(packageKinds[kind], filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func fileMode(name string) os.FileMode {
	if strings.Contains(name, "/bin/") {
		return 0o755
	}
	return 0o644
}

func (s *stage) command(columns int, args ...string) *exec.Cmd {
	args = slices.Clone(args)
	names := strings.NewReplacer("REGISTRY", s.registry, "COLUMNS", strconv.Itoa(columns))
	for i, a := range args {
		args[i] = names.Replace(a)
	}
	cmd := exec.Command("docker-extpack", args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// screens are commands in the order in which they run.
var screens = []struct {
	name string
	// before is a command whose output is not looked at.
	before []string
	args   []string
}{
	{"build", nil, []string{"build", "hello", "--engine", "embedded", "--push", "-t", "REGISTRY/acme-COLUMNS/hello:0.0.1"}},
	{"build-unchanged", nil, []string{"build", "hello", "--engine", "embedded", "--push", "-t", "REGISTRY/acme-COLUMNS/hello:0.0.1"}},
	{
		"build-several",
		[]string{"build", "hello", "--engine", "embedded", "--push", "-t", "REGISTRY/acme-COLUMNS/{{.Slug}}:{{.Version}}"},
		[]string{"build", "hello", "small", "--engine", "embedded", "--push", "-t", "REGISTRY/acme-COLUMNS/{{.Slug}}:{{.Version}}"},
	},
	{"build-file", nil, []string{"build", "small", "--engine", "embedded"}},
	{"build-wrong", nil, []string{"build", "wrong"}},
	{"build-no-buildx", nil, []string{"build", "small", "--engine", "buildx"}},
	{"build-no-tag", nil, []string{"build", "small", "--engine", "embedded", "--push"}},
	{"build-no-engine", nil, []string{"build", "small", "--engine", "embedded", "--load"}},
	{"inspect", nil, []string{"inspect", "REGISTRY/acme-80/hello:0.0.1"}},
	{"inspect-whole", nil, []string{"inspect", "--no-trunc", "REGISTRY/acme-80/hello:0.0.1"}},
	{"inspect-distros", nil, []string{"inspect", "distros.cnb"}},
	{"inspect-files", nil, []string{"inspect", "--files", "REGISTRY/acme-80/hello:0.0.1"}},
	{"inspect-mermaid", nil, []string{"inspect", "--format", "mermaid", "REGISTRY/acme-80/hello:0.0.1"}},
	{"verify", nil, []string{"verify", "REGISTRY/acme-80/hello:0.0.1"}},
	{"verify-findings", nil, []string{"verify", "broken.cnb"}},
	{"run-image", []string{"index", "create", "-t", "REGISTRY/acme/run:noble", "broken.cnb"}, []string{"run-image", "REGISTRY/acme/run:noble"}},
	{"lint", nil, []string{"lint", "wrong", "hello"}},
	{"doctor", nil, []string{"builder", "doctor", "hello", "-t", "REGISTRY/acme-80/hello:0.0.2"}},
}

// toCopy matches lines that are not folded: commands to copy, and links.
var toCopy = regexp.MustCompile(`^ +(docker|"docker|\S*https://\S+$)`)

// bars matches the bars of several layers, whose order varies.
var bars = regexp.MustCompile(`(?m)(^(pack|push) linux/.*\n){2}`)

// unstable are parts of screens that differ from run to run.
var unstable = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d{5}`), "127.0.0.1:50000"},
	{regexp.MustCompile(` +[\d.]+[kMG]?B/s +`), "  100MB/s  "},
	{regexp.MustCompile(`[\d.]+[kMGT]B (free|of|is)`), "99GB ${1}"},
	{regexp.MustCompile(`docker extpack (v\d\S*|\(devel\))`), "docker extpack v0.0.0"},
}

// TestScreens compares what a terminal of 60, 80 and 120 columns shows with
// testdata/screens; -update rewrites it. No line may be wider than the terminal
// unless it is a name or a command to copy.
func TestScreens(t *testing.T) {
	s := newStage(t)
	for _, screen := range screens {
		var got strings.Builder
		for _, columns := range []int{60, 80, 120} {
			if screen.before != nil {
				if out, err := s.command(columns, screen.before...).CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", screen.name, err, out)
				}
			}
			shown, _ := terminal.Run(s.command(columns, screen.args...), columns) // some fail
			if shown == nil {
				t.Fatal("no terminal")
			}
			for _, line := range shown.Wide() {
				if !slices.Contains(screen.args, "--no-trunc") && !toCopy.MatchString(line) && !strings.Contains(line, s.registry) {
					t.Errorf("%s: a line is wider than %d columns: %s", screen.name, columns, line)
				}
			}
			sorted := bars.ReplaceAllStringFunc(shown.String(), func(lines string) string {
				return strings.Join(slices.Sorted(strings.Lines(lines)), "")
			})
			fmt.Fprintf(&got, "--- %d columns: docker extpack %s\n%s", columns, strings.Join(screen.args, " "), sorted)
			_ = os.Remove(filepath.Join(s.dir, "samples_small-1.2.3.cnb"))
		}
		text := strings.ReplaceAll(got.String(), s.registry, "127.0.0.1:50000")
		for _, u := range unstable {
			text = u.pattern.ReplaceAllString(text, u.with)
		}
		file := filepath.Join("testdata", "screens", screen.name+".txt")
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if text != string(want) {
			t.Errorf("%s: shown is\n%s\nwant\n%s", screen.name, text, want)
		}
	}
}

// TestColors: a terminal gets colours unless NO_COLOR is set, and nothing else
// does unless FORCE_COLOR is set.
func TestColors(t *testing.T) {
	s := newStage(t)
	for _, args := range [][]string{{"verify", "broken.cnb"}, {"inspect", "broken.cnb"}, {"build", "wrong"}, {"build", "small", "--engine", "embedded"}} {
		plain := s.command(80, args...)
		plain.Env = append(plain.Env, "NO_COLOR=1")
		without, _ := terminal.Run(plain, 80)
		with, _ := terminal.Run(s.command(80, args...), 80)
		if !with.Colored() || without.Colored() || with.String() != without.String() {
			t.Errorf("%v: colours %t, with NO_COLOR %t; got\n%s\nand\n%s", args, with.Colored(), without.Colored(), with, without)
		}
		if out, _ := s.command(80, args...).CombinedOutput(); strings.Contains(string(out), "\x1b") {
			t.Errorf("%v writes escape sequences to a pipe: %q", args, out)
		}
		if args[0] == "build" && args[1] == "small" {
			continue // the summary is for terminals
		}
		forced := s.command(80, args...)
		forced.Env = append(forced.Env, "FORCE_COLOR=1")
		if out, _ := forced.CombinedOutput(); !strings.Contains(string(out), "\x1b") {
			t.Errorf("%v writes no escape sequences to a pipe with FORCE_COLOR: %q", args, out)
		}
	}
}
