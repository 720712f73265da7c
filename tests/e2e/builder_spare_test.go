package e2e_test

import (
	"path/filepath"
	"testing"
)

// A dead node matters to the builds that need it, and to no other.
func TestDoctorNodeThatNothingIsBuiltOn(t *testing.T) {
	t.Parallel()
	const name = "doctor-spare"
	remoteBuilder(t, name, "tcp://127.0.0.1:1")
	buildx(t, "", "create", "--timeout", "1s", "--name", name, "--node", name+"0", "--platform", "linux/arm64", "tcp://127.0.0.1:1")
	live := startBuildKit(t, filepath.Join(filepath.Dir(world.BuildxPath()), "buildkitd"), "")
	buildx(t, "", "create", "--timeout", "1s", "--append", "--name", name, "--node", "alive", "--platform", "linux/amd64", "--driver", "remote", live)
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("e2e/spare", linuxTargets), "linux/amd64/bin/detect": script, "linux/arm64/bin/detect": script + "# arm64\n",
	})
	doctor(t, dir, nil, "--builder", name, "--target", "linux/amd64").says(t, "node", name+"0", "warning", "a build that needs it waits for it and fails")
	has(t, extpack(t, t.TempDir(), "build", dir, "--builder", name, "--target", "linux/amd64", "-o", "x.cnb"), 0)
	doctor(t, dir, nil, "--builder", name).says(t, "node", name+"0", "error", "the build waits for it and fails", "--leave")
}
