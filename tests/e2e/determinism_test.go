package e2e_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// digestOf builds dir and returns the digest that was published.
func digestOf(t *testing.T, dir, ref string, flags ...string) string {
	t.Helper()
	out := mustExtpack(t, t.TempDir(), append([]string{"build", dir, "--push", "-q", "-t", ref}, flags...)...)
	_, digest, ok := strings.Cut(strings.TrimSpace(out), "@")
	if !ok {
		t.Fatalf("stdout is %q", out)
	}
	return digest
}

// copyTree copies a directory with other modes, as another umask makes them,
// and other times.
func copyTree(t *testing.T, from string, clear, set fs.FileMode) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "some", "other", "place")
	err := filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, data, 0o600); err != nil {
			return err
		}
		when := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
		if err := os.Chtimes(target, when, when); err != nil {
			return err
		}
		return os.Chmod(target, info.Mode().Perm()&^clear|set)
	})
	if err != nil {
		t.Fatal(err)
	}
	// Directory modes last, so that a strict umask does not lock us out.
	err = filepath.WalkDir(to, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(name, 0o755&^clear|set)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// TestDigestDependsOnContentAlone: directory, umask, times, owner, cache,
// builder, working directory and surrounding repository must not matter.
func TestDigestDependsOnContentAlone(t *testing.T) {
	for _, name := range []string{"hello", "platform-roots"} {
		t.Run(name, func(t *testing.T) {
			source := example(name)
			ref := tag(t, "1")
			want := digestOf(t, source, ref)

			if got := digestOf(t, copyTree(t, source, 0o077, 0), ref); got != want {
				t.Errorf("umask 077, another directory and time: %s, want %s", got, want)
			}
			shared := copyTree(t, source, 0, 0o020)
			if err := os.Chmod(shared, 0o2775); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(filepath.Join(shared, "extension.toml"), 1234, 1234); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(shared, ".git", "HEAD"), "ref: refs/heads/main\n")
			writeFile(t, filepath.Join(shared, "docker-bake.hcl"), "# generated\n")
			writeFile(t, filepath.Join(shared, "old-0.0.1.cnb"), "package")
			if got := digestOf(t, shared, ref); got != want {
				t.Errorf("umask 002, with .git, bake file and package inside: %s, want %s", got, want)
			}
			if got := digestOf(t, source, ref, "--no-cache"); got != want {
				t.Errorf("--no-cache: %s, want %s", got, want)
			}
			if err := world.Prune(t.Context(), world.Builder()); err != nil {
				t.Fatal(err)
			}
			if got := digestOf(t, source, ref); got != want {
				t.Errorf("pruned cache: %s, want %s", got, want)
			}
			other := "extpack-e2e-" + name
			if err := world.AddBuilder(context.WithoutCancel(t.Context()), other); err != nil {
				t.Fatal(err)
			}
			if got := digestOf(t, source, ref, "--builder", other); got != want {
				t.Errorf("another builder: %s, want %s", got, want)
			}
		})
	}
}

// TestSourceDateEpoch: it changes what says when the package was made, and not
// the layers.
func TestSourceDateEpoch(t *testing.T) {
	ref := tag(t, "1")
	digestOf(t, example("hello"), ref)
	before := fetch(t, ref)
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	digestOf(t, example("hello"), ref)
	after := fetch(t, ref)
	if got := after.images[0].config.Created.Unix(); got != 1700000000 {
		t.Errorf("created is %d", got)
	}
	if got := after.index.Annotations["org.opencontainers.image.created"]; got != "2023-11-14T22:13:20Z" {
		t.Errorf("created annotation is %s", got)
	}
	if before.images[0].diffID != after.images[0].diffID {
		t.Error("the layer changed with SOURCE_DATE_EPOCH")
	}
}
