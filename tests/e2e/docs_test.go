//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/page"
)

// TestDocsCommands runs the commands of every page, in the order of the page, in
// one folder per page. A block of "console" has prompts and output, which must
// be what is printed; "…" is any text. Blocks with a need of another test package
// are run there.
func TestDocsCommands(t *testing.T) {
	t.Parallel()
	names, err := page.List(world.root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		blocks, err := page.Read(world.root, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runPage(t, blocks, docsEnv(t, true), true)
		})
	}
}

// TestDocsOfCI: CI itself runs what the README tells to try.
func TestDocsOfCI(t *testing.T) {
	t.Parallel()
	ci, err := os.ReadFile(filepath.Join(world.root, ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := page.WithNeed(world.root, "ci")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		for _, command := range b.Commands() {
			if !regexp.MustCompile(`(?m)^\tstep .*\b` + regexp.QuoteMeta(command) + `$`).Match(ci) {
				t.Errorf("%s: .ci/run does not run %q", b, command)
			}
		}
	}
}

// TestDocsCoverFlags: docs/buildx.md has every flag of the commands that it
// replaces, and "the same" flags exist.
func TestDocsCoverFlags(t *testing.T) {
	table, err := os.ReadFile(filepath.Join(world.root, "docs", "buildx.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := [][]string{{world.BuildxPath(), "build"}, {world.BuildxPath(), "imagetools", "create"}}
	if docker, err := exec.LookPath("docker"); err == nil {
		for _, name := range []string{"create", "annotate", "push", "inspect", "rm"} {
			commands = append(commands, []string{docker, "manifest", name})
		}
	}
	flags := regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[a-z-]+)`)
	for _, command := range commands {
		help, err := exec.CommandContext(t.Context(), command[0], append(command[1:], "--help")...).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", command, err, help)
		}
		for _, m := range flags.FindAllStringSubmatch(string(help), -1) {
			if m[1] != "--help" && !regexp.MustCompile(m[1]+"\\b[^-]").Match(table) {
				t.Errorf("docs/buildx.md does not have %s of %q", m[1], command[1:])
			}
		}
	}
	help := extpack(t, t.TempDir(), "build", "--help").stdout
	_, same, _ := strings.Cut(string(table), "| docker buildx build |")
	same, _, _ = strings.Cut(same, "\n## ")
	count := 0
	for _, row := range regexp.MustCompile(`(?m)^\| (.+) \| the same`).FindAllStringSubmatch(same, -1) {
		for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(row[1], -1) {
			if count++; !strings.Contains(help, flag+" ") {
				t.Errorf("docs/buildx.md: build has no %s", flag)
			}
		}
	}
	if count < 20 {
		t.Errorf("found only %d flags", count)
	}
}

// TestReader does what the README says in an empty folder, on a machine without
// a Docker Engine, buildx and BuildKit.
func TestReader(t *testing.T) {
	begun := time.Now()
	blocks, err := page.Read(world.root, "README.md")
	if err != nil {
		t.Fatal(err)
	}
	runPage(t, blocks, docsEnv(t, false), false)
	t.Logf("took %s", time.Since(begun).Round(time.Millisecond))
}

// docsEnv returns an environment in which "docker" runs the plugins, as the
// docker CLI does.
func docsEnv(t *testing.T, builder bool) []string {
	t.Helper()
	bin := t.TempDir()
	plugins := map[string]string{"extpack": world.plugin}
	if builder {
		plugins["buildx"] = world.BuildxPath()
	}
	if err := page.Dispatcher(bin, plugins, ""); err != nil {
		t.Fatal(err)
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "BUILDX_") || strings.HasPrefix(kv, "DOCKER_") })
	if builder {
		env = append(append(env, world.Env()...), "DOCKER_CONFIG="+loggedIn(t, "{}"))
	} else {
		// Only what the shell needs.
		for _, name := range []string{"sh", "bash", "cat", "mkdir", "chmod", "cp", "ls", "rm", "sed", "grep", "mv"} {
			if path, err := exec.LookPath(name); err == nil {
				if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		env = append(env, "DOCKER_CONFIG="+t.TempDir(), "DOCKER_HOST=unix:///no/daemon.sock", "PATH="+bin, "HOME="+t.TempDir())
		return env
	}
	for i, kv := range env {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			env[i] = "PATH=" + bin + string(os.PathListSeparator) + path
		}
	}
	home := t.TempDir()
	// skopeo expects TLS otherwise.
	writeFile(t, filepath.Join(home, ".config/containers/registries.conf"), fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", world.Registry()))
	return append(env, "TOKEN=secret", "NPM_TOKEN=secret", "HOME="+home, "GOFLAGS=")
}

// runPage writes the files of a page and runs its commands, without a builder
// those that need none.
func runPage(t *testing.T, blocks []page.Block, env []string, builder bool) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(world.root, "examples"))); err != nil {
		t.Fatal(err)
	}
	for name, more := range readersExtensions {
		if err := page.ReadersExtension(filepath.Join(dir, name), more); err != nil {
			t.Fatal(err)
		}
	}
	r := reader{t: t, dir: dir, env: env, builder: builder}
	blocks = slices.DeleteFunc(slices.Clone(blocks), func(b page.Block) bool { return !r.runs(b) })
	r.substitute(blocks)
	for _, b := range blocks {
		b.Text = r.names.Replace(b.Text)
		file := filepath.Join(dir, filepath.FromSlash(b.File+b.AddTo))
		switch {
		case b.File != "":
			writeFile(t, file, b.Text)
		case b.AddTo != "":
			add(t, file, b.Text)
		case b.Lang == "console":
			runConsole(t, b, filepath.Join(dir, b.In), r.env)
		case b.IsCommand():
			if out, err := page.Shell(filepath.Join(dir, b.In), r.env, b.Text); err != nil {
				t.Errorf("%s: %v\n%s\n%s", b, err, b.Text, out)
			}
		}
	}
}

// reader does what a page says.
type reader struct {
	t       *testing.T
	dir     string
	env     []string
	builder bool
	// names replaces names of the pages with those of the test.
	names *strings.Replacer
}

// runs reports whether a block is one for this test and machine.
func (r *reader) runs(b page.Block) bool {
	switch room, known := page.Needs[b.Needs]; {
	case b.Needs == "":
		return r.builder || !strings.Contains(b.Text, goBase)
	case known:
		return r.builder && room == "tests/e2e"
	default:
		_, err := exec.LookPath(b.Needs)
		if err != nil {
			r.t.Logf("%s: not run: %v", b, err)
		}
		return r.builder && err == nil
	}
}

// readersExtensions are extensions that pages tell to do something with, or to add
// to, without showing them: the ends of their descriptors by folder.
var readersExtensions = map[string]string{"my-extension": page.BuildStage, "new-extension": ""}

// goBase is an image of Docker Hub that examples compile in.
const goBase = "docker-image://golang:1.26-alpine"

// substitute starts the services that blocks name, and replaces their names.
func (r *reader) substitute(blocks []page.Block) {
	t := r.t
	t.Helper()
	repository := strings.NewReplacer("/", "-", ".md", "").Replace(strings.ToLower(t.Name()))
	registry := world.Registry() + "/" + repository + "/"
	pairs := []string{"ghcr.io/", registry, "registry.example.com/", registry}
	has := func(text string) bool {
		return slices.ContainsFunc(blocks, func(b page.Block) bool { return strings.Contains(b.Text, text) && (b.IsCommand() || b.File != "") })
	}
	if has("acme/extensions.git") {
		repositories, archives := serveExamples(t, r.dir)
		pairs = append(pairs, "https://github.com/acme/extensions.git", repositories, "https://example.com/", archives)
	}
	if has(goBase) || has("examples/compiled") && r.builder {
		image := "docker-image://" + goImage(t)
		pairs = append(pairs, goBase, image)
		compiled := filepath.Join(r.dir, "examples", "compiled")
		replaceIn(t, filepath.Join(compiled, "extension.toml"), goBase, image)
		replaceIn(t, filepath.Join(compiled, "Dockerfile"), "go build ", "go build -v ") // the steps of TestCompiled
	}
	const tester = "paketobuildpacks/builder-jammy-base"
	if r.builder && has(tester) {
		pairs = append(pairs, tester, testImages(t).Builder)
	}
	if has("type=s3") {
		pairs = append(pairs, "bucket=acme", "bucket=acme,use_path_style=true,endpoint_url="+serveS3(t))
		r.env = append(r.env, "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret")
	}
	if has("type=gha") {
		r.env = append(r.env, "ACTIONS_CACHE_URL="+serveActionsCache(t), "ACTIONS_RUNTIME_TOKEN="+actionsToken(t))
	}
	if has("--driver kubernetes") {
		r.ownBuilders()
		r.env = append(r.env, "KUBECONFIG="+serveCluster(t))
	}
	r.names = strings.NewReplacer(pairs...)
	for name := range readersExtensions {
		replaceIn(t, filepath.Join(r.dir, name, "extension.toml"), "ghcr.io/", registry)
	}
}

// ownBuilders keeps the builders that the page makes from other tests.
func (r *reader) ownBuilders() {
	config := r.t.TempDir()
	shared := filepath.Join(world.Dir(), "docker", "buildx", "instances")
	if err := os.CopyFS(filepath.Join(config, "instances"), os.DirFS(shared)); err != nil {
		r.t.Fatal(err)
	}
	r.env = append(r.env, "BUILDX_CONFIG="+config)
}

// add appends text to a file.
func add(t *testing.T, name, text string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, name, string(data)+text)
}

// serveExamples serves the examples as a Git repository, and as archives below the
// URL that ends in a slash.
func serveExamples(t *testing.T, dir string) (repository, archives string) {
	t.Helper()
	examples := t.TempDir()
	if err := os.CopyFS(examples, os.DirFS(filepath.Join(dir, "examples"))); err != nil {
		t.Fatal(err)
	}
	commitAll(t, examples)
	gitIn(t, examples, "tag", "v1.2.3")
	url, folder := serveGit(t, examples)
	gitIn(t, examples, "archive", "-o", filepath.Join(folder, "hello-1.2.3.tgz"), "HEAD:hello")
	return url + "/extensions.git", url + "/"
}

// runConsole runs the commands after the prompts, and compares their output with
// the lines below them.
func runConsole(t *testing.T, b page.Block, dir string, env []string) {
	t.Helper()
	commands := regexp.MustCompile(`(?m)^\$ `).Split(b.Text, -1)
	for _, one := range commands[1:] {
		command, want, _ := strings.Cut(one, "\n")
		for strings.HasSuffix(command, `\`) {
			var more string
			more, want, _ = strings.Cut(want, "\n")
			command += "\n" + strings.TrimPrefix(more, "> ")
		}
		out, err := page.Shell(dir, env, command)
		if err != nil && !strings.Contains(command, "||") {
			t.Errorf("%s: %s: %v\n%s", b, command, err, out)
			continue
		}
		if missing := absent(out, want); missing != "" {
			t.Errorf("%s: %s prints\n%s\nwithout the line %q", b, command, out, missing)
		}
	}
}

// absent returns the first line of want that is not a line of out, in order.
func absent(out, want string) string {
	lines := strings.Split(out, "\n")
	for line := range strings.Lines(want) {
		line = strings.TrimSpace(line)
		if line == "" || line == "…" {
			continue
		}
		parts := strings.Split(line, "…")
		for i, p := range parts {
			parts[i] = strings.Join(strings.Fields(regexp.QuoteMeta(p)), `\s+`)
		}
		pattern := regexp.MustCompile(`^\s*` + strings.Join(parts, `.*`) + `\s*$`)
		at := slices.IndexFunc(lines, pattern.MatchString)
		if at < 0 {
			return line
		}
		lines = lines[at+1:]
	}
	return ""
}
