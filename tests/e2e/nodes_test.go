package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// nodesAdded tells the builders of tests apart.
var nodesAdded atomic.Int32

// addNodes registers a builder of the test with a node for each platform.
func addNodes(t *testing.T, platforms ...string) (name string) {
	t.Helper()
	name = fmt.Sprintf("nodes-%d", nodesAdded.Add(1))
	if err := world.AddNodes(t.Context(), name, platforms...); err != nil {
		t.Fatal(err)
	}
	return name
}

// platformLine is a line of what "buildx history inspect" prints.
var platformLine = regexp.MustCompile(`(?m)^Platforms:\s+(\S.*)$`)

// built returns the platforms that each node of a builder says it has built.
func built(t *testing.T, builder string) map[string][]string {
	t.Helper()
	platforms := map[string][]string{}
	for dec := json.NewDecoder(strings.NewReader(buildx(t, ".", "history", "ls", "--builder", builder, "--format", "json"))); ; {
		var record struct{ Ref string }
		if err := dec.Decode(&record); errors.Is(err, io.EOF) {
			return platforms
		} else if err != nil {
			t.Fatal(err)
		}
		node := path.Base(path.Dir(record.Ref))
		inspected := buildx(t, ".", "history", "inspect", "--builder", builder, path.Base(record.Ref))
		match := platformLine.FindStringSubmatch(inspected)
		if match == nil {
			t.Fatalf("%s names no platforms:\n%s", record.Ref, inspected)
		}
		platforms[node] = append(platforms[node], match[1])
	}
}

// TestNodes builds with two BuildKit daemons of which only the second says that
// it builds for arm64. What the machine runs, all of them say; the first that
// does gets it.
func TestNodes(t *testing.T) {
	t.Parallel()
	builder := addNodes(t, "linux/amd64", "linux/arm64")
	dir := extensionDir(t, map[string]string{
		"extension.toml":           descriptor("samples/nodes", linuxTargets),
		"linux/amd64/bin/detect":   script,
		"linux/arm64/bin/detect":   script + "# arm64\n",
		"linux/arm64/bin/generate": script,
	})
	mustExtpack(t, dir, "bake", ".")
	cmd := exec.CommandContext(t.Context(), world.BuildxPath(), "bake", "--builder", builder, "--allow", "fs=*",
		"--set", "*.output=type=oci,tar=false,dest="+t.TempDir())
	refused := runCommand(t, in(cmd, dir))
	if want := "oci for multi-node builds currently not supported"; refused.code == 0 || !strings.Contains(refused.stderr, want) {
		t.Errorf("buildx exports layouts from several nodes now, so bake need not spread targets: exit code %d\n%s", refused.code, refused.stderr)
	}

	ref := tag(t, "1")
	r := extpack(t, dir, "build", "--force", "--builder", builder, "--push", "-t", ref, ".")
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	want := map[string][]string{builder + "-0": {"linux/amd64"}, builder + "-1": {"linux/arm64"}}
	if got := built(t, builder); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the nodes built %v, want %v", got, want)
	}
	// Who built it makes no difference.
	if several, one := fetch(t, ref).digest, digestOf(t, dir, tag(t, "2")); several != one {
		t.Errorf("several nodes made %s and one made %s", several, one)
	}
}

// TestNodesSelected has the builder selected by "buildx use", not by a flag.
func TestNodesSelected(t *testing.T) {
	builder := addNodes(t, "linux/amd64", "linux/arm64")
	dir := extensionDir(t, map[string]string{
		"extension.toml":         descriptor("samples/nodes", linuxTargets),
		"linux/amd64/bin/detect": script,
		"linux/arm64/bin/detect": script + "# arm64\n",
	})
	buildx(t, dir, "use", builder)
	defer buildx(t, dir, "use", world.Builder())
	cmd := command(t.Context(), dir, "build", "--force", "--push", "-t", tag(t, "1"), ".")
	cmd.Env = append(cmd.Env, "BUILDX_BUILDER=")
	if r := runCommand(t, cmd); r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	want := map[string][]string{builder + "-0": {"linux/amd64"}, builder + "-1": {"linux/arm64"}}
	if got := built(t, builder); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the nodes built %v, want %v", got, want)
	}
}

// TestNodesStage has each node build the stage of its platform and attest it.
func TestNodesStage(t *testing.T) {
	t.Parallel()
	builder := addNodes(t, "linux/amd64", "linux/arm64")
	dir := extensionDir(t, map[string]string{
		"extension.toml": descriptor("samples/nodes", linuxTargets+"\n[metadata.extpack.build]\nstage = \"out\"\n"),
		"Dockerfile":     "FROM scratch AS out\nARG TARGETARCH\nCOPY src/${TARGETARCH} /bin/detect\nCOPY src/${TARGETARCH} /bin/generate\n",
		"src/amd64":      script + "# amd64\n",
		"src/arm64":      script + "# arm64\n",
	})
	ref := tag(t, "1")
	r := extpack(t, dir, "build", "--force", "--builder", builder, "--push", "-t", ref, "--provenance=mode=max", ".")
	if r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	for node, want := range map[string]string{builder + "-0": "linux/amd64", builder + "-1": "linux/arm64"} {
		got := built(t, builder)[node]
		if len(got) == 0 || slices.ContainsFunc(got, func(p string) bool { return p != want }) {
			t.Errorf("%s built %v, want %s only", node, got, want)
		}
	}
	if n := len(fetch(t, ref).index.Manifests); n != 4 {
		t.Errorf("the index has %d children, want two images and their attestations", n)
	}
}
