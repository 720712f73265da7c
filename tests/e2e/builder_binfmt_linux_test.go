package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestEnsureBinfmt registers QEMU with the kernel, so that emulated programs
// start others. It happens in a user namespace with all users, in which this user
// is root and which has registrations apart from those of the machine.
func TestEnsureBinfmt(t *testing.T) {
	images := testImages(t)
	dir := t.TempDir()
	qemu := emulator(t)
	mustMkdir(t, filepath.Join(dir, "bin"))
	copyFile(t, filepath.Join(qemu, "buildkit-qemu-aarch64"), filepath.Join(dir, "bin", "qemu-aarch64-static"))
	extension := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/binfmt", linuxTargets),
		"bin/detect":     "#!/bin/sh\nls / >/dev/null && echo \"detect on $(uname -m)\"\n",
	})
	compiled := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/compiled", linuxTargets+"\n[metadata.extpack.build]\n"),
		"Dockerfile":     "FROM " + images.Builder + "\nRUN ls\n",
	})
	script := `set -e
trap '"$PLUGIN" builder ensure binfmt --remove' EXIT
"$PLUGIN" builder ensure binfmt --bootstrap --binfmt --registry "$REGISTRY=http"
echo registered: $(ls /proc/sys/fs/binfmt_misc)
"$PLUGIN" builder ensure binfmt --binfmt
"$PLUGIN" builder doctor --builder binfmt "$COMPILED" || true
"$PLUGIN" build "$EXTENSION" -o x.cnb --engine buildx --builder binfmt --smoke "$IMAGE"
"$PLUGIN" test "$HELLO" --case greets --builder binfmt --builder-image "$IMAGE" --all-platforms --target linux/amd64 --target linux/arm64
"$PLUGIN" builder ensure binfmt --remove
trap - EXIT
echo left: $(ls /proc/sys/fs/binfmt_misc)
`
	cmd := in(exec.CommandContext(t.Context(), "sh", "-c", script), dir)
	cmd.Env = append(cmd.Env, "PLUGIN="+world.plugin, "REGISTRY="+world.Registry(), "EXTENSION="+extension, "COMPILED="+compiled, "IMAGE="+images.Builder, "HELLO="+example("hello"),
		"XDG_STATE_HOME="+dir, "HOME="+dir, "PATH="+filepath.Join(dir, "bin")+":"+filepath.Dir(world.BuildxPath())+":/usr/sbin:/usr/bin:/sbin:/bin")
	all := []syscall.SysProcIDMap{{Size: 65536}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: all, GidMappings: all, GidMappingsEnableSetgroups: true,
	}
	out, err := cmd.CombinedOutput()
	text := string(out)
	if strings.Contains(text, "mounting binfmt_misc: ") || err != nil && cmd.ProcessState == nil {
		t.Skipf("binfmt_misc in a user namespace needs root and Linux 6.7: %v\n%s", err, text)
	}
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, want := range []string{
		"registered QEMU with the kernel of this machine", "docker-extpack-binfmt-qemu-aarch64", "nothing to do",
		"programs run under emulation", "smoke test linux/arm64: bin/detect ran\n  | detect on aarch64\n", "smoke test linux/amd64: bin/detect ran",
		"PASS  linux/arm64 (emulated)", "2 passed, 0 failed, 0 not run\n", "left: register status\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}
