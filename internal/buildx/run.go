package buildx

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"golang.org/x/term"

	"github.com/extpack/extpack/internal/scratch"
)

// waitDelay is how long buildx may take to exit after an interrupt.
const waitDelay = 10 * time.Second

// Options are the options of running buildx.
type Options struct {
	// Builder is the builder in hints. It is not passed to buildx.
	Builder string
	// Quiet suppresses buildx's progress unless the command fails.
	Quiet bool
	// Stderr receives buildx's progress and messages. A terminal must be passed
	// unwrapped, so that buildx can draw on it.
	Stderr io.Writer
}

// Run runs a command of buildx. It returns a [*BuildError] with a hint if the
// command fails, or the cause of ctx if it is done.
func (b *Client) Run(ctx context.Context, args []string, opts Options) error {
	cmd := b.Command(ctx, args...)
	tail := &TailBuffer{Limit: 64 << 10}
	finish := func() {}
	switch screen, ok := terminal(opts.Stderr); {
	case opts.Quiet:
		cmd.Stderr = tail
	case ok:
		finish = onTerminal(cmd, screen, tail)
	default:
		cmd.Stderr = io.MultiWriter(opts.Stderr, tail)
	}
	cmd.Stdout = cmd.Stderr
	err := cmd.Run()
	finish()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err == nil {
		return nil
	}
	if opts.Quiet {
		_, _ = opts.Stderr.Write(tail.Bytes())
	}
	return ForBuilder(Explain(err, tail.String()), opts.Builder)
}

func terminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// WithTemp returns a client that creates its temporary files in dir, so that
// they can be removed if buildx is killed.
func (b *Client) WithTemp(dir string) *Client {
	c := *b
	c.Env = append(slices.Clone(b.Env), scratch.Environ(dir)...)
	return &c
}

// Command returns a command that an interrupt reaches as one, not as a kill, and
// that does not outlive this process where the system can see to it.
func (b *Client) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.Path, args...)
	cmd.Env = b.Env
	cmd.WaitDelay = waitDelay
	endWithParent(cmd)
	cmd.Cancel = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return cmd.Process.Kill()
		}
		return nil
	}
	return cmd
}
