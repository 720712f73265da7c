// Command sandbox starts and stops the BuildKit daemon and the registry of the
// demo and of experiments by hand; `make sandbox-up` and its siblings run it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/extpack/extpack/tests/sandbox"
)

const usage = `usage: sandbox up [--quick]|down|env|status|test-image

  up      start the registry and the builder, or repair them; --quick compiles
          them in half the time, for a demo
  down    stop them
  env     print the exports that select them, for eval
  status  tell what runs
  test-image
          push a builder image with busybox and the lifecycle to the registry

EXTPACK_SANDBOX_DIR  state directory (default: .sandbox in the checkout)
EXTPACK_BUILDER      existing buildx builder to use instead of starting BuildKit
`

var errUsage = errors.New("reading the command line: exactly one of up, down, env, status and test-image is needed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err == nil {
		return
	}
	_, _ = fmt.Fprintln(os.Stderr, "sandbox: "+err.Error())
	if errors.Is(err, errUsage) {
		_, _ = fmt.Fprint(os.Stderr, usage)
		os.Exit(125)
	}
	os.Exit(1)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := sandbox.OptionsFromEnv()
	if err != nil {
		return err
	}
	opts.Log = stderr
	if len(args) == 2 && args[0] == "up" && args[1] == "--quick" {
		args, opts.Quick = args[:1], true
	}
	if len(args) != 1 {
		return errUsage
	}
	switch args[0] {
	case "up":
		return up(ctx, opts, stderr)
	case "down":
		return sandbox.Down(ctx, opts)
	case "env":
		return env(ctx, opts, stdout)
	case "status":
		return status(ctx, opts, stdout)
	case "test-image":
		return testImage(ctx, opts, stdout)
	}
	return errUsage
}

func up(ctx context.Context, opts sandbox.Options, stderr io.Writer) error {
	s, err := sandbox.Up(ctx, opts)
	if err != nil {
		return err
	}
	return printParts(s, stderr)
}

func printParts(s *sandbox.Sandbox, w io.Writer) error {
	for _, p := range s.Status() {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
	}
	return nil
}

// testImage prints the builder image.
func testImage(ctx context.Context, opts sandbox.Options, stdout io.Writer) error {
	images, err := sandbox.MakeTestImages(ctx, opts)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, images.Builder)
	return err
}

// env prints nothing but exports, as its output is evaluated.
func env(ctx context.Context, opts sandbox.Options, stdout io.Writer) error {
	s, err := sandbox.Open(ctx, opts)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("export EXTPACK_REGISTRY=%s\nexport BUILDX_BUILDER=%s\n", s.Registry(), s.Builder())
	if image := s.TestBuilder(); image != "" {
		text += "export EXTPACK_TEST_BUILDER=" + image + "\n"
	}
	_, err = io.WriteString(stdout, text)
	return err
}

func status(ctx context.Context, opts sandbox.Options, stdout io.Writer) error {
	s, err := sandbox.Open(ctx, opts)
	if s == nil {
		return err
	}
	return errors.Join(printParts(s, stdout), err)
}
