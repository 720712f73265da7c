package e2e_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/extpack/extpack/tests/sandbox"
)

var testImagesOnce = sync.OnceValues(func() (sandbox.TestImages, error) { return world.TestImages(context.Background()) })

// testImages returns images with busybox and the lifecycle for two platforms,
// made once.
func testImages(t *testing.T) sandbox.TestImages {
	t.Helper()
	images, err := testImagesOnce()
	if errors.Is(err, sandbox.ErrNoPackages) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return images
}

// kernelEmulates reports whether the kernel starts programs for arm64.
func kernelEmulates(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat("/proc/sys/fs/binfmt_misc/qemu-aarch64")
	return err == nil
}

// TestEmulationOfOneProgram builds on a BuildKit whose QEMU does not follow
// execve, which is not the fault of the extension.
func TestEmulationOfOneProgram(t *testing.T) {
	images := testImages(t)
	t.Setenv("PATH", emulator(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	freshBuilder(t, "one-program")
	extension := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/one-program", linuxTargets),
		"bin/detect":     "#!/bin/sh\nls / >/dev/null\n",
		"bin/generate":   "#!/bin/sh\nls / >/dev/null\n",
	})
	r := extpack(t, t.TempDir(), "build", extension, "-o", "x.cnb", "--builder", "one-program", "--smoke", images.Builder)
	if r.code != 0 {
		t.Errorf("exit code %d", r.code)
	}
	want := []string{"smoke test linux/amd64: bin/detect ran", "smoke test linux/amd64: bin/generate ran"}
	for _, file := range []string{"bin/detect", "bin/generate"} {
		if kernelEmulates(t) {
			want = append(want, "smoke test linux/arm64: "+file+" ran")
		} else {
			want = append(want, "smoke test linux/arm64: "+file+" not run: emulation of linux/arm64 cannot start a second program")
		}
	}
	for _, line := range want {
		if !strings.Contains(r.stderr, line) {
			t.Errorf("%q is missing", line)
		}
	}
	if t.Failed() {
		t.Log(r.stderr)
	}

	compiled := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/one-program", linuxTargets+"\n[metadata.extpack.build]\n"),
		"Dockerfile":     "FROM " + images.Builder + "\nRUN ls\n",
	})
	r = extpack(t, t.TempDir(), "builder", "doctor", compiled, "--builder", "one-program")
	message := "emulation of linux/arm64 cannot start a second program"
	if kernelEmulates(t) {
		message = "programs run under emulation"
	}
	if !strings.Contains(r.stdout, message) || !strings.Contains(r.stdout, "programs run natively") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}

	args := []string{"test", example("hello"), "--case", "greets", "--builder", "one-program", "--builder-image", images.Builder, "--target", "linux/amd64", "--target", "linux/arm64"}
	r = extpack(t, t.TempDir(), args...)
	if kernelEmulates(t) {
		has(t, r, 0)
		return
	}
	has(t, r, 0)
	if !strings.Contains(r.stdout, "1 passed, 0 failed, 1 not run\n  not run on linux/arm64: emulation of linux/arm64 cannot start a second program") {
		t.Errorf("test says\n%s", r.stdout)
	}
	has(t, extpack(t, t.TempDir(), append(args, "--all-platforms")...), 1, "1 case of 2 could not be run (--all-platforms)")
}
