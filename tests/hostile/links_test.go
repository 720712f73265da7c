//go:build unix

package hostile_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/extpack/extpack/tests/terminal"
)

const secret = "SECRET-of-the-user"

// linkedExtension returns a stranger's extension and, next to it, a file and a
// layout directory of the user's.
func linkedExtension(t *testing.T) (dir, victim string) {
	t.Helper()
	base := t.TempDir()
	dir, victim = filepath.Join(base, "extension"), filepath.Join(base, "mine")
	writeFiles(t, base, map[string]string{
		"mine": secret + "\n", "folder/" + secret: secret, "extension/bin/generate": "#!/bin/sh\n",
		"extension/extension.toml": descriptor("hostile/links", "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"),
	})
	return dir, victim
}

func symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.RemoveAll(name), os.Symlink(target, name)); err != nil {
		t.Fatal(err)
	}
}

// TestMissingGrantOnATerminal: on a terminal too, the message names the flag. There
// is no prompt, because users answer prompts without reading them.
func TestMissingGrantOnATerminal(t *testing.T) {
	t.Parallel()
	dir := extension(t, "hostile/terminal", `secrets = ["id=x,env=AWS_SECRET_ACCESS_KEY"]`, nil)
	keyboard, stdin, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	defer stdin.Close()
	if _, err := keyboard.WriteString("y\ny\nyes\n"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"build"}, {"build", "--dry-run"}, {"bake", "-o", "-"}, {"builder", "doctor", "."}} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, plugin, args...)
		cmd.Dir, cmd.Stdin, cmd.Env = dir, stdin, append(os.Environ(), "TERM=xterm", "AWS_SECRET_ACCESS_KEY=x")
		screen, err := terminal.Run(cmd, 200)
		if screen == nil {
			t.Fatal(err)
		}
		shown := strings.Join(screen.Lines(), "\n")
		if code := cmd.ProcessState.ExitCode(); args[0] != "builder" && (code != 2 || !strings.Contains(shown, "which was not granted") || !strings.Contains(shown, "add --allow env=AWS_SECRET_ACCESS_KEY")) {
			t.Errorf("%q: exit code %d\n%s", args, code, shown)
		}
		if ctx.Err() != nil || strings.ContainsAny(shown, "?") {
			t.Errorf("%q asks: %v\n%s", args, ctx.Err(), shown)
		}
	}
}

