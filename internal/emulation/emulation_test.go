package emulation

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/buildx"
)

var elfMachines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "386": elf.EM_386, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM,
	"riscv64": elf.EM_RISCV, "ppc64le": elf.EM_PPC64, "s390x": elf.EM_S390,
}

// TestPrograms runs the programs of each architecture under QEMU, which cannot
// start the second one unless this machine can.
func TestPrograms(t *testing.T) {
	for arch := range machines {
		t.Run(arch, func(t *testing.T) {
			first, other, ok := programs(v1.Platform{OS: "linux", Architecture: arch})
			if !ok {
				t.Fatal("no programs")
			}
			if !strings.Contains(string(first), second+"\x00") {
				t.Errorf("the first program does not name the second")
			}
			for _, data := range [][]byte{first, other} {
				f, err := elf.NewFile(bytes.NewReader(data))
				if err != nil || f.Machine != elfMachines[arch] || f.Type != elf.ET_EXEC || len(f.Progs) != 1 || f.Entry != base+uint64(machines[arch].codeOffset()) {
					t.Errorf("%v: %+v", err, f)
				}
			}
			dir := t.TempDir()
			for name, data := range map[string][]byte{"first": first, "second": other} {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			qemu, err := exec.LookPath("qemu-" + qemuNames[arch] + "-static")
			if err != nil {
				t.Skip("QEMU is not installed")
			}
			if out, err := exec.Command(qemu, filepath.Join(dir, "second")).CombinedOutput(); err != nil {
				t.Errorf("the second program: %v\n%s", err, out)
			}
			if _, err := os.Stat(second); err == nil {
				t.Fatalf("this machine has a file %s", second)
			}
			var exit *exec.ExitError
			if err := exec.Command(qemu, filepath.Join(dir, "first")).Run(); !errors.As(err, &exit) || exit.ExitCode() != notStarted {
				t.Errorf("the first program without the second: %v", err)
			}
		})
	}
}

// runner answers with an error of buildx.
type runner struct {
	buildx.Runner
	stderr string
	args   []string
}

func (r *runner) Output(_ context.Context, args ...string) ([]byte, error) {
	r.args = args
	if r.stderr == "" {
		return nil, nil
	}
	return nil, &buildx.RunError{Args: args, Stderr: r.stderr, Err: errors.New("exit status 1")}
}

func TestProbe(t *testing.T) {
	arm64 := v1.Platform{OS: "linux", Architecture: "arm64"}
	for name, tt := range map[string]struct {
		platform v1.Platform
		stderr   string
		want     Support
		reason   string
		fails    bool
	}{
		"full":    {platform: arm64, want: Full},
		"single":  {platform: arm64, stderr: `ERROR: process "/first" did not complete successfully: exit code: 42`, want: Single, reason: "emulation of linux/arm64 cannot start a second program: "},
		"other":   {platform: arm64, stderr: `ERROR: process "/first" did not complete successfully: exit code: 421`, fails: true},
		"none":    {platform: arm64, stderr: "exec /first: exec format error", want: None, reason: "programs for linux/arm64 do not run on this builder"},
		"down":    {platform: arm64, stderr: "connection refused", fails: true},
		"unknown": {platform: v1.Platform{OS: "linux", Architecture: "mips64le"}},
		"windows": {platform: v1.Platform{OS: "windows", Architecture: "amd64"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &runner{stderr: tt.stderr}
			got, err := Probe(t.Context(), r, "b", tt.platform)
			if got != tt.want || (err != nil) != tt.fails || !strings.HasPrefix(got.Reason(tt.platform), tt.reason) || tt.reason == "" && got.Reason(tt.platform) != "" {
				t.Errorf("got %v, %q, %v", got, got.Reason(tt.platform), err)
			}
		})
	}
}
