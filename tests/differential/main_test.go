// Package differential_test compares the readers of docker-extpack with pack's
// own code, compiled from its Go module: pack accepts what is accepted here, and
// reads the same from it.
package differential_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/sandbox"
)

// packreader is the program around pack's code.
var packreader string

// TestMain starts no daemon: every worker of a fuzz target runs it.
func TestMain(m *testing.M) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	bin, err := sandbox.PeerTools(ctx, sandbox.Options{Log: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(1)
	}
	packreader = filepath.Join(bin, "packreader")
	os.Exit(m.Run())
}

// reader is pack's code for reading packages, in a process that answers.
type reader struct {
	in  io.Writer
	out *bufio.Scanner
}

// answer is what pack makes of a package file or an extension.
type answer struct{ Error, ID, Version, API string }

func startReader(t testing.TB) *reader {
	t.Helper()
	cmd := exec.Command(packreader)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	r := &reader{in, bufio.NewScanner(out)}
	r.out.Buffer(nil, 1<<20)
	return r
}

func (r *reader) read(t testing.TB, name string) answer {
	t.Helper()
	if _, err := fmt.Fprintln(r.in, name); err != nil {
		t.Fatal(err)
	}
	if !r.out.Scan() {
		t.Fatalf("pack's reader ended: %v", r.out.Err())
	}
	var a answer
	if err := json.Unmarshal(r.out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}
