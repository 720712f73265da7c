// Command picture draws docs/picture.svg: it runs the plugin on a terminal, with
// the builder that the environment selects, and publishes an example to a
// registry in this process. "make picture" runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/extpack/extpack/tests/terminal"
)

const columns = 100

func main() {
	plugin := flag.String("plugin", "bin/docker-extpack", "the plugin")
	out := flag.String("output", "docs/picture.svg", "the picture")
	address := flag.String("registry", "localhost:5000", "address of the registry in the picture")
	flag.Parse()
	if err := run(*plugin, *out, *address); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func run(plugin, out, address string) error {
	plugin, err := filepath.Abs(plugin)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("starting the registry: %w", err)
	}
	server := &http.Server{Handler: ociserver.New(ocimem.New(), nil), ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() { _ = server.Close() }()

	commands := []string{
		"docker extpack build examples/hello --push -t " + address + "/acme/hello:1.0.0",
		"docker extpack verify " + address + "/acme/hello:1.0.0",
	}
	var screens []*terminal.Screen
	for _, c := range commands {
		cmd := exec.Command(plugin, strings.Fields(c)[2:]...)
		cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=", "TMPDIR=/tmp")
		s, err := terminal.Run(cmd, columns)
		if err != nil {
			return fmt.Errorf("running %s: %w\n%s", c, err, s)
		}
		screens = append(screens, s)
	}
	select {
	case err := <-served:
		if !errors.Is(err, http.ErrServerClosed) {
			return err
		}
	default:
	}
	return os.WriteFile(out, []byte(terminal.SVG(columns, commands, screens)), 0o644)
}
