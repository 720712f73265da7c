package exttest

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/filetest"
	"github.com/extpack/extpack/internal/task"
)

// failures returns the messages of the assertions that failed.
func failures(r *run) string {
	var all []string
	for _, f := range r.Failures {
		all = append(all, f.Message)
	}
	return strings.Join(all, "; ")
}

func TestCheckFile(t *testing.T) {
	t.Parallel()
	mode, text := fs.FileMode(0o4755), &extension.Pattern{Regexp: regexp.MustCompile("^a$")}
	files := map[string]exported{
		"x/file": {mode: fs.ModeSetuid | 0o755, data: []byte("a")}, "x/plain": {mode: 0o644, data: []byte("b")},
	}
	for name, tt := range map[string]struct {
		want extension.FileCheck
		says string
	}{
		"as it should be": {extension.FileCheck{Path: "/bin/file", Mode: &mode, Content: text}, ""},
		"mode":            {extension.FileCheck{Path: "/bin/plain", Mode: &mode}, "/bin/plain of the run image has mode 0644, want 4755"},
		"content":         {extension.FileCheck{Path: "/bin/plain", Content: text}, `the content of /bin/plain in the run image does not match "^a$"`},
		"missing":         {extension.FileCheck{Path: "/bin/none"}, "the run image has no file /bin/none"},
		"absent":          {extension.FileCheck{Path: "/bin/none", Absent: true}, ""},
		"not absent":      {extension.FileCheck{Path: "/bin/file", Absent: true}, "the run image has the file /bin/file"},
	} {
		r := &run{}
		if r.checkFile(runKind, tt.want, files, "x"); failures(r) != tt.says {
			t.Errorf("%s: got %q, want %q", name, failures(r), tt.says)
		}
	}
	for mode, want := range map[fs.FileMode]uint32{0o644: 0o644, fs.ModeSetuid | 0o755: 0o4755, fs.ModeSetgid | fs.ModeDir | 0o2: 0o2002, fs.ModeSticky | 0o777: 0o1777} {
		if got := unixMode(mode); got != want {
			t.Errorf("%v: got %04o, want %04o", mode, got, want)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	r := &run{}
	at := map[string]diag.Position{"C": {File: "case.toml", Line: 3}}
	r.compare("build image: variable", map[string]string{"A": "1", "B": "2", "D": "4"}, map[string]string{"A": "1", "B": "3", "C": ""}, at)
	if got, want := failures(r), `build image: variable B is "2", want "3"; build image: variable C is not set, want ""`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if r.Failures[1].Position != at["C"] {
		t.Errorf("the position is %v", r.Failures[1].Position)
	}
}

// TestDetectorFailed: the builder, the image or anything else is at fault.
func TestDetectorFailed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		step    task.FailedStep
		reason  string // why it was not run
		err     string
		invalid bool
	}{
		"another platform": {step: task.FailedStep{Output: "exec /x: exec format error"}, reason: "the builder cannot run programs for linux/s390x"},
		"no shell":         {step: task.FailedStep{Name: "[1/2] RUN " + detectorBin, Message: `exec: "/bin/sh": stat /bin/sh: no such file or directory`}, err: "builder:1 cannot run the lifecycle: it has no /bin/sh", invalid: true},
		"anything else":    {step: task.FailedStep{Message: " no space left \n"}, err: "detecting for linux/s390x: no space left"},
	} {
		r := &run{build: &base{name: "builder:1"}, Result: Result{Platform: "linux/s390x"}}
		err := r.detectorFailed(tt.step)
		if got := errorText(err); got != tt.err || diag.IsInvalid(err) != tt.invalid {
			t.Errorf("%s: got %v", name, err)
		}
		if (r.Status == NotRun) != (tt.reason != "") || !strings.HasPrefix(r.Reason, tt.reason) {
			t.Errorf("%s: %s, %q", name, r.Status, r.Reason)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestExtendArgs: each kind of image has other arguments.
func TestExtendArgs(t *testing.T) {
	t.Parallel()
	dir := filetest.Dir(t, map[string]string{
		"both/extend-config.toml":  "[[build.args]]\nname = \"a\"\nvalue = \"1\"\n[[build.args]]\nname = \"a\"\nvalue = \"2\"\n[[run.args]]\nname = \"b\"\nvalue = \"3\"\n",
		"wrong/extend-config.toml": "[[build.args]\n",
		"none/":                    "",
	})
	r := &run{}
	for _, tt := range []struct {
		dir  string
		kind kind
		want string
	}{{"both", buildKind, "a=2"}, {"both", runKind, "b=3"}, {"none", runKind, ""}} {
		args, err := r.extendArgs(dir, tt.dir, tt.kind)
		got := ""
		for name, value := range args {
			got += name + "=" + value
		}
		if err != nil || got != tt.want {
			t.Errorf("%s, %s: got %q, %v", tt.dir, tt.kind, got, err)
		}
	}
	if _, err := r.extendArgs(dir, "wrong", runKind); err == nil || !strings.HasPrefix(err.Error(), "extend-config.toml: ") {
		t.Errorf("got %v", err)
	}
}
