package e2e_test

import (
	"path/filepath"
	"testing"
)

// A dead node matters to the builds that need it, and to no other.
func TestDoctorNodeThatNothingIsBuiltOn(t *testing.T) {
	t.Parallel()
	const name = "doctor-spare"
	spare := remoteBuilder(t, name, "tcp://127.0.0.1:1")
	spare.create("--node", name+"0", "--platform", "linux/arm64", "tcp://127.0.0.1:1")
	live := startBuildKit(t, filepath.Join(filepath.Dir(world.BuildxPath()), "buildkitd"), "")
	spare.create("--append", "--node", "alive", "--platform", "linux/amd64", "--driver", "remote", live)
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/spare", linuxTargets), "linux/amd64/bin/detect": script, "linux/arm64/bin/detect": script + "# arm64\n",
	})
	spare.doctor(dir, "--target", "linux/amd64").says(t, "node", name+"0", "warning", "a build that needs it waits for it and fails")
	has(t, runCommand(t, plugin(t.Context(), t.TempDir(), spare.env, "build", dir, "--builder", name, "--target", "linux/amd64", "-o", "x.cnb")), 0)
	spare.doctor(dir).says(t, "node", name+"0", "error", "the build waits for it and fails", "--leave")
}
