package e2e_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestStageRefusals: one clear sentence with the cause and the next command,
// after buildx's own text where it ran.
func TestStageRefusals(t *testing.T) {
	t.Parallel()
	shell := shellImage(t)
	index := strings.TrimSuffix(shell, "1") + "index" // one image alone passes for every platform
	buildx(t, t.TempDir(), "imagetools", "create", "-t", index, shell)
	layout := filepath.Join(t.TempDir(), "layout")
	buildx(t, extensionDir(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"}), "build", "--platform", "linux/amd64,linux/arm64", "--provenance=false",
		"--output", "type=oci,tar=false,name=x,dest="+layout, ".")
	const table = "\n[metadata.extpack.build]\n"
	tests := []struct {
		name, toml, dockerfile string
		flags                  []string
		code                   int
		want                   []string
	}{
		{
			"no stage", table + "stage = \"out\"\n", "FROM scratch AS outt\n", nil, 2,
			[]string{`has no stage "out": it has outt`},
		},
		{
			"no Dockerfile", table + "dockerfile = \"build/Dockerfile\"\n", "FROM scratch\n",
			[]string{"--target", "linux/arm/v6"},
			2,
			[]string{"build/Dockerfile not found in ", " for the build stage\n"},
		},
		{
			"no bin/generate", table, "FROM scratch\nCOPY extension.toml /x\n", nil, 2,
			[]string{"the build stage has no /bin/generate and no folder /generate", "COPY --from=compile /out/generate /bin/generate"},
		},
		{
			"nothing at all", table, "FROM scratch\n", nil, 1,
			[]string{"the build stage is empty", "COPY --from=compile /out/ /"},
		},
		{
			"nothing for several platforms", table, "FROM scratch\n",
			[]string{"--target", "linux/amd64", "--target", "linux/arm64"},
			1,
			[]string{"the build stage is empty"},
		},
		{
			"secret without a source", table + "secrets = [\"id=token\"]\n", "FROM scratch\n",
			[]string{"--allow", "secret=token"},
			2,
			[]string{"secret token of e2e/refused@1.2.3: the variable token is not set"},
		},
		{
			"secret whose file is missing", table + "secrets = [\"id=token,src=secret.txt\"]\n", "FROM scratch\n",
			[]string{"--allow", "secret=token"},
			2,
			[]string{"file not found: ", "secret.txt\n", "  create it"},
		},
		{
			"secret that nobody gives", table, "FROM " + shell + "\nRUN --mount=type=secret,id=token,required true\n", nil, 1,
			[]string{"the build stage requires secret token, which was not provided", "--secret id=token,src=FILE", "> [e2e_refused-build"},
		},
		{
			"base image without the platform", table, "FROM " + index + "\n",
			[]string{"--target", "linux/s390x", "--target", "linux/ppc64le"},
			1,
			[]string{"the base image " + index + " has no image for linux/s390x, linux/ppc64le, only for linux/", "FROM --platform=$BUILDPLATFORM", "no match for platform in manifest"},
		},
		{
			"base layout without the platform", table, "FROM base\n",
			[]string{"--target", "linux/s390x", "--build-context", "base=oci-layout://" + layout},
			1,
			[]string{"the base image of oci-layout://" + layout + " has no image for linux/s390x, only for linux/amd64, linux/arm64;"},
		},
		{
			"no base image", table, "FROM " + world.Registry() + "/base/none:1\n", nil, 1,
			[]string{"image " + world.Registry() + "/base/none:1 not found"},
		},
		{
			"a base image without a name", table, "ARG BASE\nFROM $BASE\n", nil, 1,
			[]string{"the Dockerfile names a base image by $BASE, which is empty", "--build-arg"},
		},
		{
			"a step that fails", table, "FROM " + shell + "\nRUN exit 3\n", nil, 1,
			[]string{"the step /bin/sh -c exit 3 of the Dockerfile failed with exit code 3"},
		},
		{
			"a file that is not there", table, "FROM scratch\nCOPY gone /bin/generate\n", nil, 1,
			[]string{`the Dockerfile copies "/gone", which does not exist`},
		},
		{
			"a context outside the extension", table + "contexts = { up = \"/etc\" }\n", "FROM scratch\nCOPY --from=up hostname /bin/generate\n", nil, 2,
			[]string{"the extension requests context up from /etc, outside its repository", "which was not granted", "add --allow fs.read=/etc"},
		},
		{
			// What buildx takes for a file of this machine where no source is given.
			"a secret outside the extension", table + "secrets = [\"id=/etc/hostname\"]\n", "FROM " + shell + "\nRUN --mount=type=secret,id=/etc/hostname true\n", nil, 2,
			[]string{"the extension requests secret /etc/hostname from the environment variable /etc/hostname, which was not granted"},
		},
		{
			// What bake takes for a folder, from wherever it runs.
			"a context of bake's own", table + "contexts = { up = \"cwd:///etc\" }\n", "FROM scratch\nCOPY --from=up hostname /bin/generate\n", nil, 2,
			[]string{"context up: folder "},
		},
		{
			"an SSH key outside the extension", table + "ssh = [\"default=/etc/hostname\"]\n", "FROM " + shell + "\nRUN --mount=type=ssh true\n", nil, 2,
			[]string{"the extension requests ssh default, the key or socket /etc/hostname, outside its repository"},
		},
		{
			"the SSH agent", table + "ssh = [\"default\"]\n", "FROM " + shell + "\nRUN --mount=type=ssh true\n", nil, 2,
			[]string{"the extension requests ssh default, your SSH agent, which was not granted", "add --allow ssh=default, or --ssh default"},
		},
		{
			"the machine's network", table + "network = \"host\"\n", "FROM " + shell + "\nRUN true\n", nil, 2,
			[]string{"the extension requests the network of the builder's machine, which was not granted", "add --allow network.host"},
		},
		{
			"a step on the machine's network", table, "FROM " + shell + "\nRUN --network=host true\n", nil, 1,
			[]string{"a step of the Dockerfile requires network.host, which was not granted", "add --allow network.host"},
		},
		{
			"a step that is allowed", table, "FROM " + shell + "\nRUN --network=host --security=insecure true\n",
			[]string{"--allow", "network.host", "--allow", "security.insecure"},
			1,
			[]string{"the builder does not allow "},
		},
		{
			"an SSH key that is not there", table + "ssh = [\"default=key\"]\n", "FROM " + shell + "\nRUN --mount=type=ssh true\n",
			[]string{"--allow", "ssh"},
			2,
			[]string{"ssh default of e2e/refused@1.2.3: socket or key not found: "},
		},
		{
			"an entry point that links to nothing", table, "FROM " + shell + " AS make\nRUN mkdir -p /out/bin && ln -s gone /out/bin/generate\nFROM scratch\nCOPY --from=make /out /\n", nil, 1,
			[]string{"/bin/generate of the build stage is a link to a file that is not in the stage"},
		},
		{
			"a cache that cannot be written", table, "FROM " + shell + " AS make\nRUN mkdir -p /out/bin && echo '#!/bin/sh' > /out/bin/generate\nFROM scratch\nCOPY --from=make /out /\n",
			[]string{"--cache-to", "type=registry,ref=localhost:1/cache"},
			1,
			[]string{"the cache cannot be written: ", "connection refused", "ignore-error=true"},
		},
		{
			"a dry run", table + "contexts = { up = \"/etc\" }\n", "FROM scratch\n",
			[]string{"--dry-run"},
			2,
			[]string{"the extension requests context up from /etc"},
		},
		{
			"engine without a builder", table, "FROM scratch\n",
			[]string{"--engine", "embedded"},
			2,
			[]string{"its build stage requires a builder"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := extensionDir(t, map[string]string{"extension.toml": descriptor("e2e/refused", tt.toml), "Dockerfile": tt.dockerfile})
			work := t.TempDir()
			r := extpack(t, work, append([]string{"build", dir, "-o", "x.cnb"}, tt.flags...)...)
			if r.code != tt.code || r.stdout != "" && !slices.Contains(tt.flags, "--dry-run") {
				t.Errorf("exit code %d, stdout %q, want %d", r.code, r.stdout, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("stderr lacks %q:\n%s", want, r.stderr)
				}
			}
		})
	}
}
