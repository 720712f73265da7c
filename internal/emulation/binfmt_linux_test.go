package emulation

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// namespaceEnv makes the test binary register handlers, in a namespace.
const namespaceEnv = "EMULATION_TEST_NAMESPACE"

// TestRegister registers QEMU in a user namespace, which leaves the machine as it
// is, and has programs start others there.
func TestRegister(t *testing.T) {
	if dir := os.Getenv(namespaceEnv); dir != "" {
		registerHere(t, dir)
		return
	}
	if out, err := exec.Command("unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "binfmt_misc", "none", Dir).CombinedOutput(); err != nil {
		t.Skipf("binfmt_misc in a user namespace needs Linux 6.7: %v %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", self, "-test.run=^TestRegister$", "-test.v")
	cmd.Env = append(os.Environ(), namespaceEnv+"="+root)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "--- SKIP") {
		t.Errorf("%v\n%s", err, out)
	}
}

func registerHere(t *testing.T, root string) {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "binfmt_misc", "none", Dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	emulators := map[string]string{}
	for _, name := range qemuNames {
		if file, err := exec.LookPath("qemu-" + name + "-static"); err == nil {
			emulators[name] = file
		}
	}
	handlers := Handlers("extpack-test-", emulators)
	if len(handlers) == 0 {
		t.Log("QEMU is not installed")
		return
	}
	for i, want := range []bool{true, false} {
		if added, err := Register(Dir, handlers); added != want || err != nil {
			t.Errorf("round %d: added %v, %v", i, added, err)
		}
	}
	for arch := range machines {
		if _, found := emulators[qemuNames[arch]]; !found && arch != runtime.GOARCH {
			continue
		}
		first, other, _ := programs(v1.Platform{OS: "linux", Architecture: arch})
		for name, data := range map[string][]byte{"first": first, "second": other} {
			if err := os.WriteFile(filepath.Join(root, name), data, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := exec.Command("chroot", root, "/first").CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", arch, err, out)
		}
		if err := os.Remove(filepath.Join(root, "second")); err != nil {
			t.Fatal(err)
		}
	}
	if err := Unregister(Dir, "extpack-test-"); err != nil {
		t.Error(err)
	}
	if files, err := handlerFiles(Dir); len(files) > 0 || err != nil {
		t.Errorf("left %v, %v", files, err)
	}
}
