package sandbox

import (
	"os"
	"path/filepath"
	"testing"
)

// Clones with one docker configuration share the link, and none takes it away
// from another.
func TestPluginLinkIsShared(t *testing.T) {
	config := filepath.Join(t.TempDir(), "docker")
	clone := func(name string) pluginLink {
		dir := filepath.Join(t.TempDir(), name)
		own := filepath.Join(dir, "bin", "buildx")
		if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, own, "#!/bin/sh\n")
		return pluginLink{config, dir, own}
	}
	a, b, c := clone("a"), clone("b"), clone("c")
	leads := func(to string) {
		t.Helper()
		if got, _ := os.Readlink(a.path()); got != to {
			t.Fatalf("the link leads to %q, want %q", got, to)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(a.take(t.Context()))
	do(a.take(t.Context()))
	leads(a.own)
	do(b.take(t.Context()))
	leads(a.own)
	do(a.leave(t.Context()))
	leads(b.own)
	do(a.leave(t.Context()))
	do(c.take(t.Context()))
	do(os.RemoveAll(b.dir)) // a clone that was deleted while it was up
	do(c.take(t.Context()))
	leads(c.own)
	do(c.leave(t.Context()))
	leads("")
	if entries, err := os.ReadDir(config); err != nil || len(entries) != 1 || entries[0].Name() != "cli-plugins" {
		t.Errorf("left in the configuration: %v, %v", entries, err)
	}
	// Others' links are theirs.
	do(os.Symlink("/usr/bin/other", a.path()))
	if err := a.take(t.Context()); err == nil {
		t.Error("took a link of somebody else's")
	}
	do(a.leave(t.Context()))
	leads("/usr/bin/other")
}

func TestTwoClonesUp(t *testing.T) {
	config := filepath.Join(t.TempDir(), "docker")
	first := Options{DockerConfig: config}
	s := bringUp(t, &first)
	if s.BuildxPath() != s.bin("buildx") {
		return // docker has another buildx here, which needs no link
	}
	bin := filepath.Join(t.TempDir(), "bin")
	if err := os.Symlink(filepath.Dir(s.bin("buildx")), bin); err != nil {
		t.Fatal(err)
	}
	second := Options{DockerConfig: config, BinDir: bin}
	other := bringUp(t, &second)
	if err := Down(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(config, "cli-plugins", "docker-buildx")
	if target, err := os.Readlink(link); err != nil || target != other.bin("buildx") {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	if _, err := Open(t.Context(), second); err != nil {
		t.Error(err)
	}
	if err := Down(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(link); err == nil {
		t.Error("the link is still there")
	}
}
