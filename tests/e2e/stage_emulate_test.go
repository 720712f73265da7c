package e2e_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// emulator returns a folder with QEMU for arm64 under the name by which BuildKit
// finds it on its PATH; it is fetched once per checkout.
func emulator(t *testing.T) string {
	t.Helper()
	const name = "qemu-aarch64-static"
	dir := filepath.Join(world.root, ".sandbox", "qemu")
	qemu := filepath.Join(dir, "buildkit-qemu-aarch64")
	if _, err := os.Stat(qemu); err == nil {
		return dir
	}
	mustMkdir(t, dir)
	if installed, err := exec.LookPath(name); err == nil {
		copyFile(t, installed, qemu)
		return dir
	}
	temp := t.TempDir()
	unpack(t, temp, "qemu-user-static", "./usr/bin/"+name)
	copyFile(t, filepath.Join(temp, "usr/bin", name), qemu+".new")
	if err := os.Rename(qemu+".new", qemu); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tool is a program that installs itself as what it is run for.
const tool = `package main

import "os"

func main() {
	self, err := os.ReadFile("/tool")
	if err == nil {
		err = os.MkdirAll("/out/bin", 0o755)
	}
	if err == nil {
		err = os.WriteFile("/out/bin/generate", self, 0o755)
	}
	if err != nil {
		panic(err)
	}
}
`

// TestRunUnderEmulation runs a program of each platform while building, from a
// base image that has both.
func TestRunUnderEmulation(t *testing.T) {
	base := world.Registry() + "/base/tool:1"
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "main.go"), tool)
	writeFile(t, filepath.Join(dir, "go.mod"), "module x\n\ngo 1.24\n")
	writeFile(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nARG TARGETARCH\nCOPY tool-$TARGETARCH /tool\n")
	for _, arch := range []string{"amd64", "arm64"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", "tool-"+arch, ".")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	buildx(t, dir, "build", "--push", "--platform", "linux/amd64,linux/arm64", "-t", base, ".")
	extension := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/emulated", linuxTargets+"\n[metadata.extpack.build]\n"),
		"Dockerfile":     "FROM " + base + " AS make\nRUN [\"/tool\"]\nFROM scratch\nCOPY --from=make /out /\n",
	})

	// Without emulation the cause is named, unless the machine itself emulates.
	r := extpack(t, t.TempDir(), "build", extension, "-o", "x.cnb")
	if r.code != 0 && !strings.Contains(r.stderr, "a program of another platform was run, which this builder's machine cannot run or emulate") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}

	t.Setenv("PATH", emulator(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	freshBuilder(t, "emulating")
	ref := tag(t, "1")
	mustExtpack(t, t.TempDir(), "build", extension, "--push", "-t", ref, "--builder", "emulating")
	machines := map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64}
	p := fetch(t, ref)
	if len(p.images) != len(machines) {
		t.Errorf("got %d images", len(p.images))
	}
	for _, image := range p.images {
		f, err := elf.NewFile(strings.NewReader(image.files["cnb/extensions/e2e_emulated/1.2.3/bin/generate"].content))
		if err != nil || f.Machine != machines[image.platform()] {
			t.Errorf("%s: bin/generate is for %v (%v)", image.platform(), f.Machine, err)
		}
	}
}