// TestOutputIsALink: a repository contains a link with the name that an output has
// by default, or that a script sets. What it leads to is never written.
func TestOutputIsALink(t *testing.T) {
	t.Parallel()
	outputs := map[string]struct {
		name string
		args []string
	}{
		"package":       {"hostile_links-1.2.3.cnb", []string{"build", "--engine", "embedded"}},
		"bake file":     {"docker-bake.hcl", []string{"bake"}},
		"metadata file": {"built.json", []string{"build", "--engine", "embedded", "-o", "../x.cnb", "--metadata-file", "built.json"}},
		"layout":        {"../out", []string{"build", "--engine", "embedded", "-o", "../out/"}},
		"buildx":        {"hostile_links-1.2.3.cnb", []string{"build", "--engine", "buildx"}},
	}
	env := sandboxed(t).Env()
	for what, o := range outputs {
		for _, target := range []string{"ABSOLUTE", "../mine", "../new", "chain", "../folder", "sub/../../mine"} {
			t.Run(what+" to "+target, func(t *testing.T) {
				t.Parallel()
				dir, victim := linkedExtension(t)
				name := filepath.Join(dir, o.name)
				if what == "layout" {
					target = "../" + target
				}
				if strings.HasSuffix(target, "ABSOLUTE") {
					target = victim
				}
				if filepath.Base(target) == "chain" {
					symlink(t, victim, filepath.Join(filepath.Dir(name), target))
				}
				symlink(t, target, name)
				r := runPlugin(t, dir, env, o.args...)
				// A link that leads nowhere may be replaced.
				info, err := os.Lstat(name)
				if err != nil || r.code != 2 && (r.code != 0 || !info.Mode().IsRegular()) {
					t.Errorf("exit code %d, %v, %v\n%s", r.code, info, err, r.stderr)
				}
				if got, err := os.ReadFile(victim); err != nil || string(got) != secret+"\n" {
					t.Errorf("the user's file: %q, %v", got, err)
				}
				if _, err := os.Lstat(filepath.Join(filepath.Dir(victim), "new")); err == nil {
					t.Error("a file was made outside")
				}
				if _, err := os.Stat(filepath.Join(filepath.Dir(victim), "folder", secret)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestOutputReplacesTheName: a link that stays in the folder is replaced, and
// what it led to stays as it was.
func TestOutputReplacesTheName(t *testing.T) {
	t.Parallel()
	dir, _ := linkedExtension(t)
	writeFiles(t, dir, map[string]string{"keep": "keep\n"})
	name := filepath.Join(dir, "hostile_links-1.2.3.cnb")
	symlink(t, "keep", name)
	if r := runPlugin(t, dir, nil, "build", "--engine", "embedded"); r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "keep")); err != nil || string(got) != "keep\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestInputIsALink: files that commands read, as links out of the extension,
// pipes and devices. Nothing is shown, and nothing waits.
func TestInputIsALink(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"extension.toml": "", "package.toml": "", ".dockerignore": "", "docker-bake.hcl": "",
		"Dockerfile":              "[metadata.extpack.build]\nstage = \"out\"\n",
		"generate/run.Dockerfile": "",
		".git":                    "",
		".git/commondir":          "",
		"archive.tgz":             "",
	}
	commands := [][]string{
		{"build", "--engine", "embedded"},
		{"bake", "--check"},
		{"bake"},
		{"run-image", "--extension", "."},
		{"builder", "doctor", "."},
	}
	for file, more := range files {
		for _, target := range []string{"/proc/self/environ", "../mine", "chain", "/dev/zero", "FIFO", "FOLDER"} {
			t.Run(strings.ReplaceAll(file, "/", "_")+" is "+strings.ReplaceAll(target, "/", "_"), func(t *testing.T) {
				t.Parallel()
				commands := commands
				switch file {
				case ".git", ".git/commondir", "archive.tgz":
					commands = commands[:1]
				case "extension.toml":
					commands = append(slices.Clone(commands), []string{"lint", "--fix"}, []string{"init", "--yes"})
				}
				for _, args := range commands {
					dir, victim := linkedExtension(t)
					writeFiles(t, dir, map[string]string{"extension.toml": descriptor("hostile/links", "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"+more)})
					name := filepath.Join(dir, file)
					switch file {
					case ".git/commondir":
						writeFiles(t, dir, map[string]string{".git/HEAD": "", ".git/objects/x": "", ".git/refs/x": ""})
					case "archive.tgz":
						writeFiles(t, dir, map[string]string{"package.toml": "[extension]\nuri = \"archive.tgz\"\n"})
					}
					if strings.HasPrefix(file, "generate/") {
						if err := errors.Join(os.RemoveAll(filepath.Join(dir, "bin")), os.MkdirAll(filepath.Dir(name), 0o755)); err != nil {
							t.Fatal(err)
						}
					}
					switch target {
					case "FIFO":
						if err := errors.Join(os.RemoveAll(name), syscall.Mkfifo(name, 0o644)); err != nil {
							t.Fatal(err)
						}
					case "FOLDER":
						if err := errors.Join(os.RemoveAll(name), os.Mkdir(name, 0o755)); err != nil {
							t.Fatal(err)
						}
					case "chain":
						symlink(t, victim, filepath.Join(dir, "hidden"))
						symlink(t, filepath.Join(dir, "hidden"), name)
					default:
						symlink(t, target, name)
					}
					start := time.Now()
					r := runPlugin(t, dir, []string{"EXTPACK_SECRET=" + secret}, args...)
					if took := time.Since(start); took > time.Minute {
						t.Errorf("%q took %v", args, took)
					}
					if strings.Contains(r.stdout+r.stderr, secret) {
						t.Errorf("%q shows the user's file or environment:\n%s%s", args, r.stdout, r.stderr)
					}
				}
			})
		}
	}
}

// TestFolderOfRunDockerfileIsALink: generate -> hidden -> … in run-image.
func TestFolderOfRunDockerfileIsALink(t *testing.T) {
	t.Parallel()
	dir, _ := linkedExtension(t)
	if err := os.RemoveAll(filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	writeFiles(t, filepath.Dir(dir), map[string]string{"outside/run.Dockerfile": "FROM " + secret + "\n"})
	symlink(t, "../outside", filepath.Join(dir, "hidden"))
	symlink(t, "hidden", filepath.Join(dir, "generate"))
	if r := runPlugin(t, dir, nil, "run-image", "--extension", "."); r.code == 0 || strings.Contains(r.stdout+r.stderr, secret) {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// contents returns everything that the layers in a package file hold, and the
// content of one file in them.
func contents(t *testing.T, name, file string) (all, one []byte) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for outer := tar.NewReader(f); ; {
		if _, err := outer.Next(); errors.Is(err, io.EOF) {
			return all, one
		} else if err != nil {
			t.Fatal(err)
		}
		blob, err := io.ReadAll(outer)
		if err != nil {
			t.Fatal(err)
		}
		zr, err := gzip.NewReader(bytes.NewReader(blob))
		if err != nil {
			continue // no layer
		}
		for inner := tar.NewReader(zr); ; {
			h, err := inner.Next()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(inner)
			if err != nil {
				t.Fatal(err)
			}
			all = append(append(all, h.Name...), data...)
			if strings.HasSuffix(h.Name, "/"+file) {
				one = data
			}
		}
	}
}

// whileChanging builds with both engines while change runs over and over, and
// has check look at what was built with exit code 0.
func whileChanging(t *testing.T, dir string, change func() error, check func(t *testing.T, output string)) {
	t.Helper()
	s := sandboxed(t)
	rounds := 6
	if full {
		rounds = 25
	}
	var stop atomic.Bool
	done := make(chan error, 1)
	go func() {
		var err error
		for !stop.Load() && err == nil {
			err = change()
		}
		done <- err
	}()
	refused := map[string]int{}
	for _, engine := range []string{"buildx", "embedded"} {
		for range rounds {
			output := filepath.Join(t.TempDir(), "x.cnb")
			r := runPlugin(t, dir, s.Env(), "build", "--engine", engine, "-o", output)
			if r.code == 0 {
				check(t, output)
			} else {
				refused[engine]++
				if _, err := os.Stat(output); err == nil {
					t.Errorf("exit code %d, and the package is there", r.code)
				}
			}
		}
	}
	stop.Store(true)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("refused of %d: %v", rounds, refused)
}

// TestFolderSwappedForALink: content from outside enters no package, whenever
// a folder becomes a link to it.
func TestFolderSwappedForALink(t *testing.T) {
	dir, _ := linkedExtension(t)
	writeFiles(t, filepath.Dir(dir), map[string]string{"outside/file": secret, "extension/data/file": strings.Repeat("x", len(secret))})
	data, aside, link := filepath.Join(dir, "data"), filepath.Join(filepath.Dir(dir), "aside"), filepath.Join(filepath.Dir(dir), "link")
	whileChanging(t, dir, func() error {
		time.Sleep(20 * time.Millisecond)
		err := errors.Join(os.Symlink("../outside", link), os.Rename(data, aside), os.Rename(link, data))
		time.Sleep(5 * time.Millisecond)
		return errors.Join(err, os.Remove(data), os.Rename(aside, data))
	}, func(t *testing.T, output string) {
		if all, _ := contents(t, output, ""); bytes.Contains(all, []byte(secret)) {
			t.Error("the package contains a file from outside the extension")
		}
	})
}

// TestFileRewrittenDuringABuild: no package contains a mixture of two states.
func TestFileRewrittenDuringABuild(t *testing.T) {
	dir, _ := linkedExtension(t)
	const size = 8 << 20
	states := [][]byte{bytes.Repeat([]byte("a"), size), bytes.Repeat([]byte("b"), size)}
	name := filepath.Join(dir, "data")
	if err := os.WriteFile(name, states[0], 0o644); err != nil {
		t.Fatal(err)
	}
	n := 0
	whileChanging(t, dir, func() error {
		n++
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		for at := 0; at < size; at += 64 << 10 {
			if _, err := f.WriteAt(states[n%2][:64<<10], int64(at)); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
		return f.Close()
	}, func(t *testing.T, output string) {
		if _, got := contents(t, output, "data"); !bytes.Equal(got, states[0]) && !bytes.Equal(got, states[1]) {
			t.Errorf("the package has %d bytes, %d of them a", len(got), bytes.Count(got, []byte("a")))
		}
	})
}
