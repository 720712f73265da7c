//go:build linux

package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// block is a fenced block of a page.
type block struct {
	page string
	line int
	lang string
	text string
	// file is the name that the block is written to.
	file string
	// notRun is the reason why the commands of the block are not run.
	notRun string
	// needs is "builder" if the block needs BuildKit, or a program.
	needs string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

func (b block) isCommand() bool { return b.lang == "sh" || b.lang == "console" || b.lang == "bash" }

// directive matches the comments before a block that say what the test does with
// it:
//
//	<!-- file: NAME -->        it is written to a file
//	<!-- not run: REASON -->   its commands need what a test does not have
//	<!-- needs: builder -->    its commands need BuildKit
//	<!-- needs: PROGRAM -->    they are run where the program is installed
var directive = regexp.MustCompile(`^<!-- (file|not run|needs): (.+) -->$`)

// readBlocks returns the blocks of a page in their order.
func readBlocks(t *testing.T, page string) []block {
	t.Helper()
	f, err := os.Open(filepath.Join(world.root, filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var blocks []block
	next := block{page: page}
	var text strings.Builder
	inside := false
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		fence, lang, isFence := strings.Cut(strings.TrimSpace(line), "```")
		switch {
		case isFence && fence == "" && !inside:
			inside = true
			next.line, next.lang = n, strings.TrimSpace(lang)
			text.Reset()
		case isFence && fence == "" && inside:
			inside = false
			next.text = text.String()
			blocks = append(blocks, next)
			next = block{page: page}
		case inside:
			text.WriteString(line + "\n")
		default:
			m := directive.FindStringSubmatch(strings.TrimSpace(line))
			switch {
			case m == nil && strings.TrimSpace(line) != "":
				next = block{page: page}
			case m == nil:
			case m[1] == "file":
				next.file = m[2]
			case m[1] == "not run":
				next.notRun = m[2]
			default:
				next.needs = m[2]
			}
		}
	}
	if err := lines.Err(); err != nil || inside {
		t.Fatalf("%s: %v, a block is not closed: %t", page, err, inside)
	}
	return blocks
}

// pages returns the Markdown files of the documentation. The reference is
// generated; its examples are parsed by a test of cli-plugin.
func pages(t *testing.T) []string {
	t.Helper()
	list := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	err := filepath.WalkDir(filepath.Join(world.root, "docs"), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "reference" {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) == ".md" {
			rel, err := filepath.Rel(world.root, name)
			list = append(list, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// maxNotRun is the number of blocks that are not run. It may only fall.
const maxNotRun = 9

// TestDocsCommands runs the commands of every page, in the order of the page, in
// one folder per page. A block of "console" has prompts and output, which must
// be what is printed; "…" is any text.
func TestDocsCommands(t *testing.T) {
	t.Parallel()
	notRun := 0
	for _, page := range pages(t) {
		blocks := readBlocks(t, page)
		for _, b := range blocks {
			if b.isCommand() && b.notRun != "" {
				notRun++
			}
		}
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			runPage(t, blocks, docsEnv(t, true), true)
		})
	}
	t.Logf("%d blocks are not run", notRun)
	if notRun > maxNotRun {
		t.Errorf("%d blocks are not run, more than %d", notRun, maxNotRun)
	}
}

// TestDocsCoverFlags: docs/buildx.md has every flag of the commands that it
// replaces, and "the same" flags exist.
func TestDocsCoverFlags(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(world.root, "docs", "buildx.md"))
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
			if m[1] != "--help" && !regexp.MustCompile(m[1]+"\\b[^-]").Match(page) {
				t.Errorf("docs/buildx.md does not have %s of %q", m[1], command[1:])
			}
		}
	}
	help := extpack(t, t.TempDir(), "build", "--help").stdout
	_, table, _ := strings.Cut(string(page), "| docker buildx build |")
	table, _, _ = strings.Cut(table, "\n## ")
	count := 0
	for _, row := range regexp.MustCompile(`(?m)^\| (.+) \| the same`).FindAllStringSubmatch(table, -1) {
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
	runPage(t, readBlocks(t, "README.md"), docsEnv(t, false), false)
	t.Logf("took %s", time.Since(begun).Round(time.Millisecond))
}

// docsEnv returns an environment in which "docker" runs the plugins, as the
// docker CLI does.
func docsEnv(t *testing.T, builder bool) []string {
	t.Helper()
	bin := t.TempDir()
	dispatch := "#!/bin/sh\ncommand=$1\nshift\ncase $command in\nextpack) exec " + world.plugin + " \"$@\" ;;\n"
	if builder {
		dispatch += "buildx) exec " + world.BuildxPath() + " \"$@\" ;;\n"
	}
	dispatch += "esac\necho \"docker: '$command' is not a docker command.\" >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte(dispatch), 0o755); err != nil {
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

// runPage writes the files of a page and runs its commands.
func runPage(t *testing.T, blocks []block, env []string, builder bool) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(world.root, "examples"))); err != nil {
		t.Fatal(err)
	}
	image := ""
	repositories, archives := "https://github.com/acme/extensions.git", "https://example.com/"
	if slices.ContainsFunc(blocks, func(b block) bool { return b.notRun == "" && strings.Contains(b.text, "acme/extensions.git") }) {
		repositories, archives = serveExamples(t, dir)
	}
	repository := strings.NewReplacer("/", "-", ".md", "").Replace(strings.ToLower(t.Name()))
	for _, b := range blocks {
		if b.notRun != "" || b.needs != "" && !builder {
			continue
		}
		if b.needs != "" && b.needs != "builder" {
			if _, err := exec.LookPath(b.needs); err != nil {
				t.Logf("%s: not run: %v", b, err)
				continue
			}
		}
		if strings.Contains(b.text, "golang:1.26-alpine") {
			if !builder {
				continue
			}
			if image == "" {
				image = goImage(t)
			}
		}
		tester := "paketobuildpacks/builder-jammy-base"
		if builder && b.isCommand() && strings.Contains(b.text, tester) {
			tester = testImages(t).Builder
		}
		text := strings.NewReplacer(
			"paketobuildpacks/builder-jammy-base", tester,
			"docker-image://golang:1.26-alpine", "docker-image://"+image,
			"https://github.com/acme/extensions.git", repositories, "https://example.com/", archives,
			"ghcr.io/", world.Registry()+"/"+repository+"/", "registry.example.com/", world.Registry()+"/"+repository+"/",
		).Replace(b.text)
		switch {
		case b.file != "":
			writeFile(t, filepath.Join(dir, filepath.FromSlash(b.file)), text)
		case b.lang == "console":
			runConsole(t, b, text, dir, env)
		case b.isCommand():
			out, err := shell(dir, env, "set -eu\n"+text)
			if err != nil {
				t.Errorf("%s: %v\n%s\n%s", b, err, text, out)
			}
		}
	}
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

func shell(dir string, env []string, script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// runConsole runs the commands after the prompts, and compares their output with
// the lines below them.
func runConsole(t *testing.T, b block, text, dir string, env []string) {
	t.Helper()
	commands := regexp.MustCompile(`(?m)^\$ `).Split(text, -1)
	for _, one := range commands[1:] {
		command, want, _ := strings.Cut(one, "\n")
		for strings.HasSuffix(command, `\`) {
			var more string
			more, want, _ = strings.Cut(want, "\n")
			command += "\n" + strings.TrimPrefix(more, "> ")
		}
		out, err := shell(dir, env, "set -eu\n"+command)
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
