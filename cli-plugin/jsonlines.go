package cliplugin

import (
	"bytes"
	"errors"
	"io"

	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli/command"

	"github.com/extpack/extpack/internal/progress"
)

// withProgress runs f. With --progress rawjson, everything written to standard
// error, including the error of f, is JSON.
func withProgress(dockerCLI command.Cli, flag string, f func() error) error {
	if progress.Mode(flag) != progress.JSON {
		return f()
	}
	return withLines(dockerCLI, progress.JSONLine, progress.JSONError, f)
}

// withLines runs f with a standard error whose lines are converted, and writes
// what failed returns for the report of an error.
func withLines(dockerCLI command.Cli, convert func(line []byte) []byte, failed func(reported string) []byte, f func() error) error {
	w := &progress.LineWriter{Out: dockerCLI.Err(), Convert: convert}
	if err := setErrorStream(dockerCLI, w); err != nil {
		return err
	}
	err := f()
	w.Flush()
	if err == nil {
		return nil
	}
	var b bytes.Buffer
	code := report(&b, err)
	if _, err := w.Out.Write(failed(b.String())); err != nil {
		return err
	}
	return cli.StatusError{StatusCode: code} // prints an empty line, which is dropped
}

func setErrorStream(dockerCLI command.Cli, w io.Writer) error {
	concrete, ok := dockerCLI.(*command.DockerCli)
	if !ok {
		return errors.New("setting standard error: not supported by this docker CLI")
	}
	return command.WithErrorStream(w)(concrete)
}
