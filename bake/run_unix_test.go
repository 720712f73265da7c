//go:build unix

package bake

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

// fakeBuildx writes a shell script in place of buildx: for faults only, which
// a real one cannot be brought to.
func fakeBuildx(t *testing.T, dir, name, script string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBuildArguments(t *testing.T) {
	t.Parallel()
	work, dir := t.TempDir(), t.TempDir()
	real := extensionDir(t, work, "real", "acme/x", targetTOML("linux/amd64"), bin)
	link := filepath.Join(work, "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	script := `for arg; do echo "$arg"; done > ` + filepath.Join(dir, "args") + "\n"
	e := &Engine{Client: &buildx.Client{Path: fakeBuildx(t, t.TempDir(), "buildx", script)}, Options: RunOptions{
		Builder: "b", Set: []string{"*.args.A=1"}, Allow: []string{"network.host"}, NoCache: true, Progress: "plain", Stderr: io.Discard,
	}}
	built, err := e.Build(t.Context(), mustPlan(t, plan.Options{}, link), dir)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out", "acme_x")
	if len(built) != 1 || built[0].Dir != out || !slices.Equal(built[0].Images, []int{0}) {
		t.Errorf("got %+v", built)
	}
	data, err := os.ReadFile(filepath.Join(dir, "args"))
	if err != nil {
		t.Fatal(err)
	}
	realDir, err := filepath.EvalSymlinks(real)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "arguments", strings.Split(strings.TrimSpace(string(data)), "\n"), []string{
		"bake", "--file", filepath.Join(dir, FileName), "--builder", "b", "--no-cache", "--progress", "plain", "--set", "*.args.A=1", "--allow", "network.host",
		"--allow", "fs.read=" + realDir, "--allow", "fs.write=" + out,
		"--set", "acme_x.output=type=oci,tar=false,rewrite-timestamp=true,oci-mediatypes=true,compression=zstd,compression-level=1,force-compression=true,\"dest=" + out + "\"",
	})
	e.Options.Set = []string{"*.output=type=docker"}
	if _, err := e.Build(t.Context(), mustPlan(t, plan.Options{}, link), t.TempDir()); !diag.IsInvalid(err) {
		t.Errorf("an override of the output gives %v", err)
	}
}
