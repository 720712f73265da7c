package cliplugin

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/docker/cli/cli-plugins/manager"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"docker-extpack": func() { os.Exit(Main()) }})
}

// scriptDirs are the folders of testdata/script, each with its test.
var scriptDirs = map[string]string{
	"bake":    "bake and its options",
	"build":   "build up to the moment buildx is started",
	"cli":     "help, version, completion, usage errors, docker's plugin contract",
	"input":   "descriptors, folders and references that are wrong",
	"inspect": "packages of every kind, good and broken",
	"lint":    "what the rules find, repairs, exceptions and output formats",
	"verify":  "what the checks find, and how it is told",
}

func TestScripts(t *testing.T) {
	for dir := range scriptDirs {
		t.Run(dir, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir:                 filepath.Join("testdata", "script", dir),
				Setup:               setupScript,
				Cmds:                scriptCommands,
				Condition:           scriptCondition,
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
				UpdateScripts:       *update,
			})
		})
	}
}

// A script that no test runs proves nothing and looks as if it did.
func TestEveryScriptIsRun(t *testing.T) {
	err := filepath.WalkDir("testdata/script", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		dir, _ := filepath.Rel("testdata/script", filepath.Dir(name))
		if scriptDirs[dir] == "" || filepath.Ext(name) != ".txtar" {
			t.Errorf("%s is run by no test: it is not a .txtar in a folder of scriptDirs", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range scriptDirs {
		if found, _ := filepath.Glob(filepath.Join("testdata", "script", dir, "*.txtar")); len(found) == 0 {
			t.Errorf("testdata/script/%s contains no script", dir)
		}
	}
}

// setupScript returns scripts no docker configuration, nothing on PATH but the
// command, and a daemon that fails every call.
func setupScript(env *testscript.Env) error {
	command, err := exec.LookPath("docker-extpack")
	if err != nil {
		return err
	}
	config := filepath.Join(env.WorkDir, ".tmp", "docker")
	if err := os.MkdirAll(config, 0o755); err != nil {
		return err
	}
	env.Setenv("PATH", filepath.Dir(command))
	env.Setenv("DOCKER_CONFIG", config)
	env.Setenv("DOCKER_HOST", "unix://"+filepath.Join(env.WorkDir, "no-daemon.sock"))
	// What a project's environment may contain must not reach the tests.
	for _, name := range []string{"SOURCE_DATE_EPOCH", "DOCKER_CONTEXT", "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND"} {
		env.Setenv(name, "")
	}
	return nil
}

func scriptCondition(name string) (bool, error) {
	if name != "systembuildx" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	// The docker CLI looks into system folders, which no environment changes.
	_, err := manager.GetPlugin("buildx", noConfig{}, newRootCmd(nil, "extpack"))
	return err == nil, nil
}

type noConfig struct{}

func (noConfig) ConfigFile() *configfile.ConfigFile { return &configfile.ConfigFile{} }

var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits":   cmdExits,
	"refuses": cmdRefuses,
	"tree":    cmdTree,
	"fifo":    cmdFIFO,
	"package": cmdPackage,
	"cut":     cmdCut,
	"cat":     cmdCat,
	"gzip":    cmdGzip,

	"printable": cmdPrintable,
}

// exits CODE COMMAND [ARG...] runs a command that ends with this exit code.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("running %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, not %d", got, want)
	}
}

// refuses CODE COMMAND [ARG...] is exits for a command that must print nothing
// on stdout and leave every file as it was.
func cmdRefuses(ts *testscript.TestScript, neg bool, args []string) {
	before := tree(ts, ts.Getenv("WORK"))
	cmdExits(ts, neg, args)
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("printed on stdout:\n%s", out)
	}
	if after := tree(ts, ts.Getenv("WORK")); after != before {
		ts.Fatalf("changed files; before:\n%s\nafter:\n%s", before, after)
	}
}

// tree [DIR] lists the files below a folder on stdout.
func cmdTree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: tree [DIR]")
	}
	dir := ts.MkAbs(strings.Join(args, ""))
	for line := range strings.Lines(tree(ts, dir)) {
		name, _, _ := strings.Cut(line, "\t")
		fmt.Fprintln(ts.Stdout(), name)
	}
}

// tree returns a line per entry: its path, a tab, and what would change with it.
func tree(ts *testscript.TestScript, dir string) string {
	var lines []string
	ts.Check(filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || rel == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := filepath.ToSlash(rel) + "\t" + info.Mode().String()
		if !d.IsDir() {
			line += fmt.Sprintf(" %d %d", info.Size(), info.ModTime().UnixNano())
		}
		lines = append(lines, line+"\n")
		return nil
	}))
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// gzip FROM TO compresses a file.
func cmdGzip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gzip FROM TO")
	}
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(errors.Join(err, w.Close()))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), buf.Bytes(), 0o644))
}

// cat FILE copies a file, which may be a pipe, to stdout.
func cmdCat(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: cat FILE")
	}
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = ts.Stdout().Write(data)
	ts.Check(err)
}

// printable FILE makes sure that a file, or stdout or stderr, contains nothing a
// terminal would act on.
func cmdPrintable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: printable FILE")
	}
	for _, r := range ts.ReadFile(args[0]) {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			ts.Fatalf("%s contains %q", args[0], r)
		}
	}
}

// cut FILE BYTES shortens a file.
func cmdCut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cut FILE BYTES")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}
