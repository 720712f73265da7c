package cliplugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/docker/cli/cli"
	"github.com/spf13/cobra"

	"github.com/extpack/extpack/bake"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/pipeline"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/release"
)

func TestReport(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		code int
		text string
	}{
		{"done", nil, 0, ""},
		{"failed", errors.New("reading x: gone"), 1, "ERROR: reading x: gone\n"},
		{"failed with a hint", diag.WithHint(errors.New("no buildx"), "install it"), 1, "ERROR: no buildx\n  install it\n"},
		{"invalid", diag.WithHint(diag.Invalidf("wrong %s", "input"), "try this"), 2, "wrong input\n  try this\n"},
		{"invalid below others", fmt.Errorf("a@1: %w", diag.Invalidf("wrong input")), 2, "a@1: wrong input\n"},
		{"check", diag.WithHint(fmt.Errorf("f is %w", bake.ErrOutdated), "run it"), 2, "f is out of date\n  run it\n"},
		{"kept", fmt.Errorf("a@1: %w", release.ErrNothing), 2, "a@1: nothing to publish: the tag does not move\n  add a tag of the version itself, or move the tags with --allow-downgrade\n"},
		{"usage", usageError(&cobra.Command{Use: "x"}, "no such flag"), 125, "no such flag\n\nUsage:  x\n\nRun 'x --help' for more information\n"},
		{"status without a code", cli.StatusError{Status: "odd"}, 1, "odd\n"},
		{"interrupted", errInterrupted, 130, "interrupted\n"},
		{"interrupted, with more to say", fmt.Errorf("%w: no tag was moved", errInterrupted), 130, "interrupted: no tag was moved\n"},
		{"canceled by docker", fmt.Errorf("reading x: %w", context.Canceled), 130, "interrupted\n"},
		{"a terminal's codes", errors.New("name \x1b[2Jx\r\u202ey"), 1, "ERROR: name \ufffd[2Jx\ufffd\ufffdy\n"},
		{"a terminal's codes in usage", cli.StatusError{Status: "\x1b[2J", StatusCode: 125}, 125, "\ufffd[2J\n"},
	} {
		var out bytes.Buffer
		if code := report(&out, tc.err); code != tc.code || out.String() != tc.text {
			t.Errorf("%s: exit code %d, %q; want %d, %q", tc.name, code, out.String(), tc.code, tc.text)
		}
	}
}

func TestInterruptibleBySignal(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	var cause error
	err = interruptible(t.Context(), func(ctx context.Context) error {
		if err := self.Signal(os.Interrupt); err != nil {
			t.Errorf("interrupting this process: %v", err)
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			t.Error("the context did not end")
		}
		cause = context.Cause(ctx)
		return fmt.Errorf("building: %w", ctx.Err())
	})
	if !errors.Is(err, errInterrupted) || !errors.Is(cause, errInterrupted) {
		t.Errorf("error %v, cause %v", err, cause)
	}
}

func TestInterruptibleByParent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := interruptible(ctx, func(ctx context.Context) error {
		cancel() // docker does so when it passes a signal on
		<-ctx.Done()
		return context.Cause(ctx)
	})
	if !errors.Is(err, errInterrupted) {
		t.Errorf("got %v", err)
	}
	// What was done in spite of it is done.
	if err := interruptible(ctx, func(context.Context) error { return nil }); err != nil {
		t.Errorf("got %v", err)
	}
	more := fmt.Errorf("%w: one tag was moved", errInterrupted)
	if err := interruptible(ctx, func(context.Context) error { return more }); !errors.Is(err, more) {
		t.Errorf("got %v", err)
	}
}

func TestInterruptibleKeepsErrors(t *testing.T) {
	want := errors.New("failed")
	if err := interruptible(t.Context(), func(context.Context) error { return want }); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

// An interrupted build says what it had done, and no more than it knows.
func TestInterrupted(t *testing.T) {
	tag, err := registry.ParseTag("example.com/a:1")
	if err != nil {
		t.Fatal(err)
	}
	tagging := &registry.TagError{Failed: tag, Uncertain: true, Err: errInterrupted}
	done := []pipeline.Result{{References: []string{"a.cnb"}}}
	for _, tc := range []struct {
		err     error
		results []pipeline.Result
		want    string
	}{
		{errInterrupted, nil, "interrupted: no tag was moved"},
		{errInterrupted, done, "interrupted: only what is listed on standard output was published or written"},
		{fmt.Errorf("a@1: %w", tagging), nil, "interrupted: " + tagging.Error()},
		{fmt.Errorf("a@1: %w", tagging), done, "interrupted: " + tagging.Error()},
	} {
		err := interrupted(tc.err, tc.results)
		if !errors.Is(err, errInterrupted) || diag.Text(err) != tc.want {
			t.Errorf("got %q, want %q", err, tc.want)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// References that did not get out are not a success.
func TestPrintWrittenFails(t *testing.T) {
	written := references([]pipeline.Result{{References: []string{"a", "b"}}, {References: []string{"c"}}})
	if err := printWritten(fullDisk{}, written); err == nil || !strings.HasSuffix(err.Error(), "(written: a, b, c)") {
		t.Errorf("got %v", err)
	}
	// The signal about a pipe without a reader may come before that error.
	if err := interruption(printWritten(fullDisk{}, written)); errors.Is(err, errInterrupted) || !strings.HasSuffix(err.Error(), "(written: a, b, c)") {
		t.Errorf("after a signal: %v", err)
	}
	var out bytes.Buffer
	if err := printWritten(&out, written); err != nil || out.String() != "a\nb\nc\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
