//go:build unix

package hostile_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

// payload is a value for a field. Text may contain ADDR, the address of a listener,
// and MINE, the path of a file of the user's.
type payload struct {
	name, text string
	// outside is whether the text leads out of the extension as a path, or is a
	// request as a setting.
	outside bool
}

// payloads are values that some program on the way may read as more than a value.
var payloads = []payload{
	{"empty", "", false},
	{"escape", "\x1b]0;owned\a\x1b[31mred", false},
	{"C1 escape", "\u009b31mred", false},
	{"line feed", "a\nb", false},
	{"carriage return", "a\rverified", false},
	{"line separator", "a\u2028b", false},
	{"bidirectional", "a\u202eb\u2066c", false},
	{"null", "a\x00b", false},
	{"delete", "a\x7fb", false},
	{"decomposed", "e\u0301", false},
	{"byte order mark", "\ufeffa", false},
	{"flag", "--push", false},
	{"help", "-h", false},
	{"HCL", `${BUILDX_BAKE_GIT_AUTH_TOKEN}%{if true}x%{endif}`, false},
	{"shell", "$(touch owned)`touch owned`;touch owned|touch owned", false},
	{"quotes", `"'\`, false},
	{"Dockerfile", "x AS y\nFROM ADDR/x\nRUN touch owned", false},
	{"glob", "*", false},
	{"braces", "{{", false},
	{"unknown placeholder", "{{.Env.AWS_SECRET_ACCESS_KEY}}", false},
	{"function", `{{printf "%1000000000d" 1}}`, false},
	{"format", "%s%n%1000000000d", false},
	{"placeholder", "{{.ID}}", false},
	{"expression", "(a*)*$(((((((((((a{1000}){1000}", false},
	{"huge", strings.Repeat("x", 100<<10), false},
	{"huge number", strings.Repeat("9", 4000), false},
	{"many parts", strings.Repeat("a,", 20<<10), false},
	{"deep path", strings.Repeat("a/", 20<<10), false},
	{"upwards", "../../mine", true},
	{"absolute", "MINE", true},
	{"device", "/dev/zero", true},
	{"link", "link", true},
	{"link to a folder", "folder", true},
	{"through a link", "folder/mine", true},
	{"pipe", "pipe", true},
	{"URL", "http://ADDR/a.git#main:x", true},
	{"archive", "http://ADDR/a.tgz", true},
	{"image", "docker-image://ADDR/x/y:1", false},
	{"reference", "ADDR/x/y:1", true},
	{"layout", "oci-layout://MINE", true},
	{"repository", "git@localhost:a/b", true},
	{"variable", "id=x,env=AWS_SECRET_ACCESS_KEY", true},
	{"secret file", "id=x,src=MINE", true},
	{"agent", "default", true},
	{"key", "x=MINE", true},
	{"GitHub cache", "type=gha,url=http://ADDR/,scope=x", true},
	{"S3 cache", "type=s3,bucket=b,region=r,endpoint_url=http://ADDR", true},
	{"placeholder cache", "type={{.Slug}},url=http://ADDR/", true},
	{"local cache", "type=local,src=MINE,dest=MINE", true},
	{"network", "host", true},
	{"address", "registry.test=10.0.0.1", true},
}

// reaches reports whether a payload in a field of a class reaches what has to be
// granted, or leaves the extension.
func (p payload) reaches(field string, c class) bool {
	switch c {
	case asks:
		switch {
		case strings.HasSuffix(field, ".contexts.VALUE"):
			return p.name != "image" && p.text != "" // images may be pulled
		case strings.HasSuffix(field, ".network"):
			return p.name == "network"
		}
		return true
	case inside:
		return p.outside
	case below:
		return slices.Contains([]string{"upwards", "absolute", "device"}, p.name)
	case text, choice:
	}
	return false
}

// strangers makes one folder for each payload in a new working directory, with
// the payload at a field of a file, and links, a pipe and a device.
// mine is a file of the user's.
func strangers(t *testing.T, l *listener, file, name string) (work string, dirs []string) {
	t.Helper()
	base := t.TempDir()
	work = filepath.Join(base, "work")
	mine := filepath.Join(base, "mine")
	writeFiles(t, base, map[string]string{"mine": secret + "\n", "work/mine": secret + "\n"})
	for i, p := range payloads {
		dir := "p" + strconv.Itoa(i)
		dirs = append(dirs, dir)
		files := map[string]string{"extension.toml": descriptor("hostile/"+dir, ""), "bin/generate": "#!/bin/sh\n", "Dockerfile": stage, "generate": "#!/bin/sh\n", "in/x": ""}
		value := strings.NewReplacer("ADDR", l.addr(), "MINE", mine).Replace(p.text)
		files[file] = withField(t, files[file], name, value)
		at := filepath.Join(work, dir)
		writeFiles(t, at, files)
		symlink(t, "../../mine", filepath.Join(at, "link"))
		symlink(t, "../..", filepath.Join(at, "folder"))
		if err := syscall.Mkfifo(filepath.Join(at, "pipe"), 0o644); err != nil {
			t.Fatal(err)
		}
		writeFiles(t, at, map[string]string{".dockerignore": "link\nfolder\npipe\n"})
	}
	return work, dirs
}

var (
	// elsewhere matches errors about other files that a field names.
	elsewhere = regexp.MustCompile(`^(Dockerfile|package\.toml|link|folder|pipe|in)\b`)
	// quoted matches what a shell takes as it is.
	quoted = regexp.MustCompile(`'(?:[^']|'\\'')*'`)
)

// refusedIn returns the folders that a line of an error names, and fails for lines
// without a place.
func refusedIn(t *testing.T, file, stderr string) map[string]bool {
	t.Helper()
	refused := map[string]bool{}
	for line := range strings.Lines(stderr) {
		dir, rest, ok := strings.Cut(line, "/")
		switch {
		case strings.HasPrefix(line, " "), strings.Contains(line, "warning: "), strings.HasPrefix(line, "note: "), strings.Contains(line, "; for an index, "):
		case ok && strings.HasPrefix(dir, "p"):
			refused[dir] = true
			if !strings.HasPrefix(rest, file+":") && !strings.HasPrefix(rest, "extension.toml:") && !elsewhere.MatchString(rest) {
				t.Errorf("an error without a place in %s: %.500s", file, line)
			}
		default:
			t.Errorf("an error without a place: %s", line)
		}
	}
	return refused
}

// harmless fails the test for an effect that no command may have.
func harmless(t *testing.T, work string, r result, codes ...int) {
	t.Helper()
	out := r.stdout + r.stderr
	switch at := strings.IndexFunc(out, unfit); {
	case !slices.Contains(codes, r.code) || strings.Contains(out, "goroutine "):
		t.Errorf("exit code %d\n%.4000s", r.code, out)
	case at >= 0 || !utf8.ValidString(out):
		t.Errorf("prints what is not fit for a terminal: %.500q", out[max(at-200, 0):])
	case strings.Contains(out, secret):
		t.Errorf("shows the user's file:\n%.4000s", out)
	}
	for name, value := range canaries {
		if strings.Contains(out, value) {
			t.Errorf("shows %s:\n%.4000s", name, out)
		}
	}
	for line := range strings.Lines(r.stderr) {
		if strings.HasPrefix(line, " ") && strings.Contains(quoted.ReplaceAllString(line, ""), "touch owned") {
			t.Errorf("a hint contains a command of a stranger: %s", line)
		}
	}
	if r.memory > maxMemory {
		t.Errorf("takes %d MiB", r.memory)
	}
	err := filepath.WalkDir(filepath.Dir(work), func(name string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "owned" {
			t.Errorf("%s: a program ran", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, name := range []string{filepath.Join(filepath.Dir(work), "mine"), filepath.Join(work, "mine")} {
		if got, err := os.ReadFile(name); err != nil || string(got) != secret+"\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// everyField calls test for each field of a file, or a part of them.
func everyField(t *testing.T, file string, part int, test func(t *testing.T, name string, c class)) {
	t.Helper()
	byField := map[string]class{}
	for c, names := range classes[file] {
		for _, name := range strings.Fields(names) {
			byField[name] = c
		}
	}
	n := 0
	for i, name := range slices.Sorted(maps.Keys(byField)) {
		if !full && i%part != 0 {
			continue
		}
		n++
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			t.Parallel()
			test(t, name, byField[name])
		})
	}
	t.Cleanup(func() { t.Logf("%s: %d of %d fields, %d values each", file, n, len(byField), len(payloads)) })
}

// TestFieldsOfDescriptors puts every payload into every field of extension.toml
// and package.toml. Nothing is reached that was not granted, and every error has
// a place.
func TestFieldsOfDescriptors(t *testing.T) {
	s := sandboxed(t)
	for _, file := range []string{"extension.toml", "package.toml"} {
		l := newListener(t)
		env := credentials(t, s, l)
		everyField(t, file, 8, func(t *testing.T, name string, c class) {
			work, dirs := strangers(t, l, file, name)
			args := append([]string{"build", "--dry-run", "--keep-going", "--engine", "buildx"}, dirs...)
			r := runPlugin(t, work, env, args...)
			harmless(t, work, r, 0, 2)
			refused := refusedIn(t, file, r.stderr)
			for i, p := range payloads {
				if p.reaches(name, c) && !refused[dirs[i]] {
					t.Errorf("%s is accepted: %.100q", p.name, p.text)
				}
			}
			harmless(t, work, runPlugin(t, work, env, append([]string{"lint", "--format", "json"}, dirs...)...), 0, 2)
			if file == "package.toml" {
				for i, dir := range dirs {
					if !full && i%8 != 0 {
						continue
					}
					harmless(t, work, runPlugin(t, work, env, "package", "x.cnb", "--config", filepath.Join(dir, file), "--format", "file", "--target", "linux/amd64"), 0, 2)
				}
			}
			harmless(t, work, runPlugin(t, work, env, append([]string{"__complete", "build", "--target", ""}, dirs...)...), 0)
		})
		t.Cleanup(func() {
			if n, found := l.received(); n != 0 {
				t.Errorf("%s: %d requests arrived, with %q", file, n, found)
			}
		})
	}
}

// TestFieldsOfWorkspaces does the same for extpack.toml of a repository.
func TestFieldsOfWorkspaces(t *testing.T) {
	t.Parallel()
	const file = "extpack.toml"
	l := newListener(t)
	everyField(t, file, 4, func(t *testing.T, name string, c class) {
		work, dirs := strangers(t, l, file, name)
		for i, p := range payloads {
			if !full && i%4 != 0 && !p.outside {
				continue
			}
			writeFiles(t, filepath.Join(work, dirs[i]), map[string]string{"ext/extension.toml": descriptor("hostile/x", ""), "ext/bin/generate": "#!/bin/sh\n"})
			if err := os.Remove(filepath.Join(work, dirs[i], "extension.toml")); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"build", "--dry-run", "--engine", "embedded"}, {"lint"}, {"bake", "-o", "-"}} {
				r := runPlugin(t, work, nil, append(args, dirs[i])...)
				harmless(t, work, r, 0, 2)
				if c == inside && p.outside && r.code != 2 && !strings.HasSuffix(name, "exclude[]") {
					t.Errorf("%s: %s is accepted: %.100q", args[0], p.name, p.text)
				}
				if args[0] == "build" {
					refusedIn(t, file, r.stderr)
				}
			}
		}
	})
	t.Cleanup(func() {
		if n, found := l.received(); n != 0 {
			t.Errorf("%d requests arrived, with %q", n, found)
		}
	})
}

// TestFieldsOfCases does the same for the files of test cases. The images to test
// with are not there, which is said before anything runs.
func TestFieldsOfCases(t *testing.T) {
	s := sandboxed(t)
	const file = "tests/case.toml"
	l := newListener(t)
	env := credentials(t, s, l)
	everyField(t, file, 16, func(t *testing.T, name string, c class) {
		work, dirs := strangers(t, l, file, name)
		for i, p := range payloads {
			if !full && i%4 != 0 && !p.outside {
				continue
			}
			r := runPlugin(t, work, env, "test", "--build-image", "127.0.0.1:1/x", "--run-image", "127.0.0.1:1/x", "--lifecycle", "127.0.0.1:1/x", dirs[i])
			harmless(t, work, r, 1, 2)
			// Other paths are below the folder of the file, also those with a slash.
			if (c == inside && p.outside || c == below && p.name == "upwards") && !strings.Contains(r.stderr, file+":") {
				t.Errorf("%s is accepted: %.100q\n%s", p.name, p.text, r.stderr)
			}
		}
	})
	t.Cleanup(func() {
		if n, found := l.received(); n != 0 {
			t.Errorf("%d requests arrived, with %q", n, found)
		}
	})
}

// TestFieldsThatAreBuilt builds what was not refused with both engines: they make
// the same package, nothing of the user's is in it, and only the layout is made.
func TestFieldsThatAreBuilt(t *testing.T) {
	s := sandboxed(t)
	l := newListener(t)
	env := credentials(t, s, l)
	everyField(t, "extension.toml", 16, func(t *testing.T, name string, _ class) {
		if strings.HasPrefix(name, "metadata.extpack.build.") && !full {
			t.Skip("stages are built in the full form")
		}
		work, dirs := strangers(t, l, "extension.toml", name)
		refused := refusedIn(t, "extension.toml", runPlugin(t, work, env, append([]string{"build", "--dry-run", "--keep-going", "--engine", "buildx"}, dirs...)...).stderr)
		for i, dir := range dirs {
			if refused[dir] || !full && i%8 != 0 {
				continue
			}
			t.Run(payloads[i].name, func(t *testing.T) {
				buildx, got := build(t, work, env, "--engine", "buildx", "--allow-secrets", dir)
				harmless(t, work, buildx, 0, 1, 2)
				if strings.HasPrefix(name, "metadata.extpack.build.") {
					return // which the embedded engine does not build
				}
				embedded, want := build(t, work, env, "--engine", "embedded", "--allow-secrets", dir)
				harmless(t, work, embedded, 0, 2)
				if buildx.code != embedded.code || got != want {
					t.Errorf("buildx: exit code %d, %s\n%.2000s\nembedded: exit code %d, %s\n%.2000s", buildx.code, got, buildx.stderr, embedded.code, want, embedded.stderr)
				}
			})
		}
	})
	t.Cleanup(func() {
		if _, found := l.received(); len(slices.DeleteFunc(found, func(c string) bool { return c == "the registry's password" })) != 0 {
			t.Errorf("credentials arrived: %q", found)
		}
	})
}
