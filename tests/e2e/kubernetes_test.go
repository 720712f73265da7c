package e2e_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// noCluster is a kubeconfig whose cluster does not run.
const noCluster = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u, namespace: extpack}}]
current-context: c
users: [{name: u, user: {}}]
`

// TestKubernetesWithoutACluster: the driver is buildx's own business, so what is
// ours is to hand over and to say in a sentence why it could not build.
func TestKubernetesWithoutACluster(t *testing.T) {
	dir := extensionDir(t, map[string]string{"extension.toml": descriptor("samples/k8s", linuxTargets), "bin/detect": script})
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	writeFile(t, kubeconfig, noCluster)
	create := in(exec.CommandContext(t.Context(), world.BuildxPath(), "create", "--name", "k8s", "--driver", "kubernetes"), dir)
	create.Env = append(create.Env, "KUBECONFIG="+kubeconfig)
	if r := runCommand(t, create); r.code != 0 {
		t.Fatalf("buildx create: %s", r.stderr)
	}
	defer buildx(t, dir, "rm", "--keep-state", "--keep-daemon", "k8s")

	// What is started by a build only is not said to work.
	if r := extpack(t, dir, "builder", "doctor", "--builder", "k8s", "."); r.code != 0 ||
		!strings.HasSuffix(r.stdout, "\nno problems found, with 1 warning; no trial build was run\n") {
		t.Errorf("doctor: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, quiet := range [][]string{nil, {"-q"}} {
		r := extpack(t, dir, append([]string{"build", "--builder", "k8s", "-o", "x.cnb", "."}, quiet...)...)
		want := regexp.MustCompile(`(?s)^#?.*ERROR: error for bootstrap .*
ERROR: building: the cluster of the builder's node k8s0 does not respond: Get "http://127\.0\.0\.1:1/[^"\n]*": [^\n]*connection refused; buildx's own message is above
  check whether "kubectl get deployments" works with the kubeconfig that "docker buildx inspect" names, or choose another builder with --builder
$`)
		if r.code != 1 || r.stdout != "" || !want.MatchString(r.stderr) {
			t.Errorf("%v: exit code %d, stdout %q, stderr:\n%s", quiet, r.code, r.stdout, r.stderr)
		}
	}
	cmd := command(t.Context(), dir, "build", "--engine", "auto", "-o", "x.cnb", ".")
	cmd.Env = append(cmd.Env, "BUILDX_BUILDER=k8s")
	r := runCommand(t, cmd)
	if r.code != 0 || r.stdout != "x.cnb\n" || !strings.Contains(r.stderr, "\npacking without a builder: the cluster of the builder's node k8s0 does not respond") {
		t.Errorf("--engine auto: exit code %d, stdout %q, stderr:\n%s", r.code, r.stdout, r.stderr)
	}
}
